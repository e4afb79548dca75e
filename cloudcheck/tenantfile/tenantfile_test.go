package tenantfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// world is a tenant in memory, a Source that gives it in pages of three.
type world []cloudcheck.Object

func (w world) EachObject(_ context.Context, take func([]cloudcheck.Object) error) error {
	for page := range slices.Chunk(w, 3) {
		if err := take(page); err != nil {
			return err
		}
	}
	return nil
}

// source is a Source that is a function.
type source func(ctx context.Context, take func([]cloudcheck.Object) error) error

func (s source) EachObject(ctx context.Context, take func([]cloudcheck.Object) error) error {
	return s(ctx, take)
}

func newFile(t testing.TB) *File {
	t.Helper()
	f := New(filepath.Join(t.TempDir(), "tenant"))
	t.Cleanup(func() { must(t, f.Close()) })
	return f
}

func read(t testing.TB, from Source) *File {
	t.Helper()
	f := newFile(t)
	must(t, f.Read(t.Context(), from, func(int) {}))
	return f
}

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

func TestMatch(t *testing.T) {
	t.Parallel()
	twin := other(address.Contact, 8, "twin@fabrikam.com")
	twin.Name = "Twin"
	second := twin
	second.ID = "contact-9"
	w := world{user(1, "ann@contoso.com"), user(2), other(address.Group, 1, "sales@contoso.com"), other(address.Group, 2),
		other(address.Contact, 1, "Eve@fabrikam.com", "e@fabrikam.com"), twin, second}
	f := read(t, w)
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
	found, err := f.Match(t.Context(), holders)
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
	if diff := cmp.Diff(w[0], *found[1].Object, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func TestHoldersOf(t *testing.T) {
	t.Parallel()
	w := world{user(1, "ann@contoso.com", "a@contoso.com"), other(address.Group, 1, "Sales@contoso.com"), other(address.Contact, 1, "u1@contoso.com")}
	f := read(t, w)
	for want, addrs := range map[string][]address.Address{
		"USER-1":           {"ANN@contoso.com", "a@contoso.com"},
		"group-1":          {"sales@CONTOSO.com", "nobody@contoso.com"},
		"USER-1 contact-1": {"u1@contoso.com"},
		"":                 {"nobody@contoso.com"},
	} {
		found, err := f.HoldersOf(t.Context(), addrs)
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
	f := read(t, world{thief, byGUID, bySID, both, cloudOnly, other(address.Group, 2)})
	holders := []address.Holder{
		{Kind: address.User, GUID: guid, Anchor: "consistency"}, {Kind: address.User, Anchor: "x", SID: "s-1-5-21-7-ab"},
		{Kind: address.User, Anchor: "anchor3==", SID: both.SID}, {Kind: address.User, UPN: cloudOnly.UPN}, {Kind: address.User, SID: "S-1-5-9-2-abc"}}
	want := []string{"USER-1", "USER-2", "USER-3", "", ""}
	found, err := f.Match(t.Context(), holders)
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
	f := read(t, world{user(1, "ann@contoso.com"), other(address.Contact, 1, "eve@fabrikam.com")})
	for n := range uint32(2) {
		f.keys.Add(uint64(f.keyOf(byAnchor, "anchor7==")), n)
		f.keys.Add(uint64(f.keyOfAddress("x@contoso.com")), n)
	}
	f.keys.Sort()
	holders := []address.Holder{{Kind: address.User, Anchor: "anchor7=="}, {Kind: address.Contact, Values: address.Values{Mail: "x@contoso.com"}}}
	found, err := f.Match(t.Context(), holders)
	if err != nil || found[0] != (cloudcheck.Sighting{}) || found[1] != (cloudcheck.Sighting{}) {
		t.Errorf("%+v, %v", found, err)
	}
	if held, err := f.HoldersOf(t.Context(), []address.Address{"x@contoso.com"}); err != nil || len(held) > 0 {
		t.Errorf("%+v, %v", held, err)
	}
}

// TestAnObjectOnTwoPages stands in the file once, as it was read first.
func TestAnObjectOnTwoPages(t *testing.T) {
	t.Parallel()
	moved := user(1, "new@contoso.com")
	moved.ID = strings.ToLower(moved.ID)
	var progress []int
	f := newFile(t)
	must(t, f.Read(t.Context(), world{user(1, "ann@contoso.com"), user(2), user(3), moved, user(4)}, func(n int) { progress = append(progress, n) }))
	found, err := f.HoldersOf(t.Context(), []address.Address{"ann@contoso.com", "u1@contoso.com", "new@contoso.com"})
	if err != nil || len(found) != 1 || found[0].Mail != "ann@contoso.com" || f.Objects() != 4 || !slices.Equal(progress, []int{3, 4}) {
		t.Errorf("%+v, %v; %d objects, told %v", found, err, f.Objects(), progress)
	}
}

// TestTheFile belongs to its owner alone, takes the place of one that was left behind, and goes with Close, whatever became
// of the reading.
func TestTheFile(t *testing.T) {
	t.Parallel()
	enough := cause.Wait(cause.Throttled, "enough")
	for what, c := range map[string]struct {
		ends bool
		read source
		want error
	}{
		"to its end":  {false, world{user(1)}.EachObject, nil},
		"it fails":    {false, func(context.Context, func([]cloudcheck.Object) error) error { return enough }, enough},
		"it is ended": {true, func(context.Context, func([]cloudcheck.Object) error) error { return errors.New("it ended") }, context.Canceled},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		f := New(filepath.Join(t.TempDir(), "tenant"))
		elsewhere := filepath.Join(t.TempDir(), "elsewhere")
		must(t, os.WriteFile(elsewhere, []byte("mine"), 0o600))
		must(t, os.Symlink(elsewhere, f.path))
		err := f.Read(ctx, source(func(ctx context.Context, take func([]cloudcheck.Object) error) error {
			info, err := os.Lstat(f.path)
			if err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
				t.Errorf("%s: %v, %v", what, info.Mode(), err)
			}
			if c.ends {
				cancel()
			}
			return c.read(ctx, take)
		}), func(int) {})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
		must(t, errors.Join(f.Close(), f.Close()))
		text, err := os.ReadFile(elsewhere)
		if _, gone := os.Lstat(f.path); !errors.Is(gone, fs.ErrNotExist) || err != nil || string(text) != "mine" {
			t.Errorf("%s: %v; the link's target holds %q, %v", what, gone, text, err)
		}
	}
}

// TestTheFileFails: what cannot be written or read is told as a cause that names the file.
func TestTheFileFails(t *testing.T) {
	t.Parallel()
	told := func(what string, err error, path string) {
		if e, ok := cause.As(err); !ok || e.Cause.Code != cause.CloudUnavailable || !strings.Contains(e.Cause.Message, path) {
			t.Errorf("%s: %v", what, err)
		}
	}
	nowhere := New(filepath.Join(t.TempDir(), "no", "folder"))
	told("no folder", nowhere.Read(t.Context(), world{}, func(int) {}), nowhere.path)
	must(t, nowhere.Close())
	for what, spoil := range map[string]func(*File) error{
		"cut":         func(f *File) error { return f.file.Truncate(f.begins[1] + 1) },
		"overwritten": func(f *File) error { _, err := f.file.WriteAt([]byte("\xff\xff\xff\xff\xff"), f.begins[1]); return err },
	} {
		f := read(t, world{user(1), user(2)})
		must(t, spoil(f))
		_, err := f.Match(t.Context(), []address.Holder{{Kind: address.User, Anchor: "anchor2=="}})
		told(what, err, f.path)
		_, err = f.HoldersOf(t.Context(), []address.Address{"u2@contoso.com"})
		told(what, err, f.path)
	}
}

// TestStopped: a look after the end of the context says so.
func TestStopped(t *testing.T) {
	t.Parallel()
	f := read(t, world{user(1)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Match(ctx, []address.Holder{{}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := f.HoldersOf(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
