package ldapwriter

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/config"
)

func TestKinds(t *testing.T) {
	t.Parallel()
	for classes, want := range map[string]address.Kind{
		"top person organizationalPerson user":               address.User,
		"top person organizationalPerson user inetOrgPerson": address.User,
		"TOP GROUP": address.Group,
		"top person organizationalPerson contact":                                       address.Contact,
		"top person organizationalPerson user computer":                                 "",
		"top person organizationalPerson user computer msDS-GroupManagedServiceAccount": "",
		"top organizationalUnit":                                                        "",
		"":                                                                              "",
	} {
		if kind, ok := kindOf(strings.Fields(classes)); kind != want || ok != (want != "") {
			t.Errorf("%q: %q, %v", classes, kind, ok)
		}
	}
}

func TestPolicyOwned(t *testing.T) {
	t.Parallel()
	const off = "{26491CFC-9E50-4857-861B-0CB8DF22B5D7}"
	const policy = "{A5B7C3D1-0000-4857-861B-0CB8DF22B5D7}"
	for what, c := range map[string]struct {
		included, excluded []string
		want               bool
	}{
		"no Exchange":              {nil, nil, false},
		"named":                    {[]string{policy + "," + off}, nil, true},
		"named in lower case":      {[]string{strings.ToLower(strings.Trim(policy, "{}") + "," + off)}, nil, true},
		"only the marker":          {[]string{off}, nil, false},
		"switched off":             {[]string{policy + "," + off}, []string{strings.ToLower(off)}, false},
		"something else excluded":  {[]string{policy}, []string{policy}, true},
		"second value names it":    {[]string{off, policy}, nil, true},
		"only excluded":            {nil, []string{off}, false},
		"empty values, no policy ": {[]string{"", "{}"}, nil, false},
	} {
		if got := policyOwned(c.included, c.excluded); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}

func TestSID(t *testing.T) {
	t.Parallel()
	administrators := []byte{1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0}
	for want, sid := range map[string][]byte{
		"S-1-5-32-544": administrators, "S-1-1-0": {1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}, "S-1-281474976710655": {1, 0, 255, 255, 255, 255, 255, 255},
	} {
		if got := sidText(sid); got != want {
			t.Errorf("%q, wanted %q", got, want)
		}
	}
	for _, sid := range [][]byte{nil, administrators[:7], administrators[:15], append(slices.Clone(administrators), 0)} {
		if got := sidText(sid); got != "" {
			t.Errorf("%v reads %q", sid, got)
		}
	}
}

func FuzzSID(f *testing.F) {
	f.Add([]byte{1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0})
	f.Add([]byte{1, 255})
	f.Fuzz(func(t *testing.T, sid []byte) {
		text := sidText(sid)
		if text != "" && strings.Count(text, "-") != 2+int(sid[1]) {
			t.Errorf("% x reads %q", sid, text)
		}
	})
}

func FuzzServer(f *testing.F) {
	for _, seed := range []string{"ldaps://dc1", "ldaps://dc1:636/", "ldap://dc1", "ldaps://[::1]:636", "ldaps://a:b@c", "ldaps://dc1:x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := parseServer(raw, ldapsPort)
		if err == nil && (u.Scheme != "ldaps" || u.Hostname() == "" || u.Port() == "" || u.User != nil) {
			t.Errorf("%q is taken for %v", raw, u)
		}
	})
}

