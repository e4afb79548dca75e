package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
)

// compare does the same at random to a store and to the model, and looks for a difference after every step.
func compare(t *testing.T, open func(t *testing.T) queue.Store) {
	rapid.Check(t, func(r *rapid.T) {
		p := &pair{T: r, store: open(t), model: NewModel(), now: monday(), storeID: map[queue.RequestID]queue.RequestID{}}
		r.Repeat(p.actions())
		p.end()
		if closer, ok := p.store.(io.Closer); ok { // there are many
			if err := closer.Close(); err != nil {
				r.Error(err)
			}
		}
	})
}

// pair is a store and a model that went through the same.
type pair struct {
	*rapid.T
	store, model queue.Store
	now          time.Time
	// storeID is the store's id for the model's.
	storeID map[queue.RequestID]queue.RequestID
	ids     []queue.RequestID // the model's
}

func (p *pair) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"accept": p.accept, "resolve": p.resolve, "claim": p.claim, "advance": p.advance, "finish": p.finish, "wake": p.wake,
		"slot": p.slot, "pause": p.pause, "later": p.later, "read": p.read, "": func(*rapid.T) {},
	}
}

// The worlds that actions draw from are small, so that requests meet.

func (p *pair) address() address.Address {
	return rapid.SampledFrom([]address.Address{"a@contoso.test", "A@contoso.test", "b@contoso.test", "c@contoso.test", ""}).Draw(p.T, "address")
}

func (p *pair) holder() address.GUID { return holder(rapid.ByteRange(1, 3).Draw(p.T, "holder")) }

func (p *pair) some(what string) bool { return rapid.Bool().Draw(p.T, what) }

// request draws one of the requests so far, or one that is not there.
func (p *pair) request() queue.RequestID {
	return rapid.SampledFrom(append([]queue.RequestID{"nobody"}, p.ids...)).Draw(p.T, "request")
}

// later lets time pass; half an hour ends leases, a week ends keys.
func (p *pair) later(*rapid.T) {
	p.now = p.now.Add(rapid.SampledFrom([]time.Duration{time.Microsecond, time.Second, time.Hour / 2, 7 * 24 * time.Hour}).Draw(p.T, "pause"))
}

func (p *pair) accept(*rapid.T) {
	sub := queue.Submission{Holder: rapid.SampledFrom([]string{"jdoe", "JDoe", "other"}).Draw(p.T, "name"), Action: address.AddAlias,
		Address: p.address(), SubmittedBy: rapid.SampledFrom([]string{"", "helpdesk"}).Draw(p.T, "token")}
	key := queue.Idempotency{Key: rapid.SampledFrom([]string{"", "", "k1", "k2"}).Draw(p.T, "key")}
	m, made, err := p.model.Accept(context.Background(), sub, key, p.now)
	s, storeMade, storeErr := p.store.Accept(context.Background(), sub, key, p.now)
	if made && storeMade {
		p.storeID[m.ID] = s.ID
		p.ids = append(p.ids, m.ID)
	}
	p.agree([]any{m, made}, err, []any{s, storeMade}, storeErr)
}

func (p *pair) resolve(*rapid.T) {
	id, h := p.request(), p.holder()
	var list []queue.Claim
	for range rapid.IntRange(0, 2).Draw(p.T, "claims") {
		kind := rapid.SampledFrom([]queue.ClaimKind{queue.Take, queue.Release}).Draw(p.T, "kind")
		list = append(list, queue.Claim{Address: p.address().Key(), Kind: kind})
	}
	p.both(id, func(s queue.Store, id queue.RequestID) (any, error) {
		return s.Resolve(context.Background(), id, h, list, p.now)
	})
}

func (p *pair) claim(*rapid.T) {
	owner, n := p.owner(), rapid.IntRange(0, 3).Draw(p.T, "n")
	p.both("", func(s queue.Store, _ queue.RequestID) (any, error) {
		return s.Claim(context.Background(), owner, p.now, lease, n)
	})
}

func (p *pair) owner() string {
	return rapid.SampledFrom([]string{"node1", "node2"}).Draw(p.T, "owner")
}

// finish makes a transition that is possible where the request stands, with all that belongs to it.
func (p *pair) finish(*rapid.T) {
	id := p.request()
	r, err := p.model.Get(context.Background(), id)
	if err != nil || r.State.Final() {
		return
	}
	t := queue.Transition{ID: id, From: r.State, To: rapid.SampledFrom(r.State.Next()).Draw(p.T, "to"), Owner: r.Owner, Now: p.now}
	p.load(&t)
	p.move(t)
}

