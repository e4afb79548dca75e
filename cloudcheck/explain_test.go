package cloudcheck

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

func TestExplainNamesWhoHoldsIt(t *testing.T) {
	t.Parallel()
	inQuarantine := func(w *world) {
		w.object.Errors = []ProvisioningError{{Property: "ProxyAddresses", Value: "smtp:j.doe@contoso.com", Occurred: w.now.Add(-releasedWithin)}}
	}
	inOldQuarantine := func(since func(*world) time.Time) func(*world) {
		return func(w *world) {
			inQuarantine(w)
			w.object.Errors[0].Occurred = since(w)
			w.fake.objects[1].Proxies = nil
		}
	}
	for name, test := range map[string]struct {
		change func(*world)
		want   string
		holder string
		says   string
	}{
		"quarantined": {change: inQuarantine, want: "wrong quarantined smtp:j.doe@contoso.com", holder: "live"},
		"quarantined by one that was just deleted": {change: func(w *world) {
			inQuarantine(w)
			w.fake.objects[1].Deleted = true
		}, want: "pending held_by_deleted smtp:j.doe@contoso.com", holder: "live", says: "nothing is to be done, the cloud releases it within 3 hours"},
		"quarantined by a deleted one for days": {change: func(w *world) {
			inQuarantine(w)
			w.object.Errors[0].Occurred = w.now.Add(-48 * time.Hour)
			w.fake.objects[1].Deleted = true
		}, want: "wrong held_by_deleted smtp:j.doe@contoso.com", holder: "live", says: "a deleted user keeps no address from others as a rule, so look for an export error"},
		"no quarantine shows, and a deleted group holds it": {change: func(w *world) {
			w.fake.objects[1].Deleted, w.fake.objects[1].Kind = true, address.Group
		}, want: "wrong held_by_deleted smtp:j.doe@contoso.com", holder: "live", says: "restore it, take the address from it and delete it again"},
		"quarantined, and nobody holds it any more": {change: func(w *world) {
			inQuarantine(w)
			w.fake.objects[1].Proxies = nil
		}, want: "pending quarantined smtp:j.doe@contoso.com", says: "nobody is seen to hold it any more; nothing is to be done, the cloud releases it within 3 hours"},
		"quarantined for 59 days, and nobody that Graph shows holds it": {
			change: inOldQuarantine(func(w *world) time.Time { return w.now.Add(-59 * 24 * time.Hour) }),
			want:   "wrong quarantined smtp:j.doe@contoso.com", says: "something that Graph does not show"},
		"quarantined for longer than a release takes": {
			change: inOldQuarantine(func(w *world) time.Time { return w.now.Add(-releasedWithin - time.Second) }),
			want:   "wrong quarantined smtp:j.doe@contoso.com", says: "an Exchange administrator"},
		"quarantined, nobody holds it, and since when is not known": {
			change: inOldQuarantine(func(*world) time.Time { return time.Time{} }),
			want:   "wrong quarantined smtp:j.doe@contoso.com", says: "something that Graph does not show"},
		"quarantined, and nobody can be asked": {change: func(w *world) {
			inQuarantine(w)
			w.fake.noHolder = errors.New("away")
		}, want: "wrong quarantined smtp:j.doe@contoso.com", says: "because another object holds it; remove it there"},
		"no quarantine shows": {change: func(*world) {}, want: "wrong export_error_suspected smtp:j.doe@contoso.com", holder: "live"},
		"nobody holds it": {change: func(w *world) { w.fake.objects[1].Proxies = nil },
			want: "wrong calculated_otherwise smtp:j.doe@contoso.com"},
		"nobody can be asked": {change: func(w *world) { w.fake.noHolder = errors.New("away") },
			want: "wrong calculated_otherwise smtp:j.doe@contoso.com"},
		"not in the cloud, another has its address": {change: func(w *world) {
			w.fake.objects[1].Proxies = address.Set{"SMTP:jdoe@contoso.com"}
			w.vanish()
		}, want: "wrong export_error_suspected", holder: "live"},
		"not in the cloud any more": {change: func(w *world) {
			w.fake.objects[1].Proxies, w.fake.objects[1].Deleted = address.Set{"SMTP:jdoe@contoso.com"}, true
			w.vanish()
		}, want: "wrong not_in_cloud", holder: "live"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := settledWorld()
			w.arriving()
			w.other(Object{ID: "live", Kind: address.User, Name: "Ann", Values: address.Values{Proxies: address.Set{"smtp:j.doe@contoso.com"}}})
			test.change(w)
			x, err := w.checker().Explain(t.Context(), Ref{Holder: *w.holder()})
			if err != nil {
				t.Fatal(err)
			}
			if got := briefs(x.Diagnosis.Findings); !slices.Equal(got, []string{test.want}) {
				t.Fatalf("%q, want %q", got, test.want)
			}
			if !strings.Contains(x.Diagnosis.Findings[0].Message, test.says) {
				t.Errorf("%s", x.Diagnosis.Findings[0].Message)
			}
			by := x.Diagnosis.Findings[0].Conflict
			if (by != nil) != (test.holder != "") || by != nil && (by.ID != test.holder || !strings.Contains(x.Diagnosis.Findings[0].Message, "Ann")) {
				t.Errorf("%+v: %s", by, x.Diagnosis.Findings[0].Message)
			}
		})
	}
}

func TestExplainAsksOnlyWhatIsDisputed(t *testing.T) {
	t.Parallel()
	w := settledWorld()
	if _, err := w.checker().Explain(t.Context(), Ref{Holder: *w.holder()}); err != nil || len(w.fake.holderCalls) != 0 {
		t.Errorf("in order: %v, %v", w.fake.holderCalls, err)
	}
	w.arriving()
	w.object.UPN = "jane@contoso.com"
	if _, err := w.checker().Explain(t.Context(), Ref{Holder: *w.holder()}); err != nil || len(w.fake.holderCalls) != 1 || !slices.Equal(w.fake.holderCalls[0], []address.Address{"j.doe@contoso.com"}) {
		t.Errorf("asked %v, %v", w.fake.holderCalls, err)
	}
	w.object.UPN = "jdoe@contoso.com"
	w.onPremises("jdoe@contoso.com", "SMTP:jdoe@contoso.com")
	w.object.Proxies = address.Set{"SMTP:jdoe@contoso.com"} // the MOERA is not there: a notice
	if d := w.diagnose(); len(d.Findings) != 1 || len(d.Disputed()) != 0 {
		t.Errorf("a notice disputes %v: %+v", d.Disputed(), d.Findings)
	}
	w.fake.broken = cause.Wait(cause.CloudUnavailable, "Graph is away")
	if _, err := w.checker().Explain(t.Context(), Ref{Holder: *w.holder()}); !errors.Is(err, w.fake.broken) {
		t.Errorf("%v", err)
	}
}
