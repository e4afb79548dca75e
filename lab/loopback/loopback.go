// Package loopback gives the servers of the lab addresses that nobody else takes while a server is down.
//
// A port of 127.0.0.1 that is free now may be taken a moment later: by another test's server, or by any connection, since
// connections to loopback leave from 127.0.0.1 too. So each server has a host of its own in 127.64.0.0/10. No connection leaves
// from there, and servers that ask this package for a host do not meet.
package loopback

import (
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
)

// Host gives a loopback address (IPv4) for one server, drawn from four million. macOS has 127.0.0.1 alone, so it is that there.
func Host() string {
	if runtime.GOOS == "darwin" {
		return "127.0.0.1"
	}
	return fmt.Sprintf("127.%d.%d.%d", 64+rand.IntN(64), rand.IntN(256), 1+rand.IntN(254))
}

// Address gives host:port on a host of its own, for a server that takes its address from a settings file.
func Address() (string, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(Host(), "0"))
	if err != nil {
		return "", fmt.Errorf("find a free port of loopback: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}