// advance makes any transition, mostly an impossible one.
func (p *pair) advance(*rapid.T) {
	states := rapid.SampledFrom(queue.States())
	t := queue.Transition{ID: p.request(), From: states.Draw(p.T, "from"), To: states.Draw(p.T, "to"), Owner: p.owner(), Now: p.now}
	p.load(&t)
	p.move(t)
}

// load gives a transition some of what it can carry.
func (p *pair) load(t *queue.Transition) {
	if p.some("cause") {
		t.Cause = why(cause.OverCap)
	}
	t.ClearCause = p.some("clear")
	if p.some("not before") {
		at := p.now.Add(time.Minute)
		t.NotBefore = &at
	}
	if r, err := p.model.Get(context.Background(), t.ID); err == nil && p.some("as of") {
		t.AsOf = rapid.SampledFrom([]time.Time{r.UpdatedAt, r.CreatedAt, p.now}).Draw(p.T, "as of when")
	}
	if t.To == queue.Writing && p.some("intent") {
		t.Intent = fullIntent(p.now)
		t.Intent.Sent, t.Restates = p.some("sent"), p.some("restates")
		if p.some("earlier") {
			earlier := *fullIntent(p.now)
			earlier.Sent, earlier.DC = p.some("earlier sent"), "ldaps://dc3.contoso.test:636"
			t.Intent.Earlier = &earlier
		}
		if t.Sends() && p.some("spend") {
			t.Spend = p.spend()
		}
	}
	if t.From == queue.Held && t.To == queue.Queued && p.some("released") {
		t.ReleasedBy = "admin"
	}
	if t.To == queue.Written && t.From == queue.Writing {
		t.Receipt, t.Expectation = fullReceipt(p.now), fullExpectation(p.now)
		t.Receipt.Change = p.change()
		t.Receipt.Doubted = t.Receipt.Change.Empty() && p.some("doubted")
		t.Receipt.After = address.Values{Mail: string(p.address()), Proxies: address.Set{address.Secondary(p.address()), address.Primary(p.address())}}
		t.Supersedes = []address.Key{p.address().Key(), p.address().Key()}
		if p.some("undo") {
			t.UndoneID = p.request()
		}
	}
}

// change is of two addresses, of mail alone, or of nothing.
func (p *pair) change() address.Change {
	switch {
	case p.some("mail alone"):
		return address.Change{Mail: &address.MailChange{Old: string(p.address()), New: "new@contoso.test"}}
	case p.some("nothing"):
		return address.Change{}
	}
	return changeOf(p.address(), p.address())
}

func (p *pair) spend() *queue.Spend {
	few := rapid.IntRange(0, 3)
	return &queue.Spend{Removals: few.Draw(p.T, "removals"), Caps: queue.Caps{Writes: few.Draw(p.T, "cap of writes"), Removals: few.Draw(p.T, "cap of removals")}}
}

// slot takes a slot of the pace, or finds that it is too far away.
func (p *pair) slot(*rapid.T) {
	patience := rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour}).Draw(p.T, "patience")
	p.both("", func(s queue.Store, _ queue.RequestID) (any, error) {
		at, ok, err := s.Slot(context.Background(), p.now, time.Second/3, patience)
		return []any{at, ok}, err
	})
}

func (p *pair) move(t queue.Transition) {
	undone := t.UndoneID
	p.both(t.ID, func(s queue.Store, id queue.RequestID) (any, error) {
		t.ID, t.UndoneID = id, undone
		if known, ok := p.storeID[undone]; ok && s == p.store {
			t.UndoneID = known
		}
		return s.Advance(context.Background(), t)
	})
}

func (p *pair) wake(*rapid.T) {
	by := p.owner()
	p.both(p.request(), func(s queue.Store, id queue.RequestID) (any, error) {
		r, woken, err := s.Wake(context.Background(), id, by, p.now)
		return []any{r, woken}, err
	})
}

func (p *pair) pause(*rapid.T) {
	stop, by := p.some("stop"), p.owner()
	p.both("", func(s queue.Store, _ queue.RequestID) (any, error) {
		return nil, s.SetPaused(context.Background(), stop, by, p.now)
	})
}

