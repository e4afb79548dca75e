package mirror

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/private"
)

func user(n int, addrs ...string) cloudcheck.Object {
	on := true
	o := cloudcheck.Object{ID: fmt.Sprintf("USER-%d", n), Kind: address.User, Name: fmt.Sprintf("User %d", n), UPN: fmt.Sprintf("u%d@contoso.com", n),
		OnPremUPN: fmt.Sprintf("u%d@contoso.test", n), Nickname: fmt.Sprintf("u%d", n), ImmutableID: fmt.Sprintf("anchor%d==", n),
		SID: fmt.Sprintf("S-1-5-%d", n), SyncEnabled: &on, LastSync: time.Date(2026, 11, 20, 0, 0, n, 0, time.UTC), ExchangeLicensed: n%2 == 0}
	return addressed(o, addrs)
}

func other(kind address.Kind, n int, addrs ...string) cloudcheck.Object {
	on := true
	o := cloudcheck.Object{ID: fmt.Sprintf("%s-%d", kind, n), Kind: kind, Name: fmt.Sprintf("%s %d", kind, n), SyncEnabled: &on}
	if kind == address.Group {
		o.SID = fmt.Sprintf("S-1-5-9-%d-AbC", n)
	}
	return addressed(o, addrs)
}

func addressed(o cloudcheck.Object, addrs []string) cloudcheck.Object {
	for i, a := range addrs {
		if i == 0 {
			o.Mail = a
			o.Proxies = append(o.Proxies, address.Primary(address.Address(a)))
			continue
		}
		o.Proxies = append(o.Proxies, address.Secondary(address.Address(a)))
	}
	return o
}

func quarantined(o cloudcheck.Object) cloudcheck.Object {
	o.Errors = []cloudcheck.ProvisioningError{{Category: "PropertyConflict", Property: "ProxyAddresses", Value: "SMTP:x@contoso.com", Occurred: o.LastSync}}
	return o
}

// same compares what the tenant has with what the copy has.
func same(t testing.TB, c *copied, w *world) {
	t.Helper()
	if diff := cmp.Diff(w.objects, c.all(t), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

// TestCopyFollows lets a tenant change at random, and the copy must be the same after each refresh.
func TestCopyFollows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld()
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		c := newCopy(t, dir)
		for range rapid.IntRange(1, 4).Draw(rt, "refreshes") {
			for range rapid.IntRange(0, 8).Draw(rt, "edits") {
				edit(rt, w)
			}
			before := c.objects()
			r := c.refresh(t, w)
			same(t, c, w)
			if r.Objects != len(w.objects) || r.Calls == 0 || !r.Full && before+r.Changed < r.Objects {
				rt.Errorf("%+v of %d objects, %d before", r, len(w.objects), before)
			}
		}
		if w.whole != 1 {
			rt.Errorf("%d whole reads", w.whole)
		}
	})
}

func (c *copied) objects() (n int) {
	if c.db != nil {
		_ = c.db.QueryRow("SELECT count(*) FROM objects").Scan(&n)
	}
	return n
}

