// Package lab is a hybrid tenant in a box: an on-premises directory, a sync engine and a Microsoft 365 tenant, on loopback,
// with people in it. The demo, the tests and the benchmarks run the real daemon against it. The program contains the lab, since
// "aliasd demo" is one of its commands; only the files of that command may import it (TestImportsGoDown).
package lab

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"text/template"
	"time"

	"github.com/aliasd/aliasd/lab/directory"
	"github.com/aliasd/aliasd/lab/loopback"
	"github.com/aliasd/aliasd/lab/samba"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/lab/syncengine"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/private"
)

// Kind is which directory the lab has.
type Kind string

// The kinds of directories. Embedded runs everywhere; Samba is a real AD DC and needs Linux and its packages.
const (
	Embedded Kind = "embedded"
	Samba    Kind = "samba"
)

// Options say what the lab shall be.
type Options struct {
	Directory Kind // empty: Embedded
	// Objects stand in the directory from the start.
	Objects []site.Object
	Tenant  tenant.Options
	Sync    syncengine.Options
	// Replica gives the embedded directory a second domain controller, which stands second in the settings file. What is written on
	// one of the two comes to the other when Replication makes a step.
	Replica bool
}

// Lab is a running hybrid tenant. Its parts may be used directly.
type Lab struct {
	Site   *site.Site
	Tenant *tenant.Tenant
	Engine *syncengine.Engine
	// Embedded is the directory itself where it is the embedded one, for faults; nil otherwise.
	Embedded *directory.Directory
	// Replica is its second domain controller and Replication what joins them; nil where there is none.
	Replica     *directory.Directory
	Replication *directory.Replication
}

// Start starts all parts, puts the objects into the directory, and runs one sync cycle. Close it when done.
func Start(ctx context.Context, o Options) (l *Lab, err error) {
	l = &Lab{}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	if err := l.startSite(ctx, o.Directory); err != nil {
		return l, err
	}
	if l.Tenant, err = tenant.Start(o.Tenant); err != nil {
		return l, err
	}
	if err := l.Site.Populate(ctx, o.Objects); err != nil {
		return l, fmt.Errorf("populate the directory: %w", err)
	}
	if err := l.startReplica(o); err != nil {
		return l, err
	}
	if l.Engine, err = syncengine.New(l.Site, l.Tenant, o.Sync); err != nil {
		return l, err
	}
	return l, l.Engine.Cycle(ctx)
}

func (l *Lab) startSite(ctx context.Context, kind Kind) (err error) {
	switch kind {
	case Samba:
		l.Site, err = samba.Start(ctx, samba.Options{})
	case Embedded, "":
		if l.Embedded, err = directory.Start(directory.Options{}); err == nil {
			l.Site = l.Embedded.Site()
		}
	default:
		err = fmt.Errorf("directory %q is none of embedded, samba", kind)
	}
	return err
}

func (l *Lab) startReplica(o Options) (err error) {
	if !o.Replica {
		return nil
	}
	if l.Embedded == nil {
		return errors.New("only the embedded directory has a replica")
	}
	if l.Replica, err = l.Embedded.Replica(); err != nil {
		return fmt.Errorf("start the second domain controller: %w", err)
	}
	l.Replication = directory.Replicate(l.Embedded, l.Replica)
	return nil
}

// Servers are the URLs of the domain controllers.
func (l *Lab) Servers() []string {
	servers := []string{l.Site.Server}
	if l.Replica != nil {
		servers = append(servers, l.Replica.Site().Server)
	}
	return servers
}

// Close stops all parts. Closing twice is harmless.
func (l *Lab) Close() error {
	var errs []error
	if l.Tenant != nil {
		errs = append(errs, l.Tenant.Close())
	}
	if l.Site != nil {
		errs = append(errs, l.Site.Stop())
	}
	if l.Replica != nil {
		errs = append(errs, l.Replica.Site().Stop())
	}
	return errors.Join(errs...)
}

// settingsFile is what an administrator would write by hand for this lab.
const settingsFile = `data_dir: data
log: {level: {{.Level}}, format: text}
directory:
  servers: [{{range $i, $url := .Servers}}{{if $i}}, {{end}}"{{$url}}"{{end}}]
  global_catalog: ["{{.Site.GlobalCatalog}}"]
  base_dn: "{{.Site.BaseDN}}"
  ca_file: directory-ca.pem
  bind: {method: simple, user: "{{.Site.Service.User}}", password: {file: password.txt}}
  timeout: {{.Timeout}}
cloud:
  tenant_id: "{{.Tenant.TenantID}}"
  client_id: "{{.Tenant.ClientID}}"
  certificate: {file: client.pem}
  graph_url: "{{.Tenant.URL}}"
  authority_url: "{{.Tenant.AuthorityURL}}"
  ca_file: tenant-ca.pem
schedule:
  verify: "{{.Verify}}"
verify: {deadline: {{.Deadline}}, sync_interval: {{.SyncInterval}}}
limits: {{.Limits}}
api: {listen: "{{.Listen}}"}
`

// Settings are the choices of a settings file for the lab.
type Settings struct {
	Level  string // of the log; empty is info
	Verify string // schedule; empty is every second
	Listen string // empty is an address of loopback that nobody else takes
	// Deadline is how long after the write the cloud may take; 0 is 24 hours.
	Deadline time.Duration
	// SyncInterval is what the settings say of the sync engine's cycle; 0 is 30 minutes.
	SyncInterval time.Duration
	// Limits are the brakes, as they stand in the file; empty is none, since nobody's addresses are at stake here.
	Limits string
	// Timeout is how long one LDAP operation may take; 0 is 10 seconds.
	Timeout time.Duration
}

// WriteSettings writes a settings file for this lab into a folder, with the files that it names, and returns its path.
func (l *Lab) WriteSettings(dir string, s Settings) (path string, err error) {
	fill := struct {
		Settings
		*Lab
	}{s, l}
	fill.Level, fill.Verify = cmp.Or(s.Level, "info"), cmp.Or(s.Verify, "@every 1s")
	fill.Deadline, fill.SyncInterval = cmp.Or(s.Deadline, 24*time.Hour), cmp.Or(s.SyncInterval, 30*time.Minute)
	fill.Limits = cmp.Or(s.Limits, "{writes_per_hour: 0, removals_per_hour: 0, burst: {requests: 0}, pace: {writes: 0}}")
	fill.Timeout = cmp.Or(s.Timeout, 10*time.Second)
	if fill.Listen == "" {
		if fill.Listen, err = loopback.Address(); err != nil {
			return "", err
		}
	}
	var text bytes.Buffer
	if err := template.Must(template.New("").Parse(settingsFile)).Execute(&text, fill); err != nil {
		return "", fmt.Errorf("settings file: %w", err)
	}
	certificate, err := l.Tenant.ClientCertificate()
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "aliasd.yaml")
	files := map[string][]byte{
		path:                                   text.Bytes(),
		filepath.Join(dir, "directory-ca.pem"): l.Site.CA,
		filepath.Join(dir, "tenant-ca.pem"):    l.Tenant.CA,
		filepath.Join(dir, "client.pem"):       certificate,
		filepath.Join(dir, "password.txt"):     []byte(l.Site.Service.Password + "\n"),
	}
	for name, data := range files {
		if err := private.WriteFile(name, data); err != nil {
			return "", fmt.Errorf("settings file: %w", err)
		}
	}
	return path, nil
}
