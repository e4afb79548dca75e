package ldapwriter_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// tap is a relay in front of a directory, through which a test can cut, stop and delay what passes. It stands at the
// directory's own address, so that the certificate fits.
type tap struct {
	url    string
	target string
	// accepted counts connections; each signs in once.
	accepted atomic.Int32

	mu      sync.Mutex
	down    bool
	pairs   map[*pair]bool
	request func() bool // called on the next bytes from the client; false cuts instead of passing them on
	reply   func() bool // likewise on the next bytes from the server
}

// pair is one relayed connection.
type pair struct{ client, server net.Conn }

func (p *pair) close() {
	_ = p.client.Close()
	_ = p.server.Close()
}

func newTap(t *testing.T, server string) *tap {
	t.Helper()
	target := strings.TrimPrefix(server, "ldaps://")
	host, _, err := net.SplitHostPort(target)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{url: "ldaps://" + net.JoinHostPort(host, port), target: target, pairs: map[*pair]bool{}}
	var serving sync.WaitGroup
	serving.Go(func() { p.serve(listener, &serving) })
	t.Cleanup(func() {
		_ = listener.Close()
		p.cut()
		serving.Wait()
	})
	return p
}

func (p *tap) serve(listener net.Listener, serving *sync.WaitGroup) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		if made := p.relay(client); made != nil {
			serving.Go(func() { p.pass(made, made.client, made.server, &p.request) })
			serving.Go(func() { p.pass(made, made.server, made.client, &p.reply) })
		}
	}
}

// relay connects to the directory for a client, nil while the tap is down.
func (p *tap) relay(client net.Conn) *pair {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accepted.Add(1)
	if p.down {
		_ = client.Close()
		return nil
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = client.Close()
		return nil
	}
	made := &pair{client: client, server: server}
	p.pairs[made] = true
	return made
}

// pass copies one direction until it ends.
func (p *tap) pass(made *pair, from, to net.Conn, hook *func() bool) {
	defer p.drop(made)
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if hooked := p.take(hook); hooked != nil && !hooked() {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// take takes a hook away, so that it runs once.
func (p *tap) take(hook *func() bool) func() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := *hook
	*hook = nil
	return taken
}

func (p *tap) drop(made *pair) {
	p.mu.Lock()
	defer p.mu.Unlock()
	made.close()
	delete(p.pairs, made)
}

// cut ends all connections.
func (p *tap) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for made := range p.pairs {
		made.close()
	}
}

// setDown makes the directory unreachable, or reachable again.
func (p *tap) setDown(down bool) {
	p.mu.Lock()
	p.down = down
	p.mu.Unlock()
	if down {
		p.cut()
	}
}

// onRequest sets what happens to the next bytes from a client; false cuts the connection instead of passing them on.
func (p *tap) onRequest(hook func() bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.request = hook
}

// onReply sets what happens to the next bytes from the directory.
func (p *tap) onReply(hook func() bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reply = hook
}

// blackHole is a server that takes connections, counts them, and never says a word.
func blackHole(t *testing.T) (url string, taken *atomic.Int32) {
	t.Helper()
	taken = new(atomic.Int32)
	return serve(t, func(conn net.Conn) {
		taken.Add(1)
		_, _ = io.Copy(io.Discard, conn)
	}), taken
}
