package ldapwriter_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab/directory"
	"github.com/aliasd/aliasd/lab/directory/wire"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/ldapwriter"
)

// gathered are the pages that EachHolder gave.
type gathered struct {
	pages   int
	largest int
	holders map[address.GUID]address.Holder
	twice   []address.DN
}

func (g *gathered) take(page []address.Holder) error {
	g.pages++
	g.largest = max(g.largest, len(page))
	for _, h := range page {
		if _, again := g.holders[h.GUID]; again {
			g.twice = append(g.twice, h.DN)
		}
		g.holders[h.GUID] = h
	}
	return nil
}

func gather(t *testing.T, d *ldapwriter.Directory) *gathered {
	t.Helper()
	g := &gathered{holders: map[address.GUID]address.Holder{}}
	if err := d.EachHolder(t.Context(), g.take); err != nil {
		t.Fatal(err)
	}
	if len(g.twice) > 0 {
		t.Errorf("given twice: %q", g.twice)
	}
	return g
}

// eachHolder: more holders than a page has, of each kind, with every value, and nothing that is no holder.
func eachHolder(t *testing.T, b *bundle) {
	var proxies []string
	for i := range 3200 {
		proxies = append(proxies, fmt.Sprintf("smtp:e%04d-%s@contoso.test", i, b.tag))
	}
	guids := []address.GUID{b.user(t, "rich", b.mail("rich"), proxies...),
		b.add(t, site.Object{Kind: site.Group, Name: b.name("group"), Mail: b.mail("group")}),
		b.add(t, site.Object{Kind: site.Contact, Name: b.name("contact"), Proxies: b.smtp("SMTP:contact", "X500:/o=x")})}
	computer := b.add(t, site.Object{Kind: site.User, Name: b.name("computer"), Account: "pc" + b.tag + "$", Attributes: map[string][]string{
		"objectClass": {"top", "person", "organizationalPerson", "user", "computer"}, "userAccountControl": {"4096"}}})
	d := open(t, b.options())
	g := gather(t, d)
	if g.pages < 2 || g.largest > 1000 {
		t.Errorf("%d pages, the largest of %d", g.pages, g.largest)
	}
	if _, there := g.holders[computer]; there {
		t.Error("a computer is taken for a holder")
	}
	for _, guid := range guids {
		if diff := cmp.Diff(unstamped(read(t, d, guid).Holder), g.holders[guid]); diff != "" {
			t.Error(diff)
		}
	}
	seen := 0
	for _, h := range g.holders {
		if strings.HasPrefix(string(h.DN), "CN=many-") {
			seen++
		}
	}
	if seen != many {
		t.Errorf("%d of %d", seen, many)
	}
	eachHolderAgain(t, b, d, guids, g)
}

// unstamped is a holder as it is read among all: without the stamps of its attributes.
func unstamped(h address.Holder) address.Holder {
	h.AddressesChanged = time.Time{}
	return h
}

// eachHolderAgain reads some of them again, and everything in pages of another size.
func eachHolderAgain(t *testing.T, b *bundle, d *ldapwriter.Directory, guids []address.GUID, g *gathered) {
	holders, errs := d.Holders(t.Context(), append(guids, address.GUID{1}))
	for i, guid := range guids {
		if diff := cmp.Diff(g.holders[guid], unstamped(holders[i])); diff != "" || errs[i] != nil {
			t.Error(errs[i], diff)
		}
	}
	meets(t, errs[len(guids)], cause.Refusal, cause.UnknownHolder)
	o := b.options()
	o.PageSize = 300
	if g := gather(t, open(t, o)); g.largest != 300 || g.pages < 4 {
		t.Errorf("%d pages, the largest of %d", g.pages, g.largest)
	}
}

