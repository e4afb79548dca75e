package ldapwriter_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab/pki"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/ldapwriter"
)

// counting counts the binds that are sent.
type counting struct {
	ldapwriter.SimpleBind
	binds atomic.Int32
}

func (c *counting) Bind(conn *ldap.Conn) error {
	c.binds.Add(1)
	return c.SimpleBind.Bind(conn)
}

// wrongPassword: one bind for the whole process, however many ask and whatever they ask; none for 30 minutes.
func wrongPassword(t *testing.T, b *bundle) {
	password := "wrong"
	bind := &counting{SimpleBind: ldapwriter.SimpleBind{User: b.dc.Service.User, Password: func() (string, error) { return password, nil }}}
	o := b.options()
	o.Bind, o.Connections, o.Servers, o.GlobalCatalog = bind, 8, []string{b.dc.Server, b.dc.Server + "/"}, []string{b.dc.GlobalCatalog}
	d := open(t, o)
	askAll := func(binds int32) {
		t.Helper()
		var all sync.WaitGroup
		for what, ask := range everyCall(t, d, b.dc.Server) {
			for range 8 {
				all.Go(func() {
					e, ok := cause.As(ask())
					if !ok || e.Kind != cause.Waiting || e.Cause.Code != cause.DirectoryUnavailable || !strings.Contains(e.Cause.Message, "52e") ||
						!strings.Contains(e.Cause.Message, "password is wrong") || !strings.Contains(e.Cause.Message, b.dc.Service.User) {
						t.Errorf("%s: %v", what, e)
					}
				})
			}
		}
		all.Wait()
		if n := bind.binds.Load(); n != binds {
			t.Errorf("%d binds were sent, wanted %d", n, binds)
		}
	}
	askAll(1)
	b.clock.advance(29 * time.Minute)
	askAll(1)
	for _, f := range d.Probe(t.Context()) {
		if strings.HasSuffix(f.Name, "sign-in") && (f.OK || f.Mend == "" || !strings.Contains(f.Detail, "52e")) {
			t.Errorf("%+v", f)
		}
	}
	b.clock.advance(time.Minute)
	askAll(2)
	password = b.dc.Service.Password
	b.clock.advance(30 * time.Minute)
	if _, err := d.HoldersOf(t.Context(), []address.Address{"a@b"}, address.GUID{}); err != nil {
		t.Errorf("with the right password: %v", err)
	}
}

// everyCall is each way to ask the directory.
func everyCall(t *testing.T, d *ldapwriter.Directory, dc string) map[string]func() error {
	none, entry := address.GUID{1}, ldapwriter.Entry{DC: dc}
	return map[string]func() error{
		"find":      func() error { _, err := d.Find(t.Context(), "jdoe"); return err },
		"account":   func() error { _, err := d.Find(t.Context(), `CONTOSO\jdoe`); return err },
		"read":      func() error { _, err := d.Read(t.Context(), none, ldapwriter.Prior{}); return err },
		"in doubt":  func() error { _, err := d.Read(t.Context(), none, ldapwriter.Prior{InDoubt: dc}); return err },
		"read all":  func() error { _, errs := d.ReadAll(t.Context(), []address.GUID{none}); return errs[0] },
		"holders":   func() error { _, err := d.HoldersOf(t.Context(), []address.Address{"a@b"}, none); return err },
		"rights":    func() error { _, err := d.Rights(t.Context(), none); return err },
		"no change": func() error { _, err := d.Write(t.Context(), ldapwriter.Job{Entry: entry}); return err },
		"write": func() error {
			_, err := d.Write(t.Context(), ldapwriter.Job{Entry: entry, Change: address.Change{Add: proxySet("smtp:a@b")}})
			return err
		},
	}
}

