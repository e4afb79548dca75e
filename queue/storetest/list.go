package storetest

import (
	"context"
	"slices"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/queue"
)

func listCases() map[string]func(*bundle) {
	return map[string]func(*bundle){
		"newest first, page by page":                     listPages,
		"new requests do not disturb the pages":          listIsStable,
		"sizes of pages":                                 listSizes,
		"a cursor of somebody else's":                    listBadCursor,
		"by state, ticket and time":                      listFilters,
		"by holder, as submitted or by objectGUID":       listHolder,
		"all filters together":                           listAllFilters,
		"events come oldest first, with what they noted": eventsTell,
	}
}

func (b *bundle) list(f queue.Filter) ([]int64, string) {
	b.Helper()
	page, next, err := b.s.List(context.Background(), f)
	b.ok(err)
	return seqs(page), next
}

// lists stops the test where a filter does not select exactly these, in this order, on one page.
func (b *bundle) lists(f queue.Filter, want ...int64) {
	b.Helper()
	got, next := b.list(f)
	if next != "" || !slices.Equal(got, want) {
		b.Fatalf("%+v selects %v (next %q), want %v", f, got, next, want)
	}
}

func (b *bundle) acceptMany(n int) {
	b.Helper()
	for range n {
		b.accepted("a@contoso.test")
	}
}

func listPages(b *bundle) {
	b.lists(queue.Filter{})
	b.acceptMany(7)
	page, next := b.list(queue.Filter{Limit: 3})
	b.same(page, []int64{7, 6, 5})
	page, next = b.list(queue.Filter{Limit: 3, Cursor: next})
	b.same(page, []int64{4, 3, 2})
	b.lists(queue.Filter{Limit: 3, Cursor: next}, 1)
	b.lists(queue.Filter{Limit: 7}, 7, 6, 5, 4, 3, 2, 1)
}

func listIsStable(b *bundle) {
	b.acceptMany(4)
	page, next := b.list(queue.Filter{Limit: 2})
	b.same(page, []int64{4, 3})
	b.acceptMany(2)
	b.lists(queue.Filter{Limit: 2, Cursor: next}, 2, 1)
}

func listSizes(b *bundle) {
	b.acceptMany(501)
	for limit, want := range map[int]int{0: 50, -1: 50, 1: 1, 499: 499, 500: 500, 501: 500, 1 << 40: 500} {
		page, next := b.list(queue.Filter{Limit: limit})
		if len(page) != want || next == "" {
			b.Fatalf("limit %d gives %d requests and the cursor %q, want %d", limit, len(page), next, want)
		}
	}
}

func listBadCursor(b *bundle) {
	b.acceptMany(2)
	for _, cursor := range []string{"x", "' OR 1=1 --", "1.5", "99999999999999999999"} {
		_, _, err := b.s.List(context.Background(), queue.Filter{Cursor: cursor})
		b.is(err, queue.ErrBadCursor)
	}
}

func listFilters(b *bundle) {
	first := b.accepted("a@contoso.test")
	second := b.accepted("b@contoso.test")
	b.later(time.Minute)
	third := b.accepted("c@contoso.test")
	b.lists(queue.Filter{Ticket: second.Ticket}, 2)
	b.lists(queue.Filter{Ticket: "INC"})
	b.lists(queue.Filter{Since: third.CreatedAt}, 3)
	b.lists(queue.Filter{Since: third.CreatedAt.Add(-time.Microsecond)}, 3)
	b.lists(queue.Filter{Since: first.CreatedAt.In(time.FixedZone("", 3600))}, 3, 2, 1)
	b.later(time.Minute)
	b.advance(b.move(first, queue.Cancelled))
	b.lists(queue.Filter{Since: b.now}, 1)
	b.lists(queue.Filter{Since: b.now.Add(time.Microsecond)})
	b.lists(queue.Filter{State: queue.Cancelled}, 1)
	b.lists(queue.Filter{State: queue.Accepted}, 3, 2)
	b.lists(queue.Filter{State: "nonsense"})
}

func listHolder(b *bundle) {
	named := func(name string) queue.Request {
		sub := b.ask("a@contoso.test")
		sub.Holder = name
		return b.submit(sub)
	}
	first := named("Jürgen Ö'Neil")
	second := named("jürgen ö'neil")
	b.resolve(second, holder(7), nil)
	named(holder(7).String())
	named("Jürgen")
	b.lists(queue.Filter{Holder: "JÜRGEN Ö'NEIL"}, 2, 1)
	b.lists(queue.Filter{Holder: "jürgen"}, 4)
	b.lists(queue.Filter{Holder: "%"})
	b.lists(queue.Filter{Holder: holder(7).String()}, 3, 2)
	b.lists(queue.Filter{Holder: holder(8).String()})
	b.lists(queue.Filter{Holder: address.GUID{}.String()})
	b.resolve(first, holder(8), nil)
	b.lists(queue.Filter{Holder: holder(8).String()}, 1)
}

func listAllFilters(b *bundle) {
	first := b.accepted("a@contoso.test")
	b.acceptMany(3)
	all := queue.Filter{State: queue.Accepted, Holder: first.Holder, Ticket: first.Ticket, Since: b.now, Limit: 1}
	b.lists(all, 1)
	all.State = queue.Queued
	b.lists(all)
}

func eventsTell(b *bundle) {
	r := b.writing(holder(1), "a@contoso.test")
	b.later(time.Second)
	t := b.move(r, queue.Queued)
	t.What, t.Cause, t.Detail = "retry", why("dc_unavailable"), map[string]any{"z": 1, "a": "<é>"}
	b.advance(t)
	story := b.events(r.ID)
	var whats []string
	for _, e := range story {
		whats = append(whats, e.What)
	}
	b.same(whats, []string{"accepted", "resolved", "claimed", "retry"})
	b.same(story[2].Node, node)
	last := story[3]
	want := queue.Event{ID: last.ID, RequestID: r.ID, At: b.now, From: queue.Writing, To: queue.Queued, Cause: t.Cause, Node: node, What: "retry",
		Detail: last.Detail, Kept: last.Kept, PrevHash: story[2].Hash, Hash: last.Hash}
	b.same(last, want)
	if string(last.Detail) != `{"a":"\u003cé\u003e","z":1}` {
		b.Fatalf("detail is %s", last.Detail)
	}
	b.advance(queue.Transition{ID: r.ID, From: queue.Queued, To: queue.Held, Now: b.now})
	if last := b.events(r.ID)[4]; last.What != "held" || last.Detail != nil || last.Cause != nil {
		b.Fatalf("an event without anything is %s", inJSON(last))
	}
}
