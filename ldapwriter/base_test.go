package ldapwriter_test

import (
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/ldapwriter"
)

// TestTheBaseIsABoundary: who is not below the base DN is found by no name, and not read for a write, also who was moved out of it.
func TestTheBaseIsABoundary(t *testing.T) {
	t.Parallel()
	for name, start := range directories() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inside := site.Object{Kind: site.User, Name: "Inside", UPN: "inside@contoso.test", OU: site.Sales}
			outside := site.Object{Kind: site.User, Name: "Outside", UPN: "outside@contoso.test", OU: site.People, Proxies: []string{"SMTP:outside@contoso.test"}}
			dc := start(t, inside, outside)
			options := optionsOf(dc, newClock())
			options.BaseDN = "ou=sales , " + dc.DN(site.People)
			d := open(t, options)
			guids := map[string]address.GUID{}
			for _, o := range []site.Object{inside, outside} {
				guid, err := dc.GUID(t.Context(), dc.DNOf(o))
				if err != nil {
					t.Fatal(err)
				}
				guids[o.Name] = guid
			}
			for _, identity := range []string{dc.DNOf(outside), guids["Outside"].String(), "{" + guids["Outside"].String() + "}"} {
				_, err := d.Find(t.Context(), identity)
				meets(t, err, cause.Refusal, cause.UnknownHolder, "OU=People", "directory.base_dn")
			}
			for _, identity := range []string{"outside@contoso.test", "Outside"} {
				_, err := d.Find(t.Context(), identity)
				meets(t, err, cause.Refusal, cause.UnknownHolder)
			}
			_, err := d.Read(t.Context(), guids["Outside"], ldapwriter.Prior{})
			meets(t, err, cause.Refusal, cause.UnknownHolder, "directory.base_dn")
			for _, identity := range []string{dc.DNOf(inside), guids["Inside"].String(), "inside@contoso.test"} {
				if entry, err := d.Find(t.Context(), identity); err != nil || entry.GUID != guids["Inside"] {
					t.Errorf("%s: %v", identity, err)
				}
			}
			if _, err := d.Read(t.Context(), guids["Inside"], ldapwriter.Prior{}); err != nil {
				t.Error(err)
			}
			if err := dc.Move(t.Context(), dc.DNOf(inside), "CN=Inside", dc.DN(site.Support)); err != nil {
				t.Fatal(err)
			}
			options.BaseDN = "OU=Gone," + dc.BaseDN // renamed, or misspelt: nobody was deleted
			_, err = open(t, options).Read(t.Context(), guids["Inside"], ldapwriter.Prior{})
			meets(t, err, cause.Waiting, cause.DirectoryUnavailable, "OU=Gone", "directory.base_dn")
			for _, prior := range []ldapwriter.Prior{{}, {InDoubt: options.Servers[0]}} {
				_, err = d.Read(t.Context(), guids["Inside"], prior)
				meets(t, err, cause.Refusal, cause.UnknownHolder, "directory.base_dn")
			}
		})
	}
}
