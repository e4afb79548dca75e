package directory_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/lab/directory"
	"github.com/aliasd/aliasd/lab/site"
)

func find(conn *ldap.Conn, base, filter string, controls []ldap.Control, attributes ...string) (*ldap.SearchResult, error) {
	return conn.Search(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, controls))
}

// contacts are so many contacts, named by their number.
func contacts(n int) []site.Object {
	list := make([]site.Object, n)
	for i := range list {
		list[i] = site.Object{Kind: site.Contact, Name: fmt.Sprintf("Contact %02d", i)}
	}
	return list
}

func TestPageSize(t *testing.T) {
	t.Parallel()
	d := start(t, directory.Options{PageSize: 10, Objects: contacts(25)})
	conn := dial(t, d, d.Site().Service)
	result, err := find(conn, site.BaseDN, "(objectClass=contact)", nil, "cn")
	if code(err) != ldap.LDAPResultSizeLimitExceeded || len(result.Entries) != 10 {
		t.Errorf("without pages: %v, %v", result, err)
	}
	limited := ldap.NewSearchRequest(site.BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 3, 0, false, "(objectClass=contact)", nil, nil)
	if result, err = conn.Search(limited); code(err) != ldap.LDAPResultSizeLimitExceeded || len(result.Entries) != 3 {
		t.Errorf("with a limit of the client's: %v, %v", result, err)
	}
	paging := ldap.NewControlPaging(100)
	if result, err = find(conn, site.BaseDN, "(objectClass=contact)", []ldap.Control{paging}, "cn"); err != nil || len(result.Entries) != 10 {
		t.Fatalf("a page of 100: %v, %v", result, err)
	}
	cookie := ldap.FindControl(result.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging).Cookie
	paging.SetCookie(cookie)
	other := dial(t, d, d.Site().Service)
	if _, err = find(other, site.BaseDN, "(objectClass=contact)", []ldap.Control{paging}, "cn"); code(err) != ldap.LDAPResultUnavailableCriticalExtension {
		t.Errorf("the cookie of another connection: %v", err)
	}
	if result, err = find(conn, site.BaseDN, "(objectClass=contact)", []ldap.Control{paging}, "cn"); err != nil || result.Entries[0].GetAttributeValue("cn") != "Contact 10" {
		t.Errorf("the second page: %v, %v", result, err)
	}
}

func TestValueRanges(t *testing.T) {
	t.Parallel()
	user := jdoe
	user.Proxies = nil
	for i := range 7 {
		user.Proxies = append(user.Proxies, fmt.Sprintf("smtp:%d@contoso.test", i))
	}
	d := start(t, directory.Options{ValueRange: 3, Objects: []site.Object{user}})
	for _, test := range []struct {
		asked, name string
		from, to    int
	}{
		{"proxyAddresses", "proxyAddresses;range=0-2", 0, 3},
		{"proxyAddresses;range=0-*", "proxyAddresses;range=0-2", 0, 3},
		{"proxyaddresses;Range=3-*", "proxyAddresses;range=3-5", 3, 6},
		{"proxyAddresses;range=6-*", "proxyAddresses;range=6-*", 6, 7},
		{"proxyAddresses;range=1-1", "proxyAddresses;range=1-1", 1, 2},
		{"proxyAddresses;range=0-6", "proxyAddresses;range=0-2", 0, 3},
		{"proxyAddresses;range=9-*", "proxyAddresses;range=9-*", 7, 7},
	} {
		entry, err := d.Site().Read(t.Context(), d.Site().DNOf(user), test.asked)
		if err != nil {
			t.Fatal(err)
		}
		if got := entry.GetAttributeValues(test.name); !slices.Equal(got, user.Proxies[test.from:test.to]) {
			t.Errorf("%s: %v, wanted %s with %q", test.asked, entry.Attributes, test.name, user.Proxies[test.from:test.to])
		}
	}
	for _, nonsense := range []string{"proxyAddresses;range=x-*", "proxyAddresses;range=3", "proxyAddresses;range=3-1", "proxyAddresses;binary"} {
		if entry, err := d.Site().Read(t.Context(), d.Site().DNOf(user), nonsense); err != nil || len(entry.Attributes) != 0 {
			t.Errorf("%s: %v, %v", nonsense, entry, err)
		}
	}
}

func TestCatalogWithoutExchange(t *testing.T) {
	t.Parallel()
	d := start(t, directory.Options{ProxiesOutsideCatalog: true, Objects: []site.Object{jdoe}})
	s := d.Site()
	catalog, err := s.DialGlobalCatalog(t.Context(), s.Service)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = catalog.Close() }()
	for filter, want := range map[string]int{"(proxyAddresses=smtp:jdoe@contoso.test)": 0, "(mail=jdoe@contoso.test)": 1} {
		result, err := find(catalog, "", filter, nil, "mail", "proxyAddresses")
		if err != nil || len(result.Entries) != want {
			t.Fatalf("%s: %v, %v", filter, result, err)
		}
		if want == 1 && (len(result.Entries[0].Attributes) != 1 || result.Entries[0].GetAttributeValue("mail") == "") {
			t.Errorf("%s shows %v", filter, result.Entries[0].Attributes)
		}
	}
	result, err := find(dial(t, d, s.Service), "CN=Schema,CN=Configuration,"+site.BaseDN,
		"(lDAPDisplayName=proxyAddresses)", nil, "isMemberOfPartialAttributeSet")
	if err != nil || len(result.Entries) != 1 || len(result.Entries[0].Attributes) != 0 {
		t.Errorf("the schema says %v, %v", result, err)
	}
	if err := setMail(catalog, "x@contoso.test"); code(err) != ldap.LDAPResultReferral {
		t.Errorf("a write to the catalog: %v", err)
	}
}