// eachHolderBreaks: take's error, the end of the context and a cut connection each end it, and no other server takes over.
func eachHolderBreaks(t *testing.T, b *bundle) {
	spare := newTap(t, b.dc.Server)
	d, tap := tapped(t, b, nil)
	o := b.options()
	o.Servers, o.PageSize = []string{tap.url, spare.url}, 100
	d = open(t, o)
	refused := fmt.Errorf("taken enough: %w", context.DeadlineExceeded)
	for what, c := range map[string]struct {
		fault func(stop func()) error
		check func(*testing.T, error)
	}{
		"take": {func(func()) error { return refused }, func(t *testing.T, err error) {
			if err != refused { //nolint:errorlint // as it is, not wrapped
				t.Errorf("got %v", err)
			}
		}},
		"context": {func(stop func()) error { stop(); return nil }, func(t *testing.T, err error) {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}},
		"cut": {func(func()) error { tap.cut(); return nil }, func(t *testing.T, err error) {
			meets(t, err, cause.Waiting, cause.DirectoryUnavailable, "not every holder", tap.url)
		}},
		"down": {func(func()) error { tap.setDown(true); return nil }, func(t *testing.T, err error) {
			meets(t, err, cause.Waiting, cause.DirectoryUnavailable, "not every holder", tap.url)
		}},
	} {
		t.Run(what, func(t *testing.T) {
			tap.setDown(false)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			pages := 0
			c.check(t, d.EachHolder(ctx, func([]address.Holder) error {
				if pages++; pages == 2 {
					return c.fault(stop)
				}
				return nil
			}))
			// One page may have been on its way already.
			if pages < 2 || pages > 3 {
				t.Errorf("%d pages were given", pages)
			}
			if n := spare.accepted.Load(); n != 0 {
				t.Errorf("the other server got %d connections", n)
			}
		})
	}
	tap.setDown(true)
	if g := gather(t, d); len(g.holders) < many {
		t.Errorf("%d holders from the other server, when the first is away from the start", len(g.holders))
	}
}

// TestEachHolderAhead: the next page is asked for while take works, and the time limit is for a page.
func TestEachHolderAhead(t *testing.T) {
	t.Parallel()
	w := watchMany(t, 5)
	again(t, "each page in less than its limit", func() bool {
		o := w.options()
		o.PageSize, o.Timeout = 10, 3*time.Second
		d := open(t, o)
		asked := make(chan int, 100)
		var searches atomic.Int32
		w.answer(func(o directory.Operation) directory.Fault {
			if _, ok := o.Request.(*wire.Search); !ok {
				return directory.Fault{}
			}
			asked <- int(searches.Add(1))
			return directory.Fault{Delay: 700 * time.Millisecond} // five pages take longer than the limit
		})
		pages := 0
		err := d.EachHolder(t.Context(), func([]address.Holder) error {
			pages++
			for pages < 5 && <-asked < pages+2 { // the rootDSE was the first search, this page search pages+1
			}
			return nil
		})
		if err != nil {
			meets(t, err, cause.Waiting, cause.DirectoryUnavailable)
			return false
		}
		if pages != 5 {
			t.Errorf("%d pages", pages)
		}
		return true
	})
}

