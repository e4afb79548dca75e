package directory_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/lab/directory"
	"github.com/aliasd/aliasd/lab/site"
)

// password encodes a password for unicodePwd.
func password(text string) string {
	var raw []byte
	for _, unit := range utf16.Encode([]rune(`"` + text + `"`)) {
		raw = binary.LittleEndian.AppendUint16(raw, unit)
	}
	return string(raw)
}

// worker is an account with a password, and with these attributes set differently.
func worker(attributes map[string]string) site.Object {
	values := map[string][]string{"userAccountControl": {"512"}, "unicodePwd": {password("right")}}
	for name, value := range attributes {
		values[name] = []string{value}
	}
	return site.Object{Kind: site.User, Name: "Worker", Account: "worker", Attributes: values}
}

func TestRefusedBinds(t *testing.T) {
	t.Parallel()
	for data, test := range map[string]struct {
		attributes map[string]string
		user, pass string
	}{
		"525": {nil, "nobody@contoso.test", "right"},
		"52e": {nil, "worker@contoso.test", "wrong"},
		"530": {map[string]string{"logonHours": strings.Repeat("\x00", 21)}, "worker@contoso.test", "right"},
		"531": {map[string]string{"userWorkstations": "PC1"}, "worker@contoso.test", "right"},
		"532": {map[string]string{"userAccountControl": "8389120"}, "worker@contoso.test", "right"},
		"533": {map[string]string{"userAccountControl": "514"}, "worker@contoso.test", "right"},
		"701": {map[string]string{"accountExpires": "132000000000000000"}, "worker@contoso.test", "right"},
		"775": {map[string]string{"lockoutTime": "132000000000000000"}, "worker@contoso.test", "right"},
	} {
		t.Run(data, func(t *testing.T) {
			t.Parallel()
			d := start(t, directory.Options{Objects: []site.Object{worker(test.attributes)}})
			refused(t, d, site.Login{User: test.user, Password: test.pass}, data)
		})
	}
	t.Run("773", func(t *testing.T) {
		t.Parallel()
		d := start(t, directory.Options{Objects: []site.Object{worker(nil)}})
		mustChange := site.Changes{Replace: map[string][]string{"pwdLastSet": {"0"}}}
		if err := d.Site().Modify(t.Context(), d.Site().DNOf(worker(nil)), mustChange); err != nil {
			t.Fatal(err)
		}
		refused(t, d, site.Login{User: "worker@contoso.test", Password: "right"}, "773")
	})
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		hours := strings.Repeat("\xff", 21)
		d := start(t, directory.Options{Objects: []site.Object{worker(map[string]string{"logonHours": hours})}})
		dial(t, d, site.Login{User: "worker@contoso.test", Password: "right"})
	})
}

// refused checks that a bind is refused with this sub-code, and that the connection is good for nothing then.
func refused(t *testing.T, d *directory.Directory, login site.Login, data string) {
	t.Helper()
	conn := dial(t, d, d.Site().Service)
	err := conn.Bind(login.User, login.Password)
	if code(err) != ldap.LDAPResultInvalidCredentials || !strings.Contains(err.Error(), "AcceptSecurityContext error, data "+data+", ") {
		t.Fatalf("bind: %v, wanted sub-code %s", err, data)
	}
	if err := setMail(conn, "x@contoso.test"); code(err) != ldap.LDAPResultOperationsError {
		t.Errorf("a modify after a refused bind: %v", err)
	}
}

func TestWrongPasswordsLock(t *testing.T) {
	t.Parallel()
	d := start(t, directory.Options{LockoutThreshold: 3})
	login := d.Site().Service
	conn := dial(t, d, d.Site().Admin)
	for _, step := range []struct {
		password string
		count    int
		locked   bool
	}{
		{"wrong", 1, false}, {"wrong", 2, false}, {login.Password, 0, false}, // the right one begins the count anew
		{"wrong", 1, false}, {"wrong", 2, false}, {"wrong", 3, true},
	} {
		err := conn.Bind(login.User, step.password)
		if (err == nil) != (step.password == login.Password) {
			t.Fatalf("bind with %q: %v", step.password, err)
		}
		if count, locked := d.WrongPasswords("svc-aliasd"), d.Locked("svc-aliasd"); count != step.count || locked != step.locked {
			t.Fatalf("%d wrong passwords, locked %v, wanted %+v", count, locked, step)
		}
	}
	err := conn.Bind(login.User, login.Password)
	if code(err) != ldap.LDAPResultInvalidCredentials || !strings.Contains(err.Error(), "data 775") {
		t.Fatalf("the right password on a locked account: %v", err)
	}
	entry, err := d.Site().Read(t.Context(), d.Site().DN("CN=svc-aliasd,CN=Users"), "badPwdCount", "lockoutTime")
	if err != nil || entry.GetAttributeValue("badPwdCount") != "3" || entry.GetAttributeValue("lockoutTime") == "0" {
		t.Fatalf("%v, %v", entry, err)
	}
}

func TestPasswordsStayInside(t *testing.T) {
	t.Parallel()
	d := start(t, directory.Options{})
	conn := dial(t, d, d.Site().Admin)
	for _, filter := range []string{"(unicodePwd=*)", "(unicodePwd=Passw0rd-svc)", "(sAMAccountName=svc-aliasd)"} {
		result, err := conn.Search(ldap.NewSearchRequest(site.BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
			filter, []string{"*", "unicodePwd"}, nil))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range result.Entries {
			if entry.GetAttributeValue("unicodePwd") != "" || strings.Contains(filter, "unicodePwd") {
				t.Errorf("%s shows %v", filter, entry)
			}
		}
	}
}

func TestAccountsThatExpireLater(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	in2027 := fmt.Sprint(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()/100 + 116444736000000000)
	d := start(t, directory.Options{Now: func() time.Time { return now },
		Objects: []site.Object{worker(map[string]string{"accountExpires": in2027})}})
	dial(t, d, site.Login{User: `CONTOSO\worker`, Password: "right"})
}