// read looks at everything that one can look at.
func (p *pair) read(*rapid.T) {
	id, h := p.request(), p.holder()
	f := queue.Filter{Limit: rapid.IntRange(0, 3).Draw(p.T, "limit"), Holder: rapid.SampledFrom([]string{"", "jdoe", h.String()}).Draw(p.T, "filter"),
		State: rapid.SampledFrom(append(queue.States(), "")).Draw(p.T, "state")}
	ctx := context.Background()
	p.both(id, func(s queue.Store, id queue.RequestID) (any, error) { return s.Get(ctx, id) })
	p.both(id, func(s queue.Store, id queue.RequestID) (any, error) { return s.Releasing(ctx, id) })
	since := p.now.Add(-time.Duration(rapid.IntRange(0, 120).Draw(p.T, "since")) * time.Second)
	p.both(id, func(s queue.Store, id queue.RequestID) (any, error) { return s.Prior(ctx, h, id, since) })
	p.both("", func(s queue.Store, _ queue.RequestID) (any, error) { return s.Unresolved(ctx, p.now, 3) })
	before := int64(rapid.IntRange(0, 12).Draw(p.T, "before"))
	p.both("", func(s queue.Store, _ queue.RequestID) (any, error) { return s.Unknown(ctx, before) })
	p.both("", func(s queue.Store, _ queue.RequestID) (any, error) { return s.Awaiting(ctx, p.now) })
	p.both("", func(s queue.Store, _ queue.RequestID) (any, error) { return s.Awaited(ctx, []int64{3, 1, 4}) })
	p.both("", func(s queue.Store, _ queue.RequestID) (any, error) { return s.Stats(ctx) })
	p.both("", func(s queue.Store, _ queue.RequestID) (any, error) { return s.Used(ctx, p.now) })
	p.both("", func(s queue.Store, _ queue.RequestID) (any, error) { return s.NextSlot(ctx) })
	p.both(id, func(s queue.Store, id queue.RequestID) (any, error) {
		r, err := s.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		return s.FromSource(ctx, r, p.now.Add(-time.Second), f.Limit)
	})
	p.both("", func(s queue.Store, _ queue.RequestID) (any, error) {
		page, next, err := s.List(ctx, f)
		return []any{page, next}, err
	})
	p.both("", func(s queue.Store, _ queue.RequestID) (any, error) {
		since, by, err := s.Paused(ctx)
		return []any{since, by}, err
	})
}

// both does the same to the model and to the store, each with its own id of the request.
func (p *pair) both(id queue.RequestID, do func(queue.Store, queue.RequestID) (any, error)) {
	p.Helper()
	want, err := do(p.model, id)
	if known, ok := p.storeID[id]; ok {
		id = known
	}
	got, storeErr := do(p.store, id)
	p.agree(want, err, got, storeErr)
}

// agree stops the test where the answers differ in more than the ids.
func (p *pair) agree(want any, wantErr error, got any, gotErr error) {
	p.Helper()
	if kind(wantErr) != kind(gotErr) {
		p.Fatalf("the store says %v, the model %v", gotErr, wantErr)
	}
	if wantErr != nil {
		return
	}
	if m, s := p.inModelsIDs(want), p.inModelsIDs(got); m != s {
		p.Fatalf("the store says\n%s\nthe model\n%s", s, m)
	}
}

// kind is which of the interface's errors an error is.
func kind(err error) string {
	for _, known := range []error{queue.ErrNotFound, queue.ErrStale, queue.ErrKeyReused, queue.ErrForbidden, queue.ErrBadCursor,
		queue.ErrPaused, queue.ErrOverCap} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return fmt.Sprint(err)
}

// inModelsIDs is JSON in which the store's ids are the model's. Nothing and an empty list are the same.
func (p *pair) inModelsIDs(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		p.Fatal(err)
	}
	s := strings.ReplaceAll(string(text), "null", "[]")
	for model, store := range p.storeID {
		s = strings.ReplaceAll(s, string(store), string(model))
	}
	return s
}

// end compares all requests and their stories, but for the hashes, which are made of the ids.
func (p *pair) end() {
	p.Helper()
	p.both("", func(s queue.Store, _ queue.RequestID) (any, error) { return everything(p.T, s), nil })
	for _, id := range p.ids {
		p.both(id, func(s queue.Store, id queue.RequestID) (any, error) {
			story, err := s.Events(context.Background(), id, queue.Part{})
			for i := range story {
				story[i].Hash, story[i].PrevHash, story[i].Kept = "", "", queue.Kept{} // only a database keeps rows
				story[i].Detail = []byte(p.inModelsIDs(json.RawMessage(story[i].Detail)))
			}
			return story, err
		})
	}
	if err := checkChain(p.store); err != nil {
		p.Fatal(err)
	}
}
