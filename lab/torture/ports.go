//go:build !windows

package torture

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
)

// ports gives daemons addresses that nobody else takes while they are dead: each has a loopback address of its own.
type ports struct{ given atomic.Int64 }

// next gives host:port.
func (p *ports) next() (string, error) {
	n, pid := p.given.Add(1), os.Getpid()
	host := fmt.Sprintf("127.%d.%d.%d", 64+pid%128, pid/128%256, 1+n%254)
	listener, err := net.Listen("tcp", host+":0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}