// passwordCannotBeRead: nothing is sent, and the next try may work.
func passwordCannotBeRead(t *testing.T, b *bundle) {
	password, fault := "", errors.New("open secret.txt: no such file")
	o := b.options()
	o.Bind = ldapwriter.SimpleBind{User: b.dc.Service.User, Password: func() (string, error) { return password, fault }}
	d := open(t, o)
	_, err := d.Find(t.Context(), "Administrator")
	meets(t, err, cause.Waiting, cause.DirectoryUnavailable, "secret.txt", b.dc.Service.User)
	for _, f := range append(d.Probe(t.Context()), ldapwriter.Finding{Name: "the cause: sign-in", Detail: err.Error()}) {
		if strings.HasSuffix(f.Name, "sign-in") && (f.OK || f.Mend != "" || !strings.Contains(f.Detail, "secret.txt: no such file") || strings.Contains(f.Detail, "listens")) {
			t.Errorf("a password that cannot be read is answered with %+v", f)
		}
	}
	fault = nil
	_, err = d.Find(t.Context(), "Administrator")
	meets(t, err, cause.Waiting, cause.DirectoryUnavailable, "Empty password")
	password = b.dc.Service.Password
	if _, err := d.Find(t.Context(), "Administrator"); err != nil {
		t.Error(err)
	}
}

// TestCertificates: a certificate that is wrong in any way is never accepted, and the message says what to do.
func TestCertificates(t *testing.T) {
	t.Parallel()
	authority, err := pki.NewAuthority("the lab's own authority")
	if err != nil {
		t.Fatal(err)
	}
	hour := time.Hour
	for what, c := range map[string]struct {
		leaf    pki.Leaf
		trusted bool
		words   []string
	}{
		"expired":           {pki.Leaf{Names: []string{"127.0.0.1"}, NotBefore: time.Now().Add(-2 * hour), NotAfter: time.Now().Add(-hour)}, true, []string{"expired on", "renew"}},
		"not yet":           {pki.Leaf{Names: []string{"127.0.0.1"}, NotBefore: time.Now().Add(hour)}, true, []string{"holds only from", "clocks"}},
		"another name":      {pki.Leaf{Names: []string{"dc9.contoso.test", "127.0.0.9"}}, true, []string{"dc9.contoso.test, 127.0.0.9", "not for 127.0.0.1"}},
		"unknown authority": {pki.Leaf{Names: []string{"127.0.0.1"}}, false, []string{"the lab's own authority", "ca_file"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			roots := x509.NewCertPool()
			if c.trusted {
				roots.AppendCertsFromPEM(authority.PEM())
			}
			o := ldapwriter.Options{Servers: []string{serveTLS(t, authority, c.leaf)}, BaseDN: "DC=contoso,DC=test", RootCAs: roots,
				Bind: bindAs(site.Login{User: "u", Password: "p"})}
			d := open(t, o)
			_, err := d.Find(t.Context(), "jdoe")
			meets(t, err, cause.Waiting, cause.DirectoryUnavailable, append(c.words, o.Servers[0])...)
			found := d.Probe(t.Context())
			if len(found) != 1 || found[0].OK || found[0].Mend == "" || !strings.Contains(found[0].Detail, c.words[0]) {
				t.Errorf("%+v", found)
			}
		})
	}
	t.Run("no TLS", func(t *testing.T) {
		t.Parallel()
		d := open(t, ldapwriter.Options{Servers: []string{servePlain(t)}, BaseDN: "DC=contoso,DC=test", Bind: bindAs(site.Login{User: "u", Password: "p"})})
		_, err := d.Find(t.Context(), "jdoe")
		meets(t, err, cause.Waiting, cause.DirectoryUnavailable, "does not speak TLS", "636")
	})
}

// serveTLS is a server that shakes hands with a certificate and no more; no client that checks gets as far as to sign in.
func serveTLS(t *testing.T, authority *pki.Authority, leaf pki.Leaf) string {
	t.Helper()
	pair, err := authority.Issue(leaf)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := pair.TLS()
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, func(conn net.Conn) {
		secure := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}})
		if n, err := secure.Read(make([]byte, 1)); err == nil {
			t.Errorf("a client sent %d bytes over a connection that it must not trust", n)
		}
	})
}

// servePlain is a server that answers in plain text.
func servePlain(t *testing.T) string {
	t.Helper()
	return serve(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1))
		_, _ = conn.Write([]byte("220 mail.contoso.test ready, and a few bytes more\r\n"))
	})
}

func serve(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			handle(conn)
			_ = conn.Close()
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	return "ldaps://" + listener.Addr().String()
}