func TestTimesAndNumbers(t *testing.T) {
	t.Parallel()
	if got := generalizedTime("20251121020304.0Z"); !got.Equal(time.Date(2025, 11, 21, 2, 3, 4, 0, time.UTC)) {
		t.Error(got)
	}
	for _, s := range []string{"", "20251121020304Z", "2025", "20251321020304.0Z", "20251121020304.0+0100"} {
		if !generalizedTime(s).IsZero() {
			t.Errorf("%q is a time", s)
		}
	}
	if number("34359738368") != 34359738368 || number("") != 0 || number("x") != 0 || number("-1") != -1 {
		t.Error("numbers")
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	for option, want := range map[string]struct {
		name   string
		last   int
		ranged bool
	}{
		"proxyAddresses":                              {"proxyAddresses", -1, false},
		"proxyAddresses;range=0-1499":                 {"proxyAddresses", 1499, true},
		"proxyAddresses;Range=1500-*":                 {"proxyAddresses", -1, true},
		"proxyAddresses;range=":                       {"proxyAddresses", badRange, true},
		"proxyAddresses;range=0--5":                   {"proxyAddresses", badRange, true},
		"proxyAddresses;range=9-5":                    {"proxyAddresses", badRange, true},
		"proxyAddresses;range=-":                      {"proxyAddresses", badRange, true},
		"proxyAddresses;range=0":                      {"proxyAddresses", badRange, true},
		"proxyAddresses;range=0-99999999999999999999": {"proxyAddresses", badRange, true},
		"userCertificate;binary":                      {"userCertificate;binary", -1, false},
		"proxyAddresses;range=0-9999999":              {"proxyAddresses", 9999999, true},
	} {
		if name, last, ranged := parseRange(option); name != want.name || last != want.last || ranged != want.ranged {
			t.Errorf("%q: %q, %d, %v", option, name, last, ranged)
		}
	}
}

func FuzzRange(f *testing.F) {
	for _, seed := range []string{"a;range=0-1499", "a;range=1500-*", ";range=", "a;b;range=0-1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, option string) {
		name, last, ranged := parseRange(option)
		if !strings.HasPrefix(option, name) || last < badRange || !ranged && (name != option || last != -1) {
			t.Errorf("%q: %q, %d, %v", option, name, last, ranged)
		}
		if last == -1 && ranged && !strings.HasSuffix(option, "-*") {
			t.Errorf("%q is taken for the last of the values", option)
		}
	})
}

