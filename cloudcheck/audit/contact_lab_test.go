package audit_test

import (
	"testing"
	"time"

	"github.com/aliasd/aliasd/lab/site"
)

// TestContactsOnTheLab: contacts that share an alias keep apart, one that is not in the cloud is not taken for another, and one
// whose primary was just changed is doubtful only until the sync.
func TestContactsOnTheLab(t *testing.T) {
	t.Parallel()
	partner := func(name string, aliases ...string) site.Object {
		a := name + "@fabrikam.example"
		return site.Object{Kind: site.Contact, Name: name, Mail: a, Nickname: name, Proxies: append([]string{"SMTP:" + a}, aliases...)}
	}
	l := startLab(t, partner("ada", "smtp:info@fabrikam.example"), partner("ben", "smtp:info@fabrikam.example"),
		partner("out", "smtp:info@fabrikam.example"), partner("cleo"))
	must(t, l.engine.Cycle(t.Context()))
	must(t, l.cloud.Delete("out@fabrikam.example"))
	l.stamped.Store(-int64(time.Minute)) // after the sync, whose time is in seconds
	must(t, l.dc.Modify(t.Context(), l.dc.DNOf(site.Object{Kind: site.Contact, Name: "cleo"}), site.Changes{Replace: map[string][]string{
		"mail": {"c@fabrikam.example"}, "proxyAddresses": {"SMTP:c@fabrikam.example", "smtp:cleo@fabrikam.example"}}}))
	want := []string{"ada duplicate_on_premises info@fabrikam.example ben", "ben duplicate_on_premises info@fabrikam.example out",
		"ben quarantined smtp:info@fabrikam.example ada", "cleo ambiguous_holder ", "out duplicate_on_premises info@fabrikam.example ada",
		"out not_in_cloud "}
	if s := l.audit(t, want); s.Wrong != 3 || s.Pending != 1 {
		t.Errorf("%+v", s)
	}
	must(t, l.engine.Cycle(t.Context()))
	must(t, l.cloud.Delete("out@fabrikam.example")) // the sync brought it back
	want = append(want[:3], want[4:]...)
	if s := l.audit(t, want); s.Wrong != 3 || s.Pending != 0 {
		t.Errorf("%+v", s)
	}
}
