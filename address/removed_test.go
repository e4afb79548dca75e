package address_test

import (
	"slices"
	"testing"

	"github.com/aliasd/aliasd/address"
)

func TestRemoved(t *testing.T) {
	t.Parallel()
	before := address.Values{Mail: "ann@contoso.test", Proxies: address.Set{"SMTP:ann@contoso.test", "smtp:a@contoso.test", "X500:/o=Contoso/cn=ann"}}
	tests := []struct {
		name   string
		before address.Values
		change address.Change
		want   []address.Key
	}{
		{"an alias is added", before, address.Change{Add: []address.Proxy{"smtp:b@contoso.test"}}, nil},
		{"an alias becomes the primary", before, address.Change{
			Delete: []address.Proxy{"SMTP:ann@contoso.test", "smtp:a@contoso.test"}, Add: []address.Proxy{"smtp:ann@contoso.test", "SMTP:a@contoso.test"},
			Mail: &address.MailChange{Old: "ann@contoso.test", New: "a@contoso.test"}}, nil},
		{"another spelling", before, address.Change{Delete: []address.Proxy{"smtp:a@contoso.test"}, Add: []address.Proxy{"smtp:A@Contoso.test"}}, nil},
		{"an alias goes", before, address.Change{Delete: []address.Proxy{"smtp:a@contoso.test"}}, []address.Key{"smtp:a@contoso.test"}},
		{"an X500 value goes", before, address.Change{Delete: []address.Proxy{"X500:/o=Contoso/cn=ann"}}, []address.Key{"x500:/o=contoso/cn=ann"}},
		{"the primary goes, and mail with it: one address", before, address.Change{
			Delete: []address.Proxy{"SMTP:ann@contoso.test"}, Mail: &address.MailChange{Old: "ann@contoso.test"}}, []address.Key{"smtp:ann@contoso.test"}},
		{"the primary goes, mail keeps the address", before, address.Change{Delete: []address.Proxy{"SMTP:ann@contoso.test"}}, nil},
		{"mail alone is replaced, its address stands nowhere else", address.Values{Mail: "bob@contoso.test"}, address.Change{
			Add: []address.Proxy{"SMTP:b@contoso.test"}, Mail: &address.MailChange{Old: "bob@contoso.test", New: "b@contoso.test"}}, []address.Key{"smtp:bob@contoso.test"}},
		{"case twins that both go are one address", address.Values{Proxies: address.Set{"smtp:a@contoso.test", "smtp:A@contoso.test"}},
			address.Change{Delete: []address.Proxy{"smtp:a@contoso.test", "smtp:A@contoso.test"}}, []address.Key{"smtp:a@contoso.test"}},
		{"nothing", address.Values{}, address.Change{}, nil},
	}
	for _, test := range tests {
		if got := test.change.Removed(test.before); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}