func TestCanonicalDN(t *testing.T) {
	t.Parallel()
	for dn, want := range map[string]string{
		"CN=John Doe,OU=People,DC=contoso,DC=test": "CN=John Doe,OU=People,DC=contoso,DC=test",
		`CN=Doe\, John,DC=test`:                    `CN=Doe\2C John,DC=test`,
		`cn = a=b , dc=test`:                       `cn=a\3Db,dc=test`,
		`CN=\ x\ ,DC=test`:                         `CN=\20x\20,DC=test`,
		`CN=\23x#y,DC=test`:                        `CN=\23x\23y,DC=test`,
		`CN=a+SN=b,DC=test`:                        `CN=a+SN=b,DC=test`,
		`CN=\01\0a,DC=test`:                        `CN=\01\0A,DC=test`,
		`1.2.3=x,DC=test`:                          `1.2.3=x,DC=test`,
		"CN=Žluťoučký,DC=test":                     "CN=Žluťoučký,DC=test",
	} {
		if got, err := canonicalDN(dn); err != nil || got != want {
			t.Errorf("%q: %q, %v; wanted %q", dn, got, err, want)
		}
	}
	for _, bad := range []string{"jdoe", "<GUID=00>", "<SID=S-1-5-32-544>", "=x", "CN=a,", "CN=a,b", `CN=a\`, "C N=x", "CN=\x00", `CN=a\00,DC=b`, `CN=a,OU=\00b+CN=c,DC=b`, "CN=#040161000162"} {
		if got, err := canonicalDN(bad); err == nil {
			t.Errorf("%q is a DN: %q", bad, got)
		}
	}
}

func FuzzCanonicalDN(f *testing.F) {
	for _, seed := range []string{"CN=a,DC=b", `CN=\, \2c,DC=x`, "<GUID=1>", "CN=#04024869", "CN=a+OU=b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		dn, err := canonicalDN(text)
		if err != nil {
			return
		}
		if strings.HasPrefix(dn, "<") || strings.ContainsAny(dn, "\x00\n\"<>;") {
			t.Errorf("%q became %q", text, dn)
		}
		again, err := canonicalDN(dn)
		if err != nil || again != dn {
			t.Errorf("%q became %q, and that %q, %v", text, dn, again, err)
		}
	})
}

func FuzzPreciseFilters(f *testing.F) {
	for _, seed := range []string{"*", ")(", `\`, "\x00", "a@b", `CONTOSO\x`, "smtp:a@b", "(&(objectClass=*))", "{1}", "ü", "\xff@\xfe"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, identity string) {
		for _, p := range append(precise(identity, []string{"CONTOSO"}), byName(identity)) {
			if p.base != "" {
				continue
			}
			packet, err := ldap.CompileFilter(p.filter)
			if err != nil {
				t.Fatalf("%q makes the filter %q: %v", identity, p.filter, err)
			}
			parts := packet.Children
			if packet.Tag == ldap.FilterEqualityMatch {
				parts = append(parts[:0:0], packet)
			}
			for _, part := range parts {
				if part.Tag != ldap.FilterEqualityMatch {
					t.Fatalf("%q makes the filter %q, in which something else than equality is tested", identity, p.filter)
				}
			}
		}
	})
}

// TestAnswers gives each LDAP result what becomes of the request; the texts are those of Windows AD and Samba.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code uint16
		text string
		kind cause.Kind
		want cause.Code // "" is a conflict
		says string
	}{
		{16, "00002085: AtrErr: DSID-031903F6, #1:\n\t0: 00002085: DSID-031903F6, problem 1001 (NO_ATTRIBUTE_OR_VAL), data 0, Att 200d2", "", "", "16"},
		{20, "00002083: AtrErr: DSID-031518D0", "", "", "20"},
		{19, "00002081: AtrErr: DSID-03151D21, #1:\n\t0: 00002081: DSID-03151D21, problem 1005 (CONSTRAINT_ATT_TYPE), data 0, Att 150001 (mail)", "", "", "19"},
		{19, "00002082: AtrErr: DSID-03151D21, #1", cause.Failure, cause.DirectoryRefused, "too long"},
		{21, "", cause.Failure, cause.DirectoryRefused, "(LDAP result 21)"},
		{53, "0000001F: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0\n\x00", cause.Failure, cause.DirectoryRefused, "WILL_NOT_PERFORM"},
		{65, "", cause.Failure, cause.DirectoryRefused, "class"},
		{17, "", cause.Failure, cause.DirectoryRefused, "schema"},
		{11, "00002024", cause.Failure, cause.DirectoryRefused, "1,200"},
		{71, "", cause.Failure, cause.DirectoryRefused, "affects multiple dsas"},
		{51, "", cause.Waiting, cause.DirectoryUnavailable, "busy"},
		{52, "", cause.Waiting, cause.DirectoryUnavailable, "not available"},
		{80, "", cause.Waiting, cause.DirectoryUnavailable, "inside"},
		{1, "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful bind must be completed", cause.Waiting, cause.DirectoryUnavailable, "sign-in"},
		{3, "", cause.Waiting, cause.DirectoryUnavailable, "time limit"},
		{10, "0000202B: RefErr: DSID-0310063C", cause.Waiting, cause.DCUnavailable, "read-only"},
		{32, "0000208D: NameErr", cause.Refusal, cause.UnknownHolder, "deleted"},
	} {
		answer := &ldap.Error{ResultCode: c.code, Err: errors.New(c.text)}
		err := refused(answer, "ldaps://dc1")
		if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%d: %v lacks %q", c.code, err, c.says)
		}
		if conflict := errors.Is(err, ErrConflict); conflict != (c.want == "") {
			t.Errorf("%d %q: %v", c.code, c.text, err)
		} else if e, ok := cause.As(err); !conflict && (!ok || e.Kind != c.kind || e.Cause.Code != c.want || !strings.Contains(e.Cause.Message, c.says)) {
			t.Errorf("%d %q: %v", c.code, c.text, err)
		}
	}
}

// fixedBind answers every bind the same way.
type fixedBind struct{ err error }

func (b fixedBind) Bind(*ldap.Conn) error { return b.err }
func (b fixedBind) Account() string       { return "svc-aliasd@contoso.test" }

// TestNoRawAnswers: the NUL and the line break that AD ends its texts with stand in no message and no log line, and what
// tells a lost connection apart is still there.
func TestNoRawAnswers(t *testing.T) {
	t.Parallel()
	const raw = "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 52e, v4563\n\x00"
	for _, code := range []uint16{ldap.LDAPResultInvalidCredentials, ldap.LDAPResultStrongAuthRequired} {
		g := newBindGate(time.Now)
		err := g.bind(t.Context(), "ldaps://dc1", fixedBind{&ldap.Error{ResultCode: code, Err: errors.New(raw)}}, nil)
		if err == nil || strings.ContainsAny(err.Error(), "\x00\n") || !strings.HasSuffix(err.Error(), "v4563") || !ldap.IsErrorWithCode(err, code) {
			t.Errorf("bind answered %d: %q", code, err)
		}
		err = verdict(&ldap.Error{ResultCode: code, MatchedDN: "DC=x", Err: errors.New(raw)})
		var answer *ldap.Error
		if !errors.As(err, &answer) || answer.MatchedDN != "DC=x" || strings.ContainsAny(err.Error(), "\x00\n") {
			t.Errorf("another operation answered %d: %q", code, err)
		}
	}
	broken := &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}
	err := newBindGate(time.Now).bind(t.Context(), "ldaps://dc1", fixedBind{ldap.NewError(ldap.ErrorNetwork, broken)}, nil)
	if !timedOut(err) {
		t.Errorf("a connection that broke is not known for it: %v", err)
	}
	if tidied(nil) != nil {
		t.Error("no error became one")
	}
}

func TestBindSubCodes(t *testing.T) {
	t.Parallel()
	said := func(code string) error {
		return &ldap.Error{ResultCode: 49, Err: errors.New("80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data " + code + ", v4563")}
	}
	for code, words := range map[string]string{"525": "no such account", "52e": "password is wrong", "530": "at this time", "531": "from this machine",
		"532": "password has expired", "533": "disabled", "701": "account has expired", "773": "must be changed", "775": "locked"} {
		if why := whyNoBind(said(code)); !strings.Contains(why.what, words) || !strings.Contains(why.what, "("+code+")") || why.mend == "" {
			t.Errorf("%s: %v", code, why)
		}
	}
	if why := whyNoBind(said("57")); !strings.Contains(why.String(), "reason 57") {
		t.Error(why)
	}
	for _, err := range []error{&ldap.Error{ResultCode: 49, Err: errors.New("Invalid credentials")}, errors.New("x"), &ldap.Error{ResultCode: 49}} {
		if why := whyNoBind(err); !strings.Contains(why.String(), "no reason") {
			t.Error(why)
		}
	}
}

func TestGrant(t *testing.T) {
	t.Parallel()
	dn := address.DN(`CN=Doe\, John,OU=People,DC=contoso,DC=test`)
	got := grant(dn, "svc@contoso.test", []string{"mail"}, effective{class: "group"})
	if want := `dsacls "OU=People,DC=contoso,DC=test" /I:S /G "svc@contoso.test:WP;mail;group"`; got != want {
		t.Errorf("%s, wanted %s", got, want)
	}
	got = grant(dn, "svc@contoso.test", []string{"proxyAddresses", "mail"}, effective{class: "user", protected: true})
	if want := `dsacls "CN=AdminSDHolder,CN=System,DC=contoso,DC=test" /G "svc@contoso.test:WP;proxyAddresses" "svc@contoso.test:WP;mail"`; !strings.Contains(got, want) {
		t.Errorf("%s, wanted %s", got, want)
	}
	if domainOf("CN=x") != "CN=x" || address.DN("CN=x").Parent() != "CN=x" {
		t.Error("a DN without a parent")
	}
}

func TestForestSearches(t *testing.T) {
	t.Parallel()
	everywhere := attribute{indexed: true, inCatalog: true}
	f := &forest{own: domain{dn: "DC=contoso,DC=test", dns: "contoso.test"}, schema: map[string]attribute{
		attrProxies: {indexed: true}, attrMail: everywhere, attrUPN: everywhere, attrTarget: {inCatalog: true}}}
	addrs := []address.Address{"a@x", "b(@x"}
	all := func(attribute) bool { return true }
	want := []string{
		`(|(proxyAddresses=smtp:a@x)(proxyAddresses=smtp:b\28@x)(mail=a@x)(mail=b\28@x)(userPrincipalName=a@x)(userPrincipalName=b\28@x))`,
		`(|(targetAddress=smtp:a@x)(targetAddress=a@x)(targetAddress=smtp:b\28@x)(targetAddress=b\28@x))`}
	if got := f.filters(addrs, all); !slices.Equal(got, want) {
		t.Errorf("filters %q", got)
	}
	d, err := Open(Options{Servers: []string{"ldaps://dc1"}, GlobalCatalog: []string{"ldaps://dc1"}, BaseDN: "DC=x", Bind: SimpleBind{}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	routes := func() (list []string) {
		searches, err := d.searches(f, addrs[:1])
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range searches {
			list = append(list, s.servers[0].address+" "+s.base+" "+s.filter)
		}
		return list
	}
	own := []string{"dc1:636 DC=contoso,DC=test (|(proxyAddresses=smtp:a@x)(mail=a@x)(userPrincipalName=a@x))",
		"dc1:636 DC=contoso,DC=test (|(targetAddress=smtp:a@x)(targetAddress=a@x))"}
	if got := routes(); !slices.Equal(got, own) {
		t.Errorf("one domain: %q", got)
	}
	f.others = []domain{{dn: "DC=sub,DC=contoso,DC=test", dns: "sub.contoso.test"}, {dn: "DC=fabrikam,DC=test", dns: "fabrikam.test"}}
	catalog := []string{"dc1:3269  (|(mail=a@x)(userPrincipalName=a@x))", "dc1:3269  (|(targetAddress=smtp:a@x)(targetAddress=a@x))",
		"sub.contoso.test:636 DC=sub,DC=contoso,DC=test (proxyAddresses=smtp:a@x)", "fabrikam.test:636 DC=fabrikam,DC=test (proxyAddresses=smtp:a@x)"}
	if got := routes(); !slices.Equal(got, slices.Concat(own, catalog)) {
		t.Errorf("with a catalog: %q", got)
	}
	d.catalogs = nil
	if got := routes(); len(got) != 6 || !strings.HasPrefix(got[5], "fabrikam.test:636 DC=fabrikam,DC=test (|(targetAddress") {
		t.Errorf("without a catalog: %q", got)
	}
	for dn, want := range map[string]bool{"CN=x,DC=contoso,DC=test": true, "CN=x,DC=sub,DC=contoso,DC=test": false, "CN=x,DC=fabrikam,DC=test": false,
		"CN=x,dc=CONTOSO,dc=test": true, "DC=contoso,DC=test": false, "": false} {
		if f.inOwn(dn) != want {
			t.Errorf("%q in our own domain: %v", dn, !want)
		}
	}
}

func TestReadOnlyDC(t *testing.T) {
	t.Parallel()
	if f := probeWritable("x", &rootDSE{capabilities: []string{"1.2.840.113556.1.4.800", partialSecrets}}); f.OK || !strings.Contains(f.Detail, "read-only") || f.Mend == "" {
		t.Errorf("%+v", f)
	}
	if f := probeWritable("x", &rootDSE{capabilities: []string{"1.2.840.113556.1.4.800"}}); !f.OK {
		t.Errorf("%+v", f)
	}
}

// What a refused bind advises can be done: each bind method that it names is one that the settings accept.
func TestBindAdviceNamesMethodsThatSettingsAccept(t *testing.T) {
	t.Parallel()
	const settings = `
directory:
  servers: ["ldaps://dc1.contoso.test"]
  base_dn: "DC=contoso,DC=test"
  bind: {method: METHOD, user: svc-aliasd@contoso.test, password: {file: secret.txt}}
cloud: {tenant_id: contoso.onmicrosoft.com, client_id: 5a7c1f02-8e3b-4c57-a1de-6b0f9c2d4e11, certificate: {file: /etc/aliasd/client.pem}}
`
	named := 0
	for code, advice := range bindSubCodes() {
		for _, method := range regexp.MustCompile(`\b(simple|kerberos|windows|anonymous)\b`).FindAllString(advice.mend, -1) {
			named++
			file := filepath.Join(t.TempDir(), "aliasd.yaml")
			if err := os.WriteFile(file, []byte(strings.Replace(settings, "METHOD", method, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := config.Load(file, nil); err != nil {
				t.Errorf("%s: %q names %s: %v", code, advice.mend, method, err)
			}
		}
	}
	if named == 0 {
		t.Error("no advice names a method: the test looks for the wrong words")
	}
}
