package ldapwriter

import (
	"net"
	"sync/atomic"
	"time"
)

// wire is the TCP connection below TLS. It knows whether anything was sent, which tells a modify that never left from
// one whose outcome is unknown; and it bounds each write, which go-ldap does not.
type wire struct {
	net.Conn
	limit time.Duration
	sent  atomic.Int64
}

// Write sends with a time limit of its own, and counts what left.
func (w *wire) Write(p []byte) (int, error) {
	if err := w.SetWriteDeadline(time.Now().Add(w.limit)); err != nil {
		return 0, err
	}
	n, err := w.Conn.Write(p)
	w.sent.Add(int64(n))
	return n, err
}