// watchMany is a watched directory whose holders fill so many pages of ten.
func watchMany(t *testing.T, pages int) *watched {
	t.Helper()
	w := watch(t, func(o *ldapwriter.Options) { o.PageSize = 10 })
	g := &gathered{holders: map[address.GUID]address.Holder{}}
	if err := open(t, w.options()).EachHolder(t.Context(), g.take); err != nil {
		t.Fatal(err)
	}
	var more []site.Object
	for i := range 10*pages - len(g.holders) {
		more = append(more, site.Object{Kind: site.Contact, Name: w.name(fmt.Sprintf("more%d", i))})
	}
	if err := w.dc.Populate(t.Context(), more); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestEachHolderRefused has the directory answer the third page in ways that end it; before the first page, a dead
// connection is replaced as for every read.
func TestEachHolderRefused(t *testing.T) {
	t.Parallel()
	w := watchMany(t, 5)
	for what, c := range map[string]struct {
		fault directory.Fault
		words []string
	}{
		"cookie lost": {directory.Fault{Code: 12, Text: "00000057: LdapErr: DSID-0C090A7C, comment: Error processing control"}, []string{"DSID-0C090A7C"}},
		"busy":        {directory.Fault{Code: 51}, []string{"busy"}},
		"cut":         {directory.Fault{Drop: directory.Before}, []string{"the connection broke"}},
		"cut after":   {directory.Fault{Drop: directory.After}, []string{"the connection broke"}},
	} {
		t.Run(what, func(t *testing.T) {
			read(t, w.writer, w.guid) // so that a connection lies in the pool
			var searches atomic.Int32
			w.answer(func(directory.Operation) directory.Fault {
				if searches.Add(1) == 3 {
					return c.fault
				}
				return directory.Fault{}
			})
			g := &gathered{holders: map[address.GUID]address.Holder{}}
			err := w.writer.EachHolder(t.Context(), g.take)
			meets(t, err, cause.Waiting, cause.DirectoryUnavailable, append(c.words, "not every holder")...)
			if g.pages != 2 {
				t.Errorf("%d pages", g.pages)
			}
			w.answer(nil)
			if g := gather(t, w.writer); len(g.holders) != 50 {
				t.Errorf("%d holders after it", len(g.holders))
			}
		})
	}
	var once atomic.Bool
	w.answer(func(directory.Operation) directory.Fault {
		if once.CompareAndSwap(false, true) {
			return directory.Fault{Drop: directory.Before}
		}
		return directory.Fault{}
	})
	if g := gather(t, w.writer); len(g.holders) != 50 {
		t.Errorf("%d holders over a fresh connection", len(g.holders))
	}
	o := w.options()
	o.BaseDN = "OU=Nowhere," + w.dc.BaseDN
	err := open(t, o).EachHolder(t.Context(), func([]address.Holder) error { return nil })
	meets(t, err, cause.Waiting, cause.DirectoryUnavailable, "directory.base_dn")
}

// TestEachHolderIsNotAnswered: the third page does not come within the limit.
func TestEachHolderIsNotAnswered(t *testing.T) {
	t.Parallel()
	w := watchMany(t, 5)
	again(t, "two pages", func() bool {
		o := w.options()
		o.PageSize, o.Timeout = 10, time.Second
		var searches atomic.Int32
		w.answer(func(o directory.Operation) directory.Fault {
			if _, ok := o.Request.(*wire.Search); ok && searches.Add(1) == 4 { // the rootDSE was the first
				return directory.Fault{Delay: time.Hour}
			}
			return directory.Fault{}
		})
		g := &gathered{holders: map[address.GUID]address.Holder{}}
		err := open(t, o).EachHolder(t.Context(), g.take)
		if g.pages < 2 {
			return false
		}
		meets(t, err, cause.Waiting, cause.DirectoryUnavailable, "within 1s", "not every holder")
		if g.pages != 2 {
			t.Errorf("%d pages", g.pages)
		}
		return true
	})
}

// TestEachHolderOverAgain: a connection that is lost while the first page is completed is replaced, and none of the page's
// holders is missing.
func TestEachHolderOverAgain(t *testing.T) {
	t.Parallel()
	w := watchMany(t, 2)
	var proxies []string
	for i := range 1600 {
		proxies = append(proxies, fmt.Sprintf("smtp:o%04d@contoso.test", i))
	}
	rich := w.user(t, "over", "", proxies...)
	o := w.options()
	o.PageSize = 300 // all on one page
	for what, servers := range map[string][]string{"another connection": {w.dc.Server}, "another server": {newTap(t, w.dc.Server).url, w.dc.Server}} {
		o.Servers = servers
		d := open(t, o)
		if len(servers) == 1 {
			read(t, d, w.guid) // so that a connection lies in the pool
		}
		var dropped atomic.Bool
		w.answer(func(o directory.Operation) directory.Fault {
			s, ok := o.Request.(*wire.Search)
			if ok && len(s.Attributes) > 0 && strings.Contains(s.Attributes[0], ";range=") && dropped.CompareAndSwap(false, true) {
				return directory.Fault{Drop: directory.Before}
			}
			return directory.Fault{}
		})
		g := gather(t, d)
		if got := len(g.holders[rich].Proxies); !dropped.Load() || len(g.holders) != 21 || got != 1600 {
			t.Errorf("%s: %d holders, %d addresses", what, len(g.holders), got)
		}
	}
}

// TestEachHolderSkips: one that is deleted while its values are read in ranges is left out, and spoils nothing.
func TestEachHolderSkips(t *testing.T) {
	t.Parallel()
	w := watchMany(t, 2)
	var proxies []string
	for i := range 1600 {
		proxies = append(proxies, fmt.Sprintf("smtp:s%04d@contoso.test", i))
	}
	rich := w.user(t, "ranged", "", proxies...)
	w.answer(func(o directory.Operation) directory.Fault {
		s, ok := o.Request.(*wire.Search)
		if ok && len(s.Attributes) > 0 && strings.Contains(s.Attributes[0], ";range=") {
			if err := w.dc.Remove(background(), fmt.Sprintf("<GUID=%s>", rich)); err != nil {
				t.Error(err)
			}
		}
		return directory.Fault{}
	})
	g := gather(t, w.writer)
	if _, there := g.holders[rich]; there || len(g.holders) != 20 {
		t.Errorf("%d holders, the deleted one among them: %t", len(g.holders), there)
	}
}
