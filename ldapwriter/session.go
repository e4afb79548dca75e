package ldapwriter

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// pageSize is how many entries one page of a paged search has; AD allows 1,000 by default (MaxPageSize).
const pageSize = 500

// session is one bound connection to one server.
type session struct {
	conn *ldap.Conn
	wire *wire
	// facts is what the server says about itself.
	facts *rootDSE
	// used says that it served before: it may have died while it lay in the pool.
	used bool
	// asked is when the last search was sent, in nanoseconds since 1970.
	asked atomic.Int64
}

// cut ends the connection at once; whatever waits on it gets an error.
func (c *session) cut() { _ = c.wire.Close() }

// abort ends the connection by a reset (SO_LINGER 0, tcp(7)): what is still to be sent is thrown away, and so is, as a rule, what the server has
// received and not read yet.
func (c *session) abort() {
	if tcp, ok := c.wire.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // only a closed one refuses
	}
	c.cut()
}

// close ends the connection in order.
func (c *session) close() { _ = c.conn.Close() }

// lostError says that a connection broke, or that its answer did not come in time. It is of no more use.
type lostError struct{ err error }

// Error gives what broke.
func (e *lostError) Error() string { return fmt.Sprintf("connection lost: %v", e.err) }

// Unwrap gives the error below.
func (e *lostError) Unwrap() error { return e.err }

// verdict marks errors that are no answer of the server as a lost connection; an answer stays an *ldap.Error.
func verdict(err error) error {
	var answer *ldap.Error
	if err == nil || errors.As(err, &answer) && answer.ResultCode < ldap.ErrorNetwork {
		return tidied(err)
	}
	return &lostError{err: err}
}

// search runs one search in one round trip; only where the server stops at its limit it goes through pages (RFC 2696).
// References to other partitions are not asked for, and never followed.
func (c *session) search(base string, scope int, filter string, attributes []string) ([]*ldap.Entry, error) {
	if _, err := ldap.CompileFilter(filter); err != nil {
		return nil, fmt.Errorf("search with %q: %w", filter, err)
	}
	request := ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, c.controls(scope))
	result, err := c.ask(request)
	if ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) {
		result, err = c.conn.SearchWithPaging(request, pageSize)
		err = verdict(err)
	}
	if err != nil {
		return nil, err
	}
	return result.Entries, nil
}

// ask sends one search and waits for its answer. Errors are *ldap.Error where the server gave one, else *lostError.
func (c *session) ask(request *ldap.SearchRequest) (*ldap.SearchResult, error) {
	c.asked.Store(time.Now().UnixNano())
	result, err := c.conn.Search(request)
	if err != nil {
		return nil, verdict(err)
	}
	return result, nil
}

// silent is how long ago the last search was sent.
func (c *session) silent() time.Duration { return time.Since(time.Unix(0, c.asked.Load())) }

// controls are those of a search: domain scope, where the server knows it and there can be references at all.
func (c *session) controls(scope int) []ldap.Control {
	if scope == ldap.ScopeBaseObject || !c.facts.supports(domainScope) {
		return nil
	}
	return []ldap.Control{criticalControl(domainScope)}
}

// modify sends one modify. left says whether any of it left this machine: only where it is false, an error means for
// sure that nothing happened.
func (c *session) modify(request *ldap.ModifyRequest) (left bool, err error) {
	before := c.wire.sent.Load()
	err = c.conn.Modify(request)
	return c.wire.sent.Load() != before, verdict(err)
}
