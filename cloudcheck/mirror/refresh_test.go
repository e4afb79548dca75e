package mirror

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// TestWhole says in what cases the whole tenant is read again, and why.
func TestWhole(t *testing.T) {
	t.Parallel()
	for why, spoil := range map[string]func(*testing.T, *world, *copied){
		"":                  func(*testing.T, *world, *copied) {},
		"there was no copy": func(t *testing.T, _ *world, c *copied) { must(t, os.Remove(c.options.Path)) },
		"the delta token had expired": func(_ *testing.T, w *world, _ *copied) {
			w.expired = true
		},
		"the delta token was older than 7 days": func(_ *testing.T, _ *world, c *copied) {
			c.clock.at = c.clock.at.Add(tokenLife + tokenMargin + 1)
		},
		"the copy was made later than now by this machine's clock": func(_ *testing.T, _ *world, c *copied) {
			c.clock.at = c.clock.at.Add(-tokenMargin - 1)
		},
		"the copy was of another tenant":                 func(_ *testing.T, _ *world, c *copied) { c.options.TenantID = "fabrikam" },
		"the copy was made by another version of aliasd": func(t *testing.T, _ *world, c *copied) { corrupt(t, c.options.Path, "PRAGMA user_version = 99") },
		"the copy was damaged": func(t *testing.T, _ *world, c *copied) {
			must(t, os.WriteFile(c.options.Path, []byte(strings.Repeat("no database", 1000)), 0o600))
		},
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			w := newWorld(user(1), user(2), user(3), user(4))
			c := newCopy(t, t.TempDir())
			if r := c.refresh(t, w); !r.Full || r.Why != "there was no copy" || r.Objects != 4 || r.Calls != 3 {
				t.Errorf("%+v", r)
			}
			must(t, c.Close())
			spoil(t, w, c)
			w.put(user(5))
			if r := c.refresh(t, w); r.Full != (why != "") || r.Why != why || r.Objects != 5 || !r.Full && (r.Changed != 1 || r.Calls != 3) {
				t.Errorf("%+v", r)
			}
			same(t, c, w)
			w.expired = false
			if r := c.refresh(t, w); r.Full || r.Changed != 0 || r.Calls != 2 && why != "" || r.Calls > 3 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestInterrupted: a read that does not come to its end leaves the old copy as it was, and no file behind.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	w := newWorld(user(1), user(2), user(3), user(4))
	dir := t.TempDir()
	c := newCopy(t, dir)
	if _, err := c.Match(t.Context(), []address.Holder{{}}); err == nil {
		t.Error("it matches before it was read")
	}
	c.refresh(t, w)
	was := *w
	was.objects = map[string]cloudcheck.Object{"USER-1": user(1), "USER-2": user(2), "USER-3": user(3), "USER-4": user(4)}
	w.expired = true
	w.put(user(5))
	ctx, cancel := context.WithCancel(t.Context())
	for what, during := range map[string]func(int) error{
		"away": func(int) error { return cause.Wait(cause.Throttled, "enough") },
		"end":  func(int) error { cancel(); return nil },
	} {
		w.during = during
		_, err := c.Refresh(ctx, w, func(int) {})
		if e, ok := cause.As(err); what == "away" && ctx.Err() == nil && (!ok || e.Cause.Code != cause.Throttled) || err == nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := c.Refresh(ctx, w, func(int) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	w.during, w.expired = nil, false
	attached, why, err := c.attach(t.Context())
	if err != nil || why != "" || attached.objects != 4 {
		t.Errorf("%+v, %q, %v", attached, why, err)
	}
	same(t, c, &was)
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 1 {
		t.Errorf("files are left: %q", files)
	}
	if r := c.refresh(t, w); r.Full || r.Changed != 1 {
		t.Errorf("%+v", r)
	}
	same(t, c, w)
}

// TestChangesDuringTheRead come with the next refresh; an object that two pages have stands there once.
func TestChangesDuringTheRead(t *testing.T) {
	t.Parallel()
	w := newWorld(user(1), user(2), user(3), user(4))
	w.during = func(page int) error {
		if page == 1 {
			w.put(user(1, "new@contoso.com"))
			w.remove("USER-4")
		}
		return nil
	}
	c := newCopy(t, t.TempDir())
	c.refresh(t, w)
	if r := c.refresh(t, w); r.Full || r.Changed != 1 || r.Removed != 1 || r.Objects != 3 {
		t.Errorf("%+v", r)
	}
	same(t, c, w)
	w.put(user(2, "changed@contoso.com"))
	delete(w.objects, "USER-2") // between the changes and the look at the object
	if r := c.refresh(t, w); r.Removed != 0 || r.Changed != 0 {
		t.Errorf("%+v", r)
	}
	w.log = append(w.log, change{address.User, "USER-2", true})
	if r := c.refresh(t, w); r.Removed != 1 || r.Changed != 0 {
		t.Errorf("%+v", r)
	}
	same(t, c, w)
	twice := &twicePages{world: newWorld(user(1), user(2))}
	c = newCopy(t, t.TempDir())
	if r, err := c.Refresh(t.Context(), twice, func(int) {}); err != nil || r.Objects != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	same(t, c, twice.world)
}

// TestReplicasBehind: the replica that shows objects may be behind the one that tells what changed. What it shows at first is
// put right by the refreshes after it, nothing that lives goes meanwhile, and in the end nothing is asked for again.
func TestReplicasBehind(t *testing.T) {
	t.Parallel()
	old, troubled := user(1), quarantined(user(3))
	for what, c := range map[string]struct {
		edit   func(*world)
		id     string
		behind lagging
		gone   bool // it may be missing meanwhile
	}{
		"made":                 {func(w *world) { w.put(user(9)) }, "USER-9", lagging{times: 4}, true},
		"changed, not shown":   {func(w *world) { w.put(user(1, "new@contoso.com")) }, "USER-1", lagging{times: 4}, false},
		"changed, shown old":   {func(w *world) { w.put(user(1, "new@contoso.com")) }, "USER-1", lagging{1, &old}, false},
		"changed and removed":  {func(w *world) { w.put(user(1, "new@contoso.com")); w.remove("USER-1") }, "USER-1", lagging{1, &old}, false},
		"removed and restored": {func(w *world) { w.remove("USER-1"); w.put(user(1)) }, "USER-1", lagging{times: 1}, true},
		"made and removed":     {func(w *world) { w.put(user(9)); w.remove("USER-9") }, "USER-9", lagging{times: 1}, true},
		"removed":              {func(w *world) { w.remove("USER-1") }, "USER-1", lagging{0, &old}, false},
		"removed, quarantined": {func(w *world) { w.remove("USER-3"); w.stale = []cloudcheck.Object{troubled} }, "USER-3", lagging{}, false},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(user(1), user(2), troubled)
			copied := newCopy(t, t.TempDir())
			copied.refresh(t, w)
			c.edit(w)
			w.behind = map[string]*lagging{c.id: &c.behind}
			for n := c.behind.times; n > 0; n-- {
				copied.refresh(t, w)
				if _, there := copied.all(t)[c.id]; !there && !c.gone {
					t.Errorf("it went, to be behind %d times more", n)
				}
			}
			copied.refresh(t, w)
			same(t, copied, w)
			w.stale = nil
			copied.refresh(t, w)
			if r := copied.refresh(t, w); r.Calls != 2 || r.Full || w.whole != 1 {
				t.Errorf("%+v", r)
			}
			same(t, copied, w)
		})
	}
}

// TestMuchChanged: what is much less than all is asked for in bounded questions, and else the whole is read.
func TestMuchChanged(t *testing.T) {
	t.Parallel()
	w := newWorld()
	const all = 64_000
	for n := range all {
		o := cloudcheck.Object{ID: fmt.Sprintf("%06d", n), Kind: address.User}
		w.objects[o.ID] = o
	}
	c := newCopy(t, t.TempDir())
	c.refresh(t, w)
	edit := func(n int, name string) {
		for i := range n {
			w.put(cloudcheck.Object{ID: fmt.Sprintf("%06d", i), Kind: address.User, Name: name})
		}
	}
	edit(all/20, "few")
	if r := c.refresh(t, w); r.Full || r.Changed != all/20 || w.asked != askAtOnce {
		t.Errorf("%+v, %d asked for at once", r, w.asked)
	}
	edit(all/20+1, "many")
	if r := c.refresh(t, w); !r.Full || r.Why != "more than 3200 of 64000 objects had changed" || r.Objects != all {
		t.Errorf("%+v", r)
	}
	edit(all/4, "far too many")
	if r := c.refresh(t, w); !r.Full || r.Why != "more than 3200 of 64000 objects had changed" {
		t.Errorf("%+v", r)
	}
}

// TestOldButFollowed: a token of 7 days is tried, for Graph's clock counts; and after 28 days the whole is read.
func TestOldButFollowed(t *testing.T) {
	t.Parallel()
	w := newWorld(user(1))
	c := newCopy(t, t.TempDir())
	c.refresh(t, w)
	for week := range 8 {
		c.clock.at = c.clock.at.Add(7*24*time.Hour + time.Minute)
		w.put(user(1, fmt.Sprintf("week%d@contoso.com", week)))
		r := c.refresh(t, w)
		if whole := week%4 == 3; r.Full != whole || whole && r.Why != "the last whole read was older than 28 days" {
			t.Errorf("week %d: %+v", week, r)
		}
		same(t, c, w)
	}
}

// TestReadAnew: whatever there is, the whole is read; and the copy that was there stays until then.
func TestReadAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(user(1))
	c := newCopy(t, t.TempDir())
	c.refresh(t, w)
	w.during = func(int) error { return cause.Wait(cause.Throttled, "enough") }
	c.options.Anew = true
	if _, err := c.Refresh(t.Context(), w, func(int) {}); err == nil {
		t.Error("it cannot have been read")
	}
	c.options.Anew, w.during = false, nil
	w.put(user(2))
	if r := c.refresh(t, w); r.Full || r.Changed != 1 {
		t.Errorf("%+v", r)
	}
	c.options.Anew = true
	if r := c.refresh(t, w); !r.Full || r.Why != "it was asked for" || r.Objects != 2 || r.Calls != 2 {
		t.Errorf("%+v", r)
	}
	same(t, c, w)
}

// TestLeftovers: files that a crash left behind go with the next refresh, whatever the folder is called, and no others.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a[b]*")
	must(t, os.Mkdir(dir, 0o700))
	for _, name := range []string{"tenant.db.new-1", "tenant.db.new-2", "tenant.db.old", "other.db.new-1"} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600))
	}
	c := newCopy(t, dir)
	c.refresh(t, newWorld(user(1)))
	files, err := os.ReadDir(dir)
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	if err != nil || !slices.Equal(names, []string{"other.db.new-1", "tenant.db", "tenant.db.old"}) {
		t.Errorf("%q, %v", names, err)
	}
}

// twicePages gives every page twice.
type twicePages struct{ *world }

func (w *twicePages) EachObject(ctx context.Context, take func([]cloudcheck.Object) error) error {
	return errors.Join(w.world.EachObject(ctx, take), w.world.EachObject(ctx, take))
}
