package samba

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// Samba's ports are fixed, so that every domain controller needs an address of its own: one of 127.0.10.1 to 127.0.10.254.
// Whoever listens on claimPort of an address has it. The kernel ends that claim with the process, whatever becomes of it.
const (
	claimPort = 10636
	addresses = 254
)

// claim is the right to one loopback address.
type claim struct {
	ip       string
	listener net.Listener
}

// claimAddress takes an address that no other domain controller on this machine has. It begins anywhere, so that several
// test processes that start at once seldom meet.
func claimAddress() (*claim, error) {
	for _, n := range rand.Perm(addresses) {
		ip := fmt.Sprintf("127.0.10.%d", n+1)
		listener, err := net.Listen("tcp", net.JoinHostPort(ip, fmt.Sprint(claimPort)))
		if err != nil {
			continue
		}
		if free(ip) {
			return &claim{ip: ip, listener: listener}, nil
		}
		_ = listener.Close()
	}
	return nil, errors.New("all loopback addresses 127.0.10.1 to 127.0.10.254 are taken by other domain controllers")
}

// free says that nothing that knows no claims listens there either.
func free(ip string) bool {
	for _, port := range []string{"389", "636", "3268", "3269", "88"} {
		listener, err := net.Listen("tcp", net.JoinHostPort(ip, port))
		if err != nil {
			return false
		}
		_ = listener.Close()
	}
	return true
}

func (c *claim) release() error {
	if err := c.listener.Close(); err != nil {
		return fmt.Errorf("release %s: %w", c.ip, err)
	}
	return nil
}
