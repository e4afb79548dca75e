package ldapwriter

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/cause"
)

// Binder signs in on a new connection.
type Binder interface {
	// Bind signs in once. A refusal is an *ldap.Error with result code 49; it is never repeated here. It is called by
	// one goroutine at a time in the whole process.
	Bind(conn *ldap.Conn) error
	// Account names who signs in, for messages and for the commands that give it rights: svc-aliasd@contoso.test.
	Account() string
}

// SimpleBind signs in with a name and a password; the connection is LDAPS always.
type SimpleBind struct {
	// User is a UPN, DOMAIN\name or a DN.
	User string
	// Password is asked on each new connection, so that a changed secret is taken up without a restart.
	Password func() (string, error)
}

var _ Binder = SimpleBind{}

// Bind does one simple bind (RFC 4513, 5.1.3). An empty password is an error and is not sent: it would be an anonymous
// bind that "succeeds".
func (b SimpleBind) Bind(conn *ldap.Conn) error {
	password, err := b.Password()
	if err != nil {
		return &secretError{account: b.User, err: err}
	}
	return conn.Bind(b.User, password)
}

// secretError says that the password could not be read: a fault of this machine's, of which the server knows nothing.
type secretError struct {
	account string
	err     error
}

// Error names the account and says what is wrong, with what mends it.
func (e *secretError) Error() string {
	return fmt.Sprintf("the password of %s cannot be read: %v", e.account, e.err)
}

// Unwrap gives the error of whoever keeps the password.
func (e *secretError) Unwrap() error { return e.err }

// Account gives User.
func (b SimpleBind) Account() string { return b.User }

// bindRest is how long no bind is tried after a refused one.
const bindRest = 30 * time.Minute

// bindGate lets one bind at a time through, and none for a while after a refused one: many connections with one wrong
// password would lock the account. There is one for the whole process, whatever the server.
type bindGate struct {
	now  func() time.Time
	turn chan struct{} // holds one token while a bind is under way

	mu      sync.Mutex
	until   time.Time
	refusal error // what was refused, for those who come until then
}

func newBindGate(now func() time.Time) *bindGate {
	return &bindGate{now: now, turn: make(chan struct{}, 1)}
}

// check gives Wait(directory_unavailable) while no bind may be tried, nil otherwise.
func (g *bindGate) check() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refusal == nil || !g.now().Before(g.until) {
		return nil
	}
	return g.refusal
}

// bind runs one bind when its turn comes, unless one was refused meanwhile.
func (g *bindGate) bind(ctx context.Context, server string, b Binder, conn *ldap.Conn) error {
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return fmt.Errorf("wait for the sign-in of another connection: %w", ctx.Err())
	}
	if err := g.check(); err != nil {
		return err
	}
	err := tidied(b.Bind(conn))
	if ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
		return g.remember(server, b.Account(), err)
	}
	if err != nil {
		return fmt.Errorf("sign in as %s: %w", b.Account(), err)
	}
	return nil
}

// remember closes the gate and gives what everybody gets until it opens again.
func (g *bindGate) remember(server, account string, err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.until = g.now().Add(bindRest)
	g.refusal = cause.Wait(cause.DirectoryUnavailable,
		"%s refused to sign in %s: %s; no other attempt is made before %s or a restart, so that the account is not locked",
		server, account, whyNoBind(err), g.until.UTC().Format(minute)).Because(err)
	return g.refusal
}

// whyNoBind says why a bind was refused. AD tells it by a sub-code in the diagnostic text, "… data 52e, …".
func whyNoBind(err error) plain {
	code := subCode(err)
	if why, known := bindSubCodes()[code]; known {
		return plain{fmt.Sprintf("%s (%s)", why.what, code), why.mend}
	}
	if code != "" {
		return plain{"it gives the reason " + code, "look it up among the Windows error codes"}
	}
	return plain{"it gives no reason", "check the account's name and password"}
}

// subCode finds the sub-code of a refused bind, "" where there is none.
func subCode(err error) string {
	var refused *ldap.Error
	if !errors.As(err, &refused) || refused.Err == nil {
		return ""
	}
	match := regexp.MustCompile(`\bdata ([0-9a-fA-F]{1,8})\b`).FindStringSubmatch(refused.Err.Error())
	if match == nil {
		return ""
	}
	return match[1]
}

// bindSubCodes are the Windows error codes that AD puts into a refused bind (Microsoft, "System Error Codes", the
// numbers in hexadecimal), and what to do about each.
func bindSubCodes() map[string]plain {
	return map[string]plain{
		"525":      {"there is no such account", "check the user in directory.bind"},
		"52e":      {"the name or the password is wrong", "check directory.bind"},
		"530":      {"the account may not sign in at this time", "change its logon hours"},
		"531":      {"the account may not sign in from this machine", "change the workstations it is limited to"},
		"532":      {"its password has expired", "set a new one and put it into directory.bind"},
		"533":      {"the account is disabled", "enable it"},
		"568":      {"the account is in too many groups", "take it out of some"},
		"701":      {"the account has expired", "extend it"},
		"773":      {"its password must be changed first", "set a new one without that demand and put it into directory.bind"},
		"775":      {"the account is locked", "check the password in directory.bind, then unlock it"},
		"80090346": {"the server demands channel binding", "use bind method simple, which does without it"},
	}
}
