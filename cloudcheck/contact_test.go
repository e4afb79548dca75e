package cloudcheck

import (
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// partner is a contact of the directory whose first address is its primary and its mail.
func partner(primary address.Address, aliases ...address.Address) address.Holder {
	return address.Holder{Kind: address.Contact, Name: "Partner", Values: called(primary, aliases...)}
}

func called(primary address.Address, aliases ...address.Address) address.Values {
	v := address.Values{Mail: string(primary), Proxies: address.Set{address.Primary(primary)}}
	for _, a := range aliases {
		v.Proxies = v.Proxies.With(address.Secondary(a))
	}
	return v
}

// synced is a contact of the tenant that came from on-premises.
func synced(id string, v address.Values) Object {
	on := true
	return Object{ID: id, Kind: address.Contact, Name: "Contact " + id, SyncEnabled: &on, Values: v}
}

const doubt = "in doubt"

// matches checks which object a ref is taken for: an id, "" for none, or doubt.
func matches(t *testing.T, name string, r Ref, candidates []Object, want string) {
	t.Helper()
	o, err := r.Match(candidates)
	got := ""
	switch {
	case o != nil && err != nil:
		got = "both"
	case o != nil:
		got = o.ID
	case err != nil:
		got = doubt
		if e, ok := cause.As(err); !ok || e.Kind != cause.Waiting || e.Cause.Code != cause.CloudUnavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got != want {
		t.Errorf("%s: %q, %v; want %q", name, got, err, want)
	}
}

func TestAContactIsKnownByWhatItIsCalled(t *testing.T) {
	t.Parallel()
	h := partner("ann@fabrikam.com", "info@fabrikam.com", "new@fabrikam.com")
	mine := synced("mine", called("ANN@fabrikam.com"))
	other := synced("other", called("x@fabrikam.com", "info@fabrikam.com", "new@fabrikam.com"))
	namesake := other
	namesake.Name = h.Name
	cloudOnly := Object{ID: "cloud", Kind: address.Contact, Values: mine.Values}
	was := cloudOnly
	was.ID, was.LastSync = "was", time.Now()
	noPrimary := partner("ann@fabrikam.com")
	noPrimary.Proxies = address.Set{"smtp:ann@fabrikam.com", "smtp:info@fabrikam.com"}
	masked := partner("y@fabrikam.com")
	masked.Mail = "x@fabrikam.com"
	for name, c := range map[string]struct {
		holder     address.Holder
		candidates []Object
		want       string
	}{
		"the one, found twice":              {h, []Object{mine, mine}, "mine"},
		"another shares more of it":         {h, []Object{other, mine}, "mine"},
		"another shares two aliases":        {h, []Object{other}, ""},
		"another of the same name":          {h, []Object{namesake}, ""},
		"never synchronised":                {h, []Object{cloudOnly}, ""},
		"synchronised once":                 {h, []Object{cloudOnly, was}, "was"},
		"two called so":                     {h, []Object{mine, synced("twin", called("ann@fabrikam.com"))}, doubt},
		"nobody":                            {h, nil, ""},
		"called like an alias":              {h, []Object{synced("old", called("info@fabrikam.com"))}, doubt},
		"that, and the one":                 {h, []Object{synced("old", called("info@fabrikam.com")), mine}, "mine"},
		"only mail agrees, which is masked": {masked, []Object{other}, doubt},
		"no primary on either side":         {noPrimary, []Object{synced("plain", address.Values{Proxies: noPrimary.Proxies})}, "plain"},
		"no primary, and more addresses": {noPrimary, []Object{synced("plain", address.Values{
			Proxies: address.Set{"smtp:ann@fabrikam.com", "smtp:z@fabrikam.com"}})}, ""},
		"no primary, and only an alias": {h, []Object{synced("plain", address.Values{Proxies: address.Set{"smtp:info@fabrikam.com"}})}, ""},
		"its primary is quarantined": {h, []Object{{ID: "poor", Kind: address.Contact, SyncEnabled: mine.SyncEnabled, Values: address.Values{Proxies: address.Set{"smtp:info@fabrikam.com"}},
			Errors: []ProvisioningError{{Property: "ProxyAddresses", Value: "SMTP:ann@fabrikam.com"}}}}, "poor"},
	} {
		matches(t, name, Ref{Holder: c.holder}, c.candidates, c.want)
	}
}

// What a contact is called changes on-premises first: until that has arrived, it is known by what it was called.
func TestAContactIsKnownWhileItsPrimaryChanges(t *testing.T) {
	t.Parallel()
	before, after := called("old@fabrikam.com", "info@fabrikam.com"), called("new@fabrikam.com", "old@fabrikam.com", "info@fabrikam.com")
	moved := address.Holder{Kind: address.Contact, Name: "Partner", Values: after}
	restored := address.Holder{Kind: address.Contact, Name: "Partner", Values: called("old@fabrikam.com", "info@fabrikam.com")}
	showsOld, showsNew := synced("it", before), synced("it", after)
	stranger := synced("stranger", called("x@fabrikam.com", "info@fabrikam.com"))
	heir := synced("heir", called("old@fabrikam.com")) // what was ours is another one's by now
	for name, c := range map[string]struct {
		ref        Ref
		candidates []Object
		want       string
	}{
		"it has not arrived, and its id is known":  {Ref{CloudID: "IT", Holder: moved}, []Object{showsOld}, "it"},
		"it has not arrived, and we changed it":    {Ref{Holder: moved, Before: []address.Values{before}}, []Object{stranger, showsOld}, "it"},
		"it has not arrived, and nothing is known": {Ref{Holder: moved}, []Object{showsOld}, doubt},
		"it has arrived":                           {Ref{CloudID: "it", Holder: moved, Before: []address.Values{before}}, []Object{showsNew}, "it"},
		"taken back, and the id is known":          {Ref{CloudID: "it", Holder: restored, Before: []address.Values{after}}, []Object{showsNew}, "it"},
		"taken back, and the id is not known":      {Ref{Holder: restored, Before: []address.Values{after}}, []Object{showsNew}, "it"},
		"taken back by somebody else":              {Ref{CloudID: "it", Holder: restored}, []Object{showsNew}, ""},
		"the id is another one's":                  {Ref{CloudID: "stranger", Holder: moved}, []Object{stranger}, ""},
		"the id is another one's, and it is there": {Ref{CloudID: "stranger", Holder: moved}, []Object{stranger, showsNew}, "it"},
		"the new primary comes before the old":     {Ref{Holder: moved, Before: []address.Values{before}}, []Object{synced("late", before), showsNew}, "it"},
		"what it was called went to another one":   {Ref{Holder: partner("new@fabrikam.com"), Before: []address.Values{called("old@fabrikam.com")}}, []Object{heir}, ""},
		"that, and its id was noted":               {Ref{CloudID: "heir", Holder: partner("new@fabrikam.com"), Before: []address.Values{called("old@fabrikam.com")}}, []Object{heir}, ""},
		"two that were called so":                  {Ref{Holder: moved, Before: []address.Values{before, called("x@fabrikam.com")}}, []Object{showsOld, stranger}, doubt},
		"the new primary is in quarantine":         {Ref{CloudID: "it", Holder: moved}, []Object{synced("it", address.Values{Proxies: address.Set{"smtp:old@fabrikam.com"}})}, "it"},
		"lost its primary, and is another one": {Ref{CloudID: "it", Holder: moved},
			[]Object{synced("it", address.Values{Proxies: address.Set{"smtp:info@fabrikam.com", "smtp:x@fabrikam.com"}})}, ""},
	} {
		matches(t, name, c.ref, c.candidates, c.want)
	}
}

// A contact that was taken for another one by its id is not in the cloud, and that other one is who holds the address.
func TestAContactThatWasAnotherIsInConflictWithIt(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.c.Ref = Ref{CloudID: "id-a", Holder: partner("b@fabrikam.com", "j.doe@contoso.com")}
	w.c.After = w.c.Ref.Holder.Values
	w.vanish()
	w.other(synced("id-a", called("a@fabrikam.com", "j.doe@contoso.com")))
	w.settle()
	v := w.sweep(t)
	if v.Outcome != Contradicted || v.Cause.Conflict == nil || v.Cause.Conflict.ID != "id-a" {
		t.Errorf("%s, %+v", v.Outcome, v.Cause)
	}
}
