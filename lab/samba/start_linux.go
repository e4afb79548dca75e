package samba

import (
	"cmp"
	"context"
	"errors"
	"sync"

	"github.com/aliasd/aliasd/lab/pki"
	"github.com/aliasd/aliasd/lab/site"
)

// Start restores a provisioned domain (or provisions one, once, which takes several seconds), runs a domain controller on it
// and returns when it answers over LDAPS. It ends with the Stop of the site, and at the latest with this process. Whoever
// wants to skip a test where Samba is not installed asks Missing first.
func Start(ctx context.Context, options Options) (*site.Site, error) {
	if err := Missing(); err != nil {
		return nil, err
	}
	address, err := claimAddress()
	if err != nil {
		return nil, err
	}
	space, err := newWorkspace()
	if err != nil {
		return nil, errors.Join(err, address.release())
	}
	dc := &controller{space: space, folder: space.folder(), address: address, model: cmp.Or(options.ProcessModel, "single")}
	running, err := dc.start(ctx, options)
	if err != nil {
		return nil, errors.Join(err, dc.clear())
	}
	return running, nil
}

// controller is one domain controller: its folder, its address and, once it runs, its process.
type controller struct {
	space   *workspace
	folder  folder
	address *claim
	model   string
	process *process
}

func (c *controller) start(ctx context.Context, options Options) (*site.Site, error) {
	authority, err := pki.NewAuthority("aliasd lab")
	if err != nil {
		return nil, err
	}
	if err := restore(ctx, options, c.folder); err != nil {
		return nil, err
	}
	if err := c.configure(authority, options.Certificate); err != nil {
		return nil, err
	}
	running := c.describe(authority)
	if c.process, err = launch(c.folder, c.model); err != nil {
		return nil, err
	}
	if err := c.process.await(ctx, running); err != nil {
		return nil, errors.Join(err, c.process.stop())
	}
	return running, nil
}

// configure writes what differs from one domain controller to the next: the settings with the folder's name and the address,
// and the certificate.
func (c *controller) configure(authority *pki.Authority, leaf pki.Leaf) error {
	if len(leaf.Names) == 0 {
		leaf.Names = []string{c.address.ip, site.HostName}
	}
	pair, err := authority.Issue(leaf)
	if err != nil {
		return err
	}
	return errors.Join(
		c.folder.writeSettings(c.address.ip),
		c.folder.write("tls/key.pem", pair.Key),
		c.folder.write("tls/cert.pem", pair.Cert),
		c.folder.write("tls/ca.pem", authority.PEM()),
	)
}

func (c *controller) describe(authority *pki.Authority) *site.Site {
	return &site.Site{
		Server:        "ldaps://" + c.address.ip + ":636",
		GlobalCatalog: "ldaps://" + c.address.ip + ":3269",
		CA:            authority.PEM(),
		BaseDN:        site.BaseDN,
		Domain:        site.Domain,
		Admin:         site.Login{User: "Administrator@" + site.Domain, Password: adminPassword},
		Service:       site.Login{User: site.ServiceAccount + "@" + site.Domain, Password: servicePassword},
		Stop:          sync.OnceValue(c.stop),
	}
}

func (c *controller) stop() error {
	return errors.Join(c.process.stop(), c.clear())
}

// clear frees what a domain controller holds that does not run.
func (c *controller) clear() error {
	return errors.Join(c.space.Remove(), c.address.release())
}