// edit changes one object, or makes one, or removes one. An error may come and go without counting as a change.
func edit(rt *rapid.T, w *world) {
	n := rapid.IntRange(0, 5).Draw(rt, "n")
	addrs := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"A@contoso.com", "b@contoso.com", "ü@contoso.com", "d@fabrikam.com"}), 0, 3, rapid.ID[string]).Draw(rt, "addresses")
	o := rapid.SampledFrom([]cloudcheck.Object{user(n, addrs...), other(address.Group, n, addrs...), other(address.Contact, n, addrs...)}).Draw(rt, "object")
	old, there := w.objects[o.ID]
	switch rapid.IntRange(0, 3).Draw(rt, "what") {
	case 0:
		if there {
			w.remove(o.ID)
		}
	case 1:
		if there {
			old.Errors = nil
			if rapid.Bool().Draw(rt, "error") {
				old = quarantined(old)
			}
			w.objects[o.ID] = old
		}
	default:
		w.put(o)
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	twin := other(address.Contact, 8, "twin@fabrikam.com")
	twin.Name = "Twin"
	second := twin
	second.ID = "contact-9"
	w := newWorld(user(1, "ann@contoso.com"), user(2), other(address.Group, 1, "sales@contoso.com"), other(address.Group, 2),
		other(address.Contact, 1, "Eve@fabrikam.com", "e@fabrikam.com"), twin, second)
	c := newCopy(t, t.TempDir())
	c.refresh(t, w)
	contact := func(addrs ...string) address.Holder {
		o := other(address.Contact, 0, addrs...)
		return address.Holder{Kind: address.Contact, Name: "c", Anchor: "anchor1==", Values: o.Values}
	}
	holders := []address.Holder{
		{Kind: address.User, Anchor: "anchor2=="}, {Kind: address.User, Anchor: "anchor1=="}, {Kind: address.User, Anchor: "ANCHOR1=="},
		{Kind: address.User}, {Kind: address.Group, Anchor: "x", SID: "s-1-5-9-2-abc"}, {Kind: address.Group, Anchor: "x"},
		contact("eve@FABRIKAM.com"), contact("new@fabrikam.com", "e@fabrikam.com"), contact("ann@contoso.com"), contact(),
		contact("twin@fabrikam.com"), {Kind: address.Group, SID: "S-1-5-1"}}
	want := []string{"USER-2", "USER-1", "", "", "group-2", "", "contact-1", "", "", "", "error", ""}
	found, err := c.Match(t.Context(), holders)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range found {
		got := ""
		if s.Object != nil {
			got = s.Object.ID
		}
		if s.Err != nil {
			got += "error"
		}
		if got != want[i] {
			t.Errorf("%d: %q, wanted %q", i, got, want[i])
		}
	}
	if diff := cmp.Diff(w.objects["USER-1"], *found[1].Object, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func TestHoldersOf(t *testing.T) {
	t.Parallel()
	w := newWorld(user(1, "ann@contoso.com", "a@contoso.com"), other(address.Group, 1, "Sales@contoso.com"), other(address.Contact, 1, "u1@contoso.com"))
	c := newCopy(t, t.TempDir())
	c.refresh(t, w)
	for want, addrs := range map[string][]address.Address{
		"USER-1":           {"ANN@contoso.com", "a@contoso.com"},
		"group-1":          {"sales@CONTOSO.com", "nobody@contoso.com"},
		"USER-1 contact-1": {"u1@contoso.com"},
		"":                 {"nobody@contoso.com"},
	} {
		found, err := c.HoldersOf(t.Context(), addrs)
		var ids []string
		for _, o := range found {
			ids = append(ids, o.ID)
		}
		slices.Sort(ids)
		if got := strings.Join(ids, " "); err != nil || got != want {
			t.Errorf("%v: %q, wanted %q; %v", addrs, got, want, err)
		}
	}
}

// TestUsersOfAnotherAnchor: in a tenant whose anchor is not the one that was read, users are found by objectGUID and SID;
// the anchor that was read goes first, and what never was on-premises is nobody.
func TestUsersOfAnotherAnchor(t *testing.T) {
	t.Parallel()
	guid := address.GUID{1, 2, 3}
	byGUID, bySID, both, cloudOnly := user(1), user(2), user(3), user(4)
	byGUID.ImmutableID, byGUID.SID = guid.Anchor(), ""
	bySID.ImmutableID, bySID.SID = "employee-2", "S-1-5-21-7-AB"
	both.SID = "S-1-5-21-3"
	cloudOnly.ImmutableID, cloudOnly.SID = "", ""
	thief := user(5)
	thief.SID = both.SID
	c := newCopy(t, t.TempDir())
	c.refresh(t, newWorld(thief, byGUID, bySID, both, cloudOnly, other(address.Group, 2)))
	holders := []address.Holder{
		{Kind: address.User, GUID: guid, Anchor: "consistency"}, {Kind: address.User, Anchor: "x", SID: "s-1-5-21-7-ab"},
		{Kind: address.User, Anchor: "anchor3==", SID: both.SID}, {Kind: address.User, UPN: cloudOnly.UPN}, {Kind: address.User, SID: "S-1-5-9-2-abc"}}
	want := []string{"USER-1", "USER-2", "USER-3", "", ""}
	found, err := c.Match(t.Context(), holders)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range found {
		if got := idOf(s.Object); got != want[i] || s.Err != nil {
			t.Errorf("%d: %q, %v; wanted %q", i, got, s.Err, want[i])
		}
	}
}

func idOf(o *cloudcheck.Object) string {
	if o == nil {
		return ""
	}
	return o.ID
}

// TestHashesCollide: keys are hashes, so an object that is found by one need not have the value.
func TestHashesCollide(t *testing.T) {
	t.Parallel()
	w := newWorld(user(1, "ann@contoso.com"), other(address.Contact, 1, "eve@fabrikam.com"))
	c := newCopy(t, t.TempDir())
	c.refresh(t, w)
	for n := 1; n <= 2; n++ {
		for _, k := range []key{keyOf(byAnchor, "anchor7=="), keyOfAddress("x@contoso.com"), keyOfID("USER-7")} {
			if _, err := c.db.Exec("INSERT INTO keys VALUES (?, ?)", int64(k), n); err != nil {
				t.Fatal(err)
			}
		}
	}
	holders := []address.Holder{{Kind: address.User, Anchor: "anchor7=="}, {Kind: address.Contact, Values: address.Values{Mail: "x@contoso.com"}}}
	found, err := c.Match(t.Context(), holders)
	if err != nil || found[0] != (cloudcheck.Sighting{}) || found[1] != (cloudcheck.Sighting{}) {
		t.Errorf("%+v, %v", found, err)
	}
	if held, err := c.HoldersOf(t.Context(), []address.Address{"x@contoso.com"}); err != nil || len(held) > 0 {
		t.Errorf("%+v, %v", held, err)
	}
	w.log = append(w.log, change{address.User, "USER-7", true})
	if r := c.refresh(t, w); r.Removed != 0 || r.Objects != 2 {
		t.Errorf("%+v", r)
	}
}

func TestFilesAreClosedToOthers(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the folder's rules hold there")
	}
	dir := t.TempDir()
	c := newCopy(t, dir)
	var seen []string
	w := newWorld(user(1))
	w.during = func(int) error {
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		seen = append(seen, files...)
		for _, f := range files {
			if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", f, info.Mode(), err)
			}
		}
		return err
	}
	c.refresh(t, w)
	if info, err := os.Stat(c.options.Path); err != nil || info.Mode().Perm() != 0o600 || len(seen) == 0 {
		t.Errorf("%v, %v, %q", info.Mode(), err, seen)
	}
	must(t, os.Chmod(c.options.Path, 0o644))
	var wider *private.WiderError
	if _, err := Open(c.options); !errors.As(err, &wider) {
		t.Errorf("got %v", err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
