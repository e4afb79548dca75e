package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

// Run holds stores to queue.Store's word. open gives a store that is empty and that nobody else has; it sees to closing
// it. Every case has a store of its own, and they run side by side.
func Run(t *testing.T, open func(t *testing.T) queue.Store) {
	groups := map[string]map[string]func(*bundle){
		"intake": intakeCases(), "list": listCases(), "resolve": resolveCases(), "claim": claimCases(), "advance": advanceCases(),
		"written": writtenCases(), "supersede": supersedeCases(), "race": raceCases(), "brakes": brakesCases(),
	}
	for group, cases := range groups {
		t.Run(group, func(t *testing.T) {
			t.Parallel()
			for name, check := range cases {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					b := &bundle{T: t, s: open(t), now: monday()}
					check(b)
					b.checkChain()
				})
			}
		})
	}
	t.Run("model", func(t *testing.T) {
		t.Parallel()
		compare(t, open)
	})
}

// bundle is a test case with its store and its clock.
type bundle struct {
	*testing.T
	s   queue.Store
	now time.Time
	n   int
}

func monday() time.Time { return time.Date(2026, 3, 2, 9, 0, 0, 123456000, time.UTC) }

const (
	lease = time.Minute
	node  = "node1"
)

// later lets time pass.
func (b *bundle) later(d time.Duration) time.Time {
	b.now = b.now.Add(d)
	return b.now
}

// ok stops the test on an error.
func (b *bundle) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// is stops the test where err is not the wanted one.
func (b *bundle) is(err, want error) {
	b.Helper()
	if !errors.Is(err, want) {
		b.Fatalf("got error %v, want %v", err, want)
	}
}

// same stops the test where two values differ in anything.
func (b *bundle) same(got, want any) {
	b.Helper()
	if !reflect.DeepEqual(got, want) {
		b.Fatalf("got  %s\nwant %s", inJSON(got), inJSON(want))
	}
}

func inJSON(v any) string {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return fmt.Sprintf("%+v", v)
	}
	return string(text)
}

// holder makes an objectGUID out of a number.
func holder(n byte) address.GUID {
	return address.GUID{n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, n}
}

// ask is a submission like no other.
func (b *bundle) ask(addr address.Address) queue.Submission {
	b.n++
	return queue.Submission{Holder: "jdoe@contoso.test", Action: address.AddAlias, Address: addr, Ticket: fmt.Sprintf("INC%d", b.n), SubmittedBy: "helpdesk"}
}

// submit accepts a submission that has to be new.
func (b *bundle) submit(s queue.Submission) queue.Request {
	b.Helper()
	r, created, err := b.s.Accept(context.Background(), s, queue.Idempotency{}, b.now)
	b.ok(err)
	if !created {
		b.Fatalf("%+v was not new: %s", s, inJSON(r))
	}
	return r
}

// accepted makes a request that asks for an address.
func (b *bundle) accepted(addr address.Address) queue.Request {
	b.Helper()
	return b.submit(b.ask(addr))
}

func takes(addrs ...address.Address) []queue.Claim { return claims(queue.Take, addrs) }

func releases(addrs ...address.Address) []queue.Claim { return claims(queue.Release, addrs) }

func claims(kind queue.ClaimKind, addrs []address.Address) []queue.Claim {
	list := []queue.Claim{}
	for _, a := range addrs {
		list = append(list, queue.Claim{Address: a.Key(), Kind: kind})
	}
	return list
}

func (b *bundle) resolve(r queue.Request, h address.GUID, claims []queue.Claim) queue.Request {
	b.Helper()
	resolved, err := b.s.Resolve(context.Background(), r.ID, h, claims, b.now)
	b.ok(err)
	return resolved
}

// queued makes a request for a holder that takes an address.
func (b *bundle) queued(h address.GUID, addr address.Address) queue.Request {
	b.Helper()
	r := b.resolve(b.accepted(addr), h, takes(addr))
	if r.State != queue.Queued {
		b.Fatalf("resolved to %s", inJSON(r))
	}
	return r
}

// claim leases what can be leased.
func (b *bundle) claim(n int) []queue.Request {
	b.Helper()
	leased, err := b.s.Claim(context.Background(), node, b.now, lease, n)
	b.ok(err)
	return leased
}

// writing makes a request that node has in writing. Nothing else may be waiting.
func (b *bundle) writing(h address.GUID, addr address.Address) queue.Request {
	b.Helper()
	r := b.queued(h, addr)
	leased := b.claim(1)
	if len(leased) != 1 || leased[0].ID != r.ID {
		b.Fatalf("claimed %s, want %s", inJSON(leased), r.ID)
	}
	return leased[0]
}

// written makes a request that wrote an address.
func (b *bundle) written(h address.GUID, addr address.Address) queue.Request {
	b.Helper()
	return b.advance(b.toWritten(b.writing(h, addr), changeOf(addr)))
}

