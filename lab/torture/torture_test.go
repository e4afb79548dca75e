//go:build !windows

package torture

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/lab/directory/wire"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

func TestPassages(t *testing.T) {
	t.Parallel()
	for _, p := range Points() {
		want := Passage{Point: p, N: 3}
		if got, err := ParsePassage(want.String()); err != nil || got != want {
			t.Errorf("%s is read as %v, %v", want, got, err)
		}
	}
	for _, wrong := range []string{"", "intent:before", "intent:beside:1", "nowhere:before:1", "intent:before:x"} {
		if got, err := ParsePassage(wrong); err == nil {
			t.Errorf("%q is read as %v", wrong, got)
		}
	}
}

// A seed gives the whole script, and the runs of one torture pass every point.
func TestScripts(t *testing.T) {
	t.Parallel()
	shape := DefaultShape()
	if !reflect.DeepEqual(newScript(7, 3, shape), newScript(7, 3, shape)) {
		t.Error("one seed gives two scripts")
	}
	if reflect.DeepEqual(newScript(7, 3, shape).asks, newScript(8, 3, shape).asks) {
		t.Error("two seeds give the same requests")
	}
	met := map[Point]bool{}
	for turn := range len(Points()) {
		for _, l := range newScript(uint64(turn), turn, shape).lives {
			met[l.at.Point] = true
		}
	}
	for _, p := range Points() {
		if !met[p] {
			t.Errorf("no run passes %s", p)
		}
	}
}

func TestChangeOf(t *testing.T) {
	t.Parallel()
	got := changeOf([]wire.Change{
		{Operator: wire.DeleteValues, Attribute: "proxyAddresses", Values: []string{"smtp:a@x", "smtp:A@x"}},
		{Operator: wire.AddValues, Attribute: "proxyaddresses", Values: []string{"smtp:A@x", "SMTP:a@x"}},
		{Operator: wire.DeleteValues, Attribute: "mail", Values: []string{"b@x"}},
		{Operator: wire.AddValues, Attribute: "mail", Values: []string{"a@x"}},
	})
	want := address.Change{Delete: []address.Proxy{"smtp:a@x"}, Add: []address.Proxy{"SMTP:a@x"}, Mail: &address.MailChange{Old: "b@x", New: "a@x"}}
	if !got.Equal(want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if back := want.Invert(); !takesBack(want, back) || takesBack(want, address.Change{Add: []address.Proxy{"smtp:other@x"}}) {
		t.Error("taking back is not told from something else")
	}
}

// What a modify may do to a holder depends on what its request asks for.
func TestUnlawful(t *testing.T) {
	t.Parallel()
	values := func(mail string, proxies ...address.Proxy) address.Values {
		return address.Values{Mail: mail, Proxies: proxies}
	}
	ada := values("ada@x", "SMTP:ada@x", "smtp:old@x", "X500:k")
	request := func(action address.Action, a address.Address) *queue.Request {
		return &queue.Request{ID: "1", Submission: queue.Submission{Action: action, Address: a}}
	}
	undo := &queue.Request{ID: "1", Submission: queue.Submission{Action: address.Undo, Undoes: "2"}}
	undone := &queue.Request{ID: "2", Receipt: &ldapwriter.Receipt{Change: address.Change{Add: []address.Proxy{"smtp:new@x"}}, Before: ada}}
	for what, c := range map[string]struct {
		before, after address.Values
		request       *queue.Request
		says          string // "" is lawful
	}{
		"an alias is added":          {ada, values("ada@x", "SMTP:ada@x", "smtp:old@x", "X500:k", "smtp:new@x"), request(address.AddAlias, "new@x"), ""},
		"another alias is added":     {ada, values("ada@x", "SMTP:ada@x", "smtp:old@x", "X500:k", "smtp:other@x"), request(address.AddAlias, "new@x"), "invents the address other@x"},
		"an alias is removed":        {ada, values("ada@x", "SMTP:ada@x", "X500:k"), request(address.RemoveAlias, "old@x"), ""},
		"an alias goes with it":      {ada, values("ada@x", "SMTP:ada@x", "X500:k", "smtp:new@x"), request(address.AddAlias, "new@x"), "loses the address old@x"},
		"an X500 value goes":         {ada, values("ada@x", "SMTP:ada@x", "smtp:old@x"), request(address.AddAlias, "new@x"), `loses "X500:k"`},
		"an X500 value comes":        {ada, values("ada@x", "SMTP:ada@x", "smtp:old@x", "X500:k", "X500:l"), request(address.AddAlias, "new@x"), `invents "X500:l"`},
		"a new primary":              {ada, values("old@x", "smtp:ada@x", "SMTP:old@x", "X500:k"), request(address.SetPrimary, "old@x"), ""},
		"without its mail":           {ada, values("ada@x", "smtp:ada@x", "SMTP:old@x", "X500:k"), request(address.SetPrimary, "old@x"), "leaves mail"},
		"a second primary":           {ada, values("ada@x", "SMTP:ada@x", "SMTP:old@x", "X500:k"), request(address.SetPrimary, "old@x"), "makes 2 primaries of 1"},
		"no primary":                 {ada, values("ada@x", "smtp:ada@x", "smtp:old@x", "X500:k"), request(address.AddAlias, "new@x"), "makes 0 primaries of 1"},
		"another spelling":           {ada, values("ada@x", "SMTP:ada@x", "smtp:Old@x", "X500:k"), request(address.AddAlias, "new@x"), `spells "smtp:old@x"`},
		"another mail":               {ada, values("a@x", "SMTP:ada@x", "smtp:old@x", "X500:k"), request(address.AddAlias, "new@x"), "changes mail"},
		"the primary is named":       {values("ada@x"), values("ada@x", "SMTP:ada@x", "smtp:new@x"), request(address.AddAlias, "new@x"), ""},
		"an undo":                    {values("ada@x", append(ada.Proxies, "smtp:new@x")...), ada, undo, ""},
		"an undo takes more with it": {values("ada@x", append(ada.Proxies, "smtp:new@x")...), values("ada@x", "SMTP:ada@x", "X500:k"), undo, "loses the address old@x"},
	} {
		f := &facts{byID: map[queue.RequestID]*queue.Request{"1": c.request, "2": undone}}
		d := &deed{by: daemon, holder: &holder{object: site.Object{}}, before: stand{Values: c.before, USN: 1}, after: stand{Values: c.after, USN: 2}, request: "1"}
		got := f.unlawful(d, c.request)
		if c.says == "" && len(got) > 0 || c.says != "" && !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, c.says) }) {
			t.Errorf("%s: got %q, want %q", what, got, c.says)
		}
	}
}
