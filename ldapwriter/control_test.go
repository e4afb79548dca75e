package ldapwriter

import (
	"bytes"
	"crypto/tls"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/lab/samba"
)

// TestCriticalControl pins the encoding of TRUE: 0xFF, where the library's own control writes 0x01.
func TestCriticalControl(t *testing.T) {
	t.Parallel()
	ours := criticalControl("1.2.3").Encode().Bytes()
	if want := []byte{0x30, 0x0a, 0x04, 0x05, '1', '.', '2', '.', '3', 0x01, 0x01, 0xff}; !bytes.Equal(ours, want) {
		t.Errorf("encoded % x, wanted % x", ours, want)
	}
	if c := criticalControl("1.2.3"); c.GetControlType() != "1.2.3" || c.String() == "" {
		t.Error(c)
	}
}

// TestCriticalControlIsObeyed shows why: a real domain controller passes over a critical control that it does not know, unless
// TRUE is written as the protocol wants it.
func TestCriticalControlIsObeyed(t *testing.T) {
	t.Parallel()
	if err := samba.Missing(); err != nil {
		t.Skip(err)
	}
	dc, err := samba.Start(t.Context(), samba.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dc.Stop() }()
	conn, err := ldap.DialURL(dc.Server, ldap.DialWithTLSConfig(&tls.Config{RootCAs: dc.Roots()}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	conn.SetTimeout(5 * time.Minute)
	if err := conn.Bind(dc.Service.User, dc.Service.Password); err != nil {
		t.Fatal(err)
	}
	search := func(c ldap.Control) error {
		_, err := conn.Search(ldap.NewSearchRequest(dc.BaseDN, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)",
			[]string{"objectGUID"}, []ldap.Control{c}))
		return err
	}
	if err := search(ldap.NewControlString("1.2.3.4.5", true, "")); err != nil {
		t.Logf("the library's control is refused as well by now (%v); criticalControl may go", err)
	}
	if err := search(criticalControl(domainScope)); err != nil {
		t.Errorf("domain scope: %v", err)
	}
	conn.SetTimeout(2 * time.Second) // it does not even answer
	if err := search(criticalControl("1.2.3.4.5")); err == nil {
		t.Error("a critical control that it does not know was passed over")
	}
}