// changeOf adds addresses.
func changeOf(addrs ...address.Address) address.Change {
	var c address.Change
	for _, a := range addrs {
		c.Add = append(c.Add, address.Secondary(a))
	}
	return c
}

// toWritten is the transition of a request that wrote a change.
func (b *bundle) toWritten(r queue.Request, c address.Change) queue.Transition {
	t := queue.Transition{ID: r.ID, From: queue.Writing, To: queue.Written, Owner: node, Now: b.now, What: "written",
		Receipt:     &ldapwriter.Receipt{DC: "ldaps://dc1.contoso.test:636", USNChanged: 1000 + r.Seq, Change: c, At: b.now},
		Expectation: &cloudcheck.Expectation{SyncAtWrite: b.now.Add(-time.Minute)}}
	for _, a := range c.Addresses() {
		t.Supersedes = append(t.Supersedes, a.Key())
	}
	return t
}

func (b *bundle) advance(t queue.Transition) queue.Request {
	b.Helper()
	r, err := b.s.Advance(context.Background(), t)
	b.ok(err)
	return r
}

// move is a transition with nothing but the states.
func (b *bundle) move(r queue.Request, to queue.State) queue.Transition {
	return queue.Transition{ID: r.ID, From: r.State, To: to, Owner: r.Owner, Now: b.now}
}

func (b *bundle) get(id queue.RequestID) queue.Request {
	b.Helper()
	r, err := b.s.Get(context.Background(), id)
	b.ok(err)
	return r
}

// in stops the test where a request is not in a state.
func (b *bundle) in(id queue.RequestID, want queue.State) queue.Request {
	b.Helper()
	r := b.get(id)
	if r.State != want {
		b.Fatalf("request %d is %s, want %s: %s", r.Seq, r.State, want, inJSON(r))
	}
	return r
}

func (b *bundle) events(id queue.RequestID) []queue.Event {
	b.Helper()
	story, err := b.s.Events(context.Background(), id, queue.Part{})
	b.ok(err)
	return story
}

// wake has somebody ask for a look.
func (b *bundle) wake(id queue.RequestID, at time.Time) queue.Request {
	b.Helper()
	r, _, err := b.s.Wake(context.Background(), id, "somebody", at)
	b.ok(err)
	return r
}

// all lists every request, oldest first.
func (b *bundle) all() []queue.Request {
	b.Helper()
	return everything(b, b.s)
}

// everything lists every request of a store, oldest first, page by page.
func everything(t interface {
	Helper()
	Fatal(...any)
}, s queue.Store) []queue.Request {
	t.Helper()
	var all []queue.Request
	f := queue.Filter{Limit: 500}
	for more := true; more; more = f.Cursor != "" {
		page, next, err := s.List(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page...)
		f.Cursor = next
	}
	slices.Reverse(all)
	return all
}

func seqs(list []queue.Request) []int64 {
	n := []int64{}
	for _, r := range list {
		n = append(n, r.Seq)
	}
	return n
}

// checkChain looks through all events of all requests: they are one chain, from the first to the last. Between them stand entries that
// belong to no request (the stop switch), of which only the place is seen.
func (b *bundle) checkChain() {
	b.Helper()
	if b.Failed() {
		return
	}
	b.ok(checkChain(b.s))
}

func checkChain(s queue.Store) error {
	byID := map[int64]queue.Event{}
	f := queue.Filter{Limit: 500}
	for more := true; more; more = f.Cursor != "" {
		page, next, err := s.List(context.Background(), f)
		if err != nil {
			return err
		}
		for _, r := range page {
			if err := checkStory(s, r, byID); err != nil {
				return err
			}
		}
		f.Cursor = next
	}
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		e := byID[id]
		before, follows := byID[id-1]
		sealed, _, err := e.Sealed(e.PrevHash)
		if err != nil || e.Hash != sealed.Hash || follows && e.PrevHash != before.Hash || (id == 1) != (e.PrevHash == "") {
			return fmt.Errorf("event %d (%v) breaks the chain: %s", id, err, inJSON(e))
		}
	}
	return nil
}

// checkStory looks whether a request's events tell how it came to where it is, and collects them.
func checkStory(s queue.Store, r queue.Request, byID map[int64]queue.Event) error {
	story, err := s.Events(context.Background(), r.ID, queue.Part{})
	if err != nil {
		return err
	}
	var state queue.State
	for i, e := range story {
		begins := i == 0 && e.From == "" && e.To == queue.Accepted
		if e.RequestID != r.ID || e.From != state || !begins && e.From != e.To && !e.From.CanGo(e.To) {
			return fmt.Errorf("request %d, event %d does not follow: %s", r.Seq, i, inJSON(e))
		}
		state = e.To
		byID[e.ID] = e
	}
	if state != r.State {
		return fmt.Errorf("request %d is %s, its events end at %q", r.Seq, r.State, state)
	}
	return nil
}

// why is some cause.
func why(code cause.Code) *cause.Cause {
	return &cause.Cause{Code: code, Message: "because of " + string(code)}
}
