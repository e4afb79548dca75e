package address

import (
	"testing"
)

func TestAddressParts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in            Address
		local, domain string
		key           Key
	}{
		{"J.Doe@Contoso.COM", "J.Doe", "contoso.com", "j.doe@contoso.com"},
		{"a@b@c", "a@b", "c", "a@b@c"},
		{"@X", "", "x", "@x"},
		{"nobody", "nobody", "", "nobody"},
		{"", "", "", ""},
		{"É@x", "É", "x", "é@x"},
		{"A\xffB@X", "A\xffB", "x", "a\xffb@x"},
	}
	for _, test := range tests {
		if got := test.in.Local(); got != test.local {
			t.Errorf("Local(%q) = %q, want %q", test.in, got, test.local)
		}
		if got := test.in.Domain(); got != test.domain {
			t.Errorf("Domain(%q) = %q, want %q", test.in, got, test.domain)
		}
		if got := test.in.Key(); got != test.key {
			t.Errorf("Key(%q) = %q, want %q", test.in, got, test.key)
		}
	}
}

func TestBare(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]Address{"SMTP:A@x": "A@x", "Smtp:a@x": "a@x", "a@x": "a@x", "": "", "x500:/o=x": "x500:/o=x"} {
		if got := Bare(value); got != want {
			t.Errorf("Bare(%q) = %q, want %q", value, got, want)
		}
	}
}

func TestAddressEqual(t *testing.T) {
	t.Parallel()
	if !Address("A@x.test").Equal("a@X.TEST") {
		t.Error("addresses that differ in case alone are not equal")
	}
	if Address("a@x.test").Equal("b@x.test") {
		t.Error("two addresses are equal")
	}
	if Address("\xff@x").Equal("\xfe@x") {
		t.Error("two values of no UTF-8 became one")
	}
}

func TestProxyParts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in            Proxy
		kind          string
		address       Address
		smtp, primary bool
	}{
		{"SMTP:a@x", "SMTP", "a@x", true, true},
		{"smtp:a@x", "smtp", "a@x", true, false},
		{"Smtp:a@x", "Smtp", "a@x", true, false},
		{"smtp:a:b", "smtp", "a:b", true, false},
		{"SMTP:", "SMTP", "", true, true},
		{"X500:/o=Org/cn=a", "X500", "/o=Org/cn=a", false, false},
		{"SIP:a@x", "SIP", "a@x", false, false},
		{"EUM:1234;phone-context=pc", "EUM", "1234;phone-context=pc", false, false},
		{"a@x", "", "", false, false},
		{":a@x", "", "a@x", false, false},
		{" SMTP:a@x", " SMTP", "a@x", false, false},
		{"", "", "", false, false},
	}
	for _, test := range tests {
		if got := test.in.Type(); got != test.kind {
			t.Errorf("Type(%q) = %q, want %q", test.in, got, test.kind)
		}
		if got := test.in.Address(); got != test.address {
			t.Errorf("Address(%q) = %q, want %q", test.in, got, test.address)
		}
		if got := test.in.IsSMTP(); got != test.smtp {
			t.Errorf("IsSMTP(%q) = %v", test.in, got)
		}
		if got := test.in.IsPrimary(); got != test.primary {
			t.Errorf("IsPrimary(%q) = %v", test.in, got)
		}
	}
}

func TestProxyFromAddressKeepsSpelling(t *testing.T) {
	t.Parallel()
	if got := Primary("J.Doe@X.test"); got != "SMTP:J.Doe@X.test" {
		t.Errorf("Primary = %q", got)
	}
	if got := Secondary("J.Doe@X.test"); got != "smtp:J.Doe@X.test" {
		t.Errorf("Secondary = %q", got)
	}
	if Primary("A@x").Key() != Secondary("a@X").Key() {
		t.Error("primary and alias of one address are two values to the directory")
	}
}