func TestDelegatedAttributes(t *testing.T) {
	t.Parallel()
	protected := site.Object{Kind: site.User, Name: "Chief", Account: "chief", Attributes: map[string][]string{"adminCount": {"1"}}}
	d := start(t, directory.Options{Delegated: []string{"proxyAddresses"}, Objects: []site.Object{jdoe, protected}})
	conn := dial(t, d, d.Site().Service)
	if err := setMail(conn, "x@contoso.test"); code(err) != ldap.LDAPResultInsufficientAccessRights {
		t.Errorf("mail was not delegated: %v", err)
	}
	for dn, want := range map[string]string{d.Site().DNOf(jdoe): "[proxyAddresses]", d.Site().DNOf(protected): "[]"} {
		result, err := find(conn, dn, "(objectClass=*)", nil, "allowedAttributesEffective")
		if err != nil || fmt.Sprint(result.Entries[0].GetAttributeValues("allowedAttributesEffective")) != want {
			t.Errorf("%s: %v, %v, wanted %s", dn, result.Entries, err, want)
		}
	}
}

func TestForeignBaseRefers(t *testing.T) {
	t.Parallel()
	d := start(t, directory.Options{})
	_, err := find(dial(t, d, d.Site().Service), "OU=x,DC=fabrikam,DC=com", "(objectClass=*)", nil)
	var refused *ldap.Error
	if code(err) != ldap.LDAPResultReferral || !errors.As(err, &refused) {
		t.Fatal(err)
	}
	var urls []string
	for _, child := range refused.Packet.Children[1].Children {
		if child.ClassType == ber.ClassContext && child.Tag == 3 {
			urls = append(urls, child.Children[0].Data.String())
		}
	}
	if !slices.Equal(urls, []string{"ldap://fabrikam.com/OU=x,DC=fabrikam,DC=com"}) {
		t.Fatalf("refers to %q", urls)
	}
}

// TestOperationsWithoutAUse are answered all the same, and leave the connection usable.
func TestOperationsWithoutAUse(t *testing.T) {
	t.Parallel()
	d := start(t, directory.Options{Objects: []site.Object{jdoe}})
	conn := dial(t, d, d.Site().Service)
	dn := d.Site().DNOf(jdoe)
	if _, err := conn.WhoAmI(nil); code(err) != ldap.LDAPResultProtocolError {
		t.Errorf("an extended operation: %v", err)
	}
	if same, err := conn.Compare(dn, "mail", strings.ToUpper(jdoe.Mail)); err != nil || !same {
		t.Errorf("compare: %v, %v", same, err)
	}
	if same, err := conn.Compare(dn, "mail", "x"); err != nil || same {
		t.Errorf("compare: %v, %v", same, err)
	}
	critical := ldap.NewDelRequest(dn, []ldap.Control{permissive{}})
	if err := conn.Del(critical); code(err) != ldap.LDAPResultUnavailableCriticalExtension {
		t.Errorf("an unknown critical control: %v", err)
	}
	if err := conn.ExternalBind(); code(err) != ldap.LDAPResultAuthMethodNotSupported {
		t.Errorf("a SASL bind: %v", err)
	}
	if err := conn.Bind(d.Site().Service.User, d.Site().Service.Password); err != nil {
		t.Fatal(err)
	}
	if err := setMail(conn, "x@contoso.test"); err != nil {
		t.Error(err)
	}
}

// permissive is the permissive-modify control, critical as a domain controller reads it.
type permissive struct{}

func (permissive) GetControlType() string { return "1.2.840.113556.1.4.1413" }
func (permissive) String() string         { return "permissive modify" }
func (p permissive) Encode() *ber.Packet {
	control := ber.NewSequence("")
	control.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, p.GetControlType(), ""))
	control.AppendChild(ber.NewLDAPBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, true, ""))
	return control
}

// TestNonsenseEndsTheConnection: what is no LDAP is answered by a notice of disconnection.
func TestNonsenseEndsTheConnection(t *testing.T) {
	t.Parallel()
	d := start(t, directory.Options{})
	address := strings.TrimPrefix(d.Site().Server, "ldaps://")
	for _, nonsense := range []string{"GET / HTTP/1.1\r\n" + strings.Repeat("X-Padding: x\r\n", 10), "\x30\x03\x02\x01\x01", "\x30\x84\xff\xff\xff\xff"} {
		conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: d.Site().Roots()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, nonsense); err != nil {
			t.Fatal(err)
		}
		answer, err := ber.ReadPacket(conn)
		if err != nil || answer.Children[1].Children[0].Value != int64(ldap.LDAPResultProtocolError) {
			t.Errorf("%q: %v, %v", nonsense, answer, err)
		}
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("%q: the connection goes on", nonsense)
		}
		_ = conn.Close()
	}
}

func TestPlainLDAPIsNotSpoken(t *testing.T) {
	t.Parallel()
	d := start(t, directory.Options{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(d.Site().Server, "ldaps://"))
	if err != nil {
		t.Fatal(err)
	}
	plain := ldap.NewConn(conn, false)
	plain.Start()
	defer func() { _ = plain.Close() }()
	if err := plain.Bind(d.Site().Service.User, d.Site().Service.Password); err == nil {
		t.Fatal("bound without TLS")
	}
}
