// Package directory is an Active Directory domain controller for tests and the demo: LDAPS and a global catalog on loopback,
// everything in memory, up in milliseconds, on every system. Where Windows AD is stricter than Samba (values that differ in
// case only, ranges, page sizes, uniqueness, the codes of refusals) it is as strict as Windows AD. Tests can make it slow, make it
// refuse, cut connections at a chosen moment, stop and continue it, and give it a second domain controller that lags behind. It
// speaks no plain LDAP and no Kerberos, it has one domain, and it is no server for anything but the lab.
package directory

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aliasd/aliasd/lab/directory/store"
	"github.com/aliasd/aliasd/lab/loopback"
	"github.com/aliasd/aliasd/lab/pki"
	"github.com/aliasd/aliasd/lab/site"
)

// The passwords of the lab's accounts.
const (
	adminPassword   = "Passw0rd-lab"
	servicePassword = "Passw0rd-svc"
)

// What a domain controller's query policy says by default (MS-ADTS 3.1.1.3.4.6), and how many wrong passwords the lab's domain
// takes.
const (
	defaultPageSize         = 1000
	defaultValueRange       = 1500
	defaultLockoutThreshold = 5
)

// Options say what the directory shall be like. The zero value is right for most tests.
type Options struct {
	// Objects stand in the directory from the start.
	Objects []site.Object
	// Certificate is the server's; without names it gets the right ones, without times it is valid now.
	Certificate pki.Leaf
	// Delegated are the attributes that the service account may write in OU=People; nil stands for proxyAddresses and mail.
	Delegated []string
	// ProxiesOutsideCatalog makes a forest without Exchange: proxyAddresses is not in the global catalog.
	ProxiesOutsideCatalog bool
	// PageSize is MaxPageSize: how many entries a search without paging gives. 0 stands for 1000.
	PageSize int
	// ValueRange is MaxValRange: how many values of an attribute are shown at once. 0 stands for 1500.
	ValueRange int
	// LockoutThreshold is how many wrong passwords lock an account; 0 stands for 5.
	LockoutThreshold int
	// Listen is the loopback address, with the port, on which LDAPS is served, for a directory that has to be the same again; empty
	// stands for a free port of a host of its own.
	Listen string
	// GUID gives the objectGUID of a new object by its DN, for the same; nil draws random ones.
	GUID func(dn string) [16]byte
	// Now is the directory's clock; nil stands for the real one.
	Now func() time.Time
}

// Directory is a running directory. All methods may be called concurrently.
type Directory struct {
	options   Options
	host      string
	authority *pki.Authority
	store     *store.Store
	site      *site.Site
	hook      atomic.Pointer[Hook]
	ldaps     *listener
	catalog   *listener

	bindMu sync.Mutex // one bind at a time counts wrong passwords
}

// Start makes a directory and serves it on two ports of a loopback address of its own. It ends with its site's Stop.
func Start(options Options) (*Directory, error) {
	d := &Directory{options: options.withDefaults(), host: site.HostName}
	if err := d.fill(); err != nil {
		return nil, err
	}
	var err error
	if d.authority, err = pki.NewAuthority("aliasd lab"); err != nil {
		return nil, err
	}
	return d, d.begin()
}

// begin serves both ports, and describes them.
func (d *Directory) begin() error {
	if err := d.serve(); err != nil {
		return err
	}
	d.site = &site.Site{
		Server:        d.ldaps.url(),
		GlobalCatalog: d.catalog.url(),
		CA:            d.authority.PEM(),
		BaseDN:        site.BaseDN,
		Domain:        site.Domain,
		Admin:         site.Login{User: "Administrator@" + site.Domain, Password: adminPassword},
		Service:       site.Login{User: site.ServiceAccount + "@" + site.Domain, Password: servicePassword},
		Stop:          sync.OnceValue(d.Suspend),
	}
	return nil
}

func (o Options) withDefaults() Options {
	o.PageSize = cmp.Or(o.PageSize, defaultPageSize)
	o.ValueRange = cmp.Or(o.ValueRange, defaultValueRange)
	o.LockoutThreshold = cmp.Or(o.LockoutThreshold, defaultLockoutThreshold)
	if o.Delegated == nil {
		o.Delegated = []string{"proxyAddresses", "mail"}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Site describes the directory to whoever connects to it.
func (d *Directory) Site() *site.Site { return d.site }

// Suspend cuts all connections and takes no new ones, as a domain controller that is switched off; everything that was
// written is kept. It returns when nobody is served any more.
func (d *Directory) Suspend() error {
	return errors.Join(d.ldaps.close(), d.catalog.close())
}

// Resume serves again, on the same ports, after Suspend.
func (d *Directory) Resume() error {
	return errors.Join(d.ldaps.open(), d.catalog.open())
}

// serve opens both ports.
func (d *Directory) serve() error {
	address := cmp.Or(d.options.Listen, net.JoinHostPort(loopback.Host(), "0"))
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	leaf := d.options.Certificate
	if len(leaf.Names) == 0 {
		leaf.Names = []string{d.host, host}
	}
	pair, err := d.authority.Issue(leaf)
	if err != nil {
		return err
	}
	certificate, err := pair.TLS()
	if err != nil {
		return fmt.Errorf("use the directory's certificate: %w", err)
	}
	d.ldaps = newListener(address, certificate, d.session(false))
	d.catalog = newListener(net.JoinHostPort(host, "0"), certificate, d.session(true))
	if err := d.Resume(); err != nil {
		return errors.Join(err, d.Suspend())
	}
	return nil
}
