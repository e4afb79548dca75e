package ldapwriter

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// Options say which directory to use and how.
type Options struct {
	// Servers are the domain's DCs, ldaps://host or ldaps://host:636. The first one is pinned: it is used as long as it
	// answers. Name the one that the sync server reads from.
	Servers []string
	// GlobalCatalog are global catalogs of the forest, ldaps://host:3269; optional. They are asked for the other domains
	// of the forest; without them each domain is asked by itself.
	GlobalCatalog []string
	// BaseDN is where holders are looked for and written to, the domain's own DN as a rule. It is a boundary: whoever is not below it is
	// not written to, also by objectGUID or DN.
	BaseDN string
	// RootCAs are who may vouch for the servers; nil means the system's.
	RootCAs *x509.CertPool
	// Bind signs in on each new connection.
	Bind Binder
	// Connections is how many are open to one server at most; 4 when it is 0.
	Connections int
	// PageSize is how many entries EachHolder asks for at a time; 1,000 when it is 0, which is what AD gives at most
	// (MaxPageSize, MS-ADTS 3.1.1.3.4.6). A server that allows less gives less.
	PageSize int
	// Timeout bounds one operation, and the making of one connection; 10 s when it is 0.
	Timeout time.Duration
	// Logger is told what no error tells; nil means nobody.
	Logger *slog.Logger
	// Now is the clock; nil means the system's.
	Now func() time.Time
}

// What holds where the options say nothing, and the ports of LDAPS (Microsoft, "Service overview and network port
// requirements for Windows").
const (
	defaultConnections = 4
	defaultPageSize    = 1000
	defaultTimeout     = 10 * time.Second
	ldapsPort          = "636"
	catalogPort        = "3269"
)

// withDefaults fills in what was left out.
func (o Options) withDefaults() Options {
	if o.Connections == 0 {
		o.Connections = defaultConnections
	}
	if o.PageSize == 0 {
		o.PageSize = defaultPageSize
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// check reports everything that is wrong, at once.
func (o Options) check() error {
	var wrong []error
	if len(o.Servers) == 0 {
		wrong = append(wrong, errors.New("no server is named"))
	}
	for _, raw := range append(append([]string{}, o.Servers...), o.GlobalCatalog...) {
		if _, err := parseServer(raw, ldapsPort); err != nil {
			wrong = append(wrong, err)
		}
	}
	if dn, err := ldap.ParseDN(o.BaseDN); err != nil || len(dn.RDNs) == 0 {
		wrong = append(wrong, fmt.Errorf("base DN %q is no distinguished name such as DC=contoso,DC=test", o.BaseDN))
	}
	if o.Bind == nil {
		wrong = append(wrong, errors.New("no way to sign in is given"))
	}
	if o.Connections < 0 || o.Timeout < 0 || o.PageSize < 0 {
		wrong = append(wrong, errors.New("connections, page size and time limit must not be negative"))
	}
	return errors.Join(wrong...)
}

// parseServer reads ldaps://host[:port]. Anything but LDAPS is an error: there is no way to do without TLS.
func parseServer(raw, port string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, fmt.Errorf("server %q is no URL: %w", raw, err)
	case u.Scheme != "ldaps":
		return nil, fmt.Errorf("server %q must begin with ldaps://", raw)
	case u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/":
		return nil, fmt.Errorf("server %q must be ldaps://host:port and nothing else", raw)
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), port)
	}
	return u, nil
}
