package ldapwriter

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/cause"
)

// Finding is one thing that was tried: whether it works, what was seen, and what to do where it does not (or will not
// for long).
type Finding struct {
	Name   string
	OK     bool
	Detail string
	Mend   string
}

// What is worth a word although it works, and how far two clocks may be apart (Kerberos allows 5 minutes; MS-ADTS and
// the receipts ask for no more).
const (
	renewBefore = 30 * 24 * time.Hour
	skewAllowed = 5 * time.Minute
)

// Probe tries everything that the writer needs, server by server: that it can be reached, its certificate, the sign-in,
// the base DN, whether it can be written to, and its clock; and for a global catalog whether it carries the addresses. It
// changes nothing. A refused bind is not repeated for the next server.
func (d *Directory) Probe(ctx context.Context) []Finding {
	var found []Finding
	for _, s := range d.servers {
		found = append(found, d.probeServer(ctx, s, "directory")...)
	}
	for _, s := range d.catalogs {
		found = append(found, d.probeServer(ctx, s, "global catalog")...)
	}
	if len(d.catalogs) > 0 {
		found = append(found, d.probeCatalog(ctx))
	}
	return found
}

// probeServer looks at one server, as far as it gets.
func (d *Directory) probeServer(ctx context.Context, s *server, role string) []Finding {
	name := func(what string) string { return fmt.Sprintf("%s %s: %s", role, s.url, what) }
	cert, err := s.certificate(ctx)
	if err != nil {
		return []Finding{bad(name("connection and certificate"), whyNoConnection(s.tls.ServerName, err))}
	}
	found := []Finding{d.probeValidity(name("connection and certificate"), cert)}
	var facts *rootDSE
	err = s.read(ctx, func(c *session) error {
		var err error
		facts, err = readRootDSE(c.conn)
		return err
	})
	found = append(found, finding(name("sign-in"), "signed in as "+s.binder.Account(), err))
	if err != nil {
		return found
	}
	if role == "directory" {
		found = append(found, d.probeBase(ctx, s, name("base DN")), probeWritable(name("writable"), facts))
	}
	return append(found, d.probeClock(name("clock"), facts))
}

// certificate connects, checks the certificate and gives it.
func (s *server) certificate(ctx context.Context) (*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	conn, _, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	state, ok := conn.TLSConnectionState()
	if !ok || len(state.PeerCertificates) == 0 {
		return nil, errors.Join(errors.New("it shows no certificate"), conn.Close())
	}
	return state.PeerCertificates[0], conn.Close()
}

func (d *Directory) probeValidity(name string, cert *x509.Certificate) Finding {
	f := Finding{Name: name, OK: true, Detail: "the certificate holds until " + cert.NotAfter.UTC().Format(minute)}
	if cert.NotAfter.Sub(d.now()) < renewBefore {
		f.Mend = "renew it soon, or nothing is read or written any more from then on"
	}
	return f
}

func (d *Directory) probeBase(ctx context.Context, s *server, name string) Finding {
	err := s.read(ctx, func(c *session) error {
		_, err := c.base(d.options.BaseDN, []string{attrClass})
		return err
	})
	if notHere(err) {
		return bad(name, notBase(d.options.BaseDN))
	}
	return finding(name, d.options.BaseDN, err)
}

func probeWritable(name string, facts *rootDSE) Finding {
	if facts.readOnly() {
		return bad(name, plain{"it is a read-only domain controller", "name a writable one first in directory.servers"})
	}
	return Finding{Name: name, OK: true, Detail: "it takes changes"}
}

func (d *Directory) probeClock(name string, facts *rootDSE) Finding {
	skew := facts.time.Sub(d.now()).Round(time.Second)
	what := fmt.Sprintf("it differs from this machine's by %s", skew)
	if skew.Abs() > skewAllowed {
		return bad(name, plain{what, "set both clocks by the same time server"})
	}
	return Finding{Name: name, OK: true, Detail: what}
}

// probeCatalog says which of the attributes the global catalog does not carry.
func (d *Directory) probeCatalog(ctx context.Context) Finding {
	const name = "global catalog: addresses"
	f, err := d.forestNow(ctx)
	if err != nil {
		return finding(name, "", err)
	}
	var absent []string
	for _, attribute := range addressAttributes() {
		if a, known := f.schema[attribute]; known && !a.inCatalog {
			absent = append(absent, attribute)
		}
	}
	if len(absent) == 0 {
		return Finding{Name: name, OK: true, Detail: "it carries every attribute that addresses stand in"}
	}
	return Finding{Name: name, OK: true, Detail: fmt.Sprintf("it does not carry %v, so each of the forest's %d other domains is searched for them", absent, len(f.others))}
}

// bad says that something does not work.
func bad(name string, why plain) Finding {
	return Finding{Name: name, Detail: why.what, Mend: why.mend}
}

// finding says that something worked, or why it did not.
func finding(name, good string, err error) Finding {
	if err == nil {
		return Finding{Name: name, OK: true, Detail: good}
	}
	var away *awayError
	if errors.As(err, &away) {
		return bad(name, away.why)
	}
	if e, known := cause.As(err); known {
		mend := ""
		if ldap.IsErrorWithCode(e, ldap.LDAPResultInvalidCredentials) {
			mend = whyNoBind(e).mend
		}
		return bad(name, plain{e.Cause.Message, mend})
	}
	return bad(name, plain{what: err.Error()})
}
