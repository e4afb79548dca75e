package queue_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

// TestHistories goes through all small histories of a few requests on two domain controllers: each script of requests, with every fate of
// their modifies (answered, lost and landed, lost, landing late, refused) and everything that may happen between two of them (time, a crash, a
// fail-over, an administrator's edit, a cancellation). At the end the faults are over, and what was said of each request is held
// against what came to the domain controllers. After the first history that went wrong no other one is begun.
func TestHistories(t *testing.T) {
	t.Parallel()
	var isWrong atomic.Bool
	for _, script := range scripts() {
		t.Run(script.name, func(t *testing.T) {
			t.Parallel()
			n := 0
			for i, h := range histories(script) {
				if underRace && i%10 != 0 {
					continue // make test plays all of them without the race detector
				}
				if isWrong.Load() {
					return
				}
				for _, tells := range h.tells() {
					n++
					if wrong := h.play(t, tells); wrong != "" {
						isWrong.Store(true)
						t.Fatalf("%s\n%s", wrong, h)
					}
				}
			}
			t.Logf("%d histories", n)
		})
	}
}

// script is what is asked for, one after the other.
type script struct {
	name string
	asks []asking
}

// asking is one thing that is asked for: an undo names which of those before it.
type asking struct {
	holder string
	action address.Action
	addr   address.Address
	undoes int // 1 and up
}

func scripts() []script {
	add := func(holder, a string) asking {
		return asking{holder: holder, action: address.AddAlias, addr: address.Address(a + "@contoso.test")}
	}
	remove := func(holder, a string) asking {
		return asking{holder: holder, action: address.RemoveAlias, addr: address.Address(a + "@contoso.test")}
	}
	primary := func(holder, a string) asking {
		return asking{holder: holder, action: address.SetPrimary, addr: address.Address(a + "@contoso.test")}
	}
	undo := func(of int) asking { return asking{action: address.Undo, undoes: of} }
	return []script{
		{"add and remove", []asking{add("ann", "a"), remove("ann", "a")}},
		{"add twice", []asking{add("ann", "a"), add("ann", "b")}},
		{"a typo between", []asking{add("ann", "a"), add("ann", "b"), remove("ann", "b"), add("ann", "c")}},
		{"add, remove, add, undo the first", []asking{add("ann", "a"), remove("ann", "a"), add("ann", "a"), undo(1)}},
		{"add and undo", []asking{add("ann", "a"), undo(1)}},
		{"a new primary, undone twice", []asking{primary("ann", "p"), undo(1), primary("ann", "p"), undo(1)}},
		{"two primaries, the first one's address for another", []asking{primary("ann", "p"), primary("ann", "q"), add("bob", "p")}},
		{"the old mail for another, then undone", []asking{primary("mia", "mia"), add("bob", "old"), undo(1)}},
		{"the same address for two", []asking{add("ann", "a"), add("bob", "a")}},
		{"taken from one, given to another", []asking{add("ann", "a"), remove("ann", "a"), add("bob", "a")}},
		{"asked again", []asking{add("ann", "a"), add("ann", "a")}},
		{"asked again behind its removal by another name", []asking{add("ann", "a"), remove("ann@contoso.test", "a"), add("ann", "a")}},
	}
}

// fate is what becomes of a modify.
type fate string

const (
	answered  fate = "answered"
	landed    fate = "landed, the answer lost"
	vanished  fate = "lost"
	late      fate = "lands 20 s later"
	unsentYet fate = "no connection"
)

// between is what happens between two requests, or after the first try of one.
type between string

const (
	nothing   between = "nothing"
	atOnce    between = "the next one at once"
	withdrawn between = "an administrator removes what was added, a minute passes, and it is cancelled"
	forgotten between = "an administrator removes what was added, and a sweep finds it"
	soon      between = "5 s"
	afterward between = "a minute"
	crash     between = "a crash"
	failOver  between = "the first DC goes"
	replicate between = "replication, then the first DC goes"
	cancels   between = "the request is cancelled"
	dropped   between = "an administrator removes what was added"
	added     between = "an administrator adds what is asked for"
	swept     between = "a sync and a sweep"
)

// history is a script with the fate of each of its first modifies, and what happens after each request.
type history struct {
	script
	fates   []fate
	between []between
}

// tells says whether the DCs tell the stamps of attributes: once each where that counts, at a fail-over.
func (h history) tells() []bool {
	if slices.Contains(h.between, failOver) {
		return []bool{true, false}
	}
	return []bool{true}
}

func (h history) String() string {
	var s strings.Builder
	for i, a := range h.asks {
		fmt.Fprintf(&s, "  %s %s %s%s; then %s\n", a.action, a.holder, a.addr, map[bool]string{true: fmt.Sprint(" of ", a.undoes)}[a.undoes > 0], h.between[i])
	}
	return fmt.Sprintf("%s  modifies: %q", s.String(), h.fates)
}

// histories are all of a script: the fates of the first two modifies, and what happens before the last two requests; all else goes well.
func histories(s script) (all []history) {
	fates := []fate{answered, landed, vanished, late, unsentYet}
	first := []between{nothing, soon, afterward, crash, failOver, replicate, cancels, dropped, added, swept, forgotten, withdrawn}
	second := []between{nothing}
	if len(s.asks) > 2 {
		second = []between{nothing, atOnce, failOver, cancels, swept}
	}
	for _, f1 := range fates[:4] { // a first modify that was not sent is none
		for _, f2 := range fates {
			for _, b1 := range first {
				for _, b2 := range second {
					h := history{s, []fate{f1, f2}, make([]between, len(s.asks))}
					for i := range h.between {
						h.between[i] = afterward
					}
					h.between[max(0, len(s.asks)-3)] = b1
					if len(s.asks) > 2 {
						h.between[len(s.asks)-2] = b2
					}
					all = append(all, h)
				}
			}
		}
	}
	return all
}

// play plays a history and says what is wrong at the end, "" where nothing.
func (h history) play(t *testing.T, tells bool) string {
	w := newTwoDCs(h.fates)
	w.tells = tells
	var asked []queue.Request
	for i, ask := range h.asks {
		r, created, err := w.ask(ask, asked)
		if err != nil {
			r = queue.Request{Submission: queue.Submission{Holder: ask.holder}} // an undo of what wrote nothing
		} else if !created && r.State == queue.Mismatched {
			return fmt.Sprintf("ask %d is answered from a request that is mismatched", i+1)
		}
		asked = append(asked, r)
		if h.between[i] == atOnce {
			continue
		}
		w.pass(t)
		w.happen(t, h.between[i], r)
		w.pass(t)
	}
	w.settle(t)
	return w.judge(t, h, asked)
}

// twoDCs is a domain of two domain controllers that replicate when they are told to, and a program that writes to it.
type twoDCs struct {
	*bench
	first, second *directory
	firstAway     bool
	fates         []fate
	tells         bool // its stamps
	// stamps say when each attribute of a holder was last written on a DC.
	stamps map[*directory]map[string]stamp
	// flying are modifies that land later.
	flying []flight
	log    []string
	// landings are who changed what, in order: the request, or none for an administrator.
	landings []landing
	starts   int
}

// stamp is one attribute's: AD takes the higher version for the later write, whenever it was made.
type stamp struct {
	ldapwriter.Stamp
	at time.Time
}

type flight struct {
	at    time.Time
	dc    *directory
	job   ldapwriter.Job
	forID queue.RequestID
}

type landing struct {
	id     queue.RequestID
	seq    int64
	holder address.GUID
	change address.Change
	late   bool
}

const secondDC = "ldaps://dc2.contoso.test:636"

func newTwoDCs(fates []fate) *twoDCs {
	b := newBench()
	b.directory.add(4, "mia", address.Values{Mail: "old@contoso.test", Proxies: address.Set{"SMTP:mia@contoso.test"}})
	b.cloud.sync()
	w := &twoDCs{bench: b, first: b.directory, second: newDirectory(b.clock), fates: fates, stamps: map[*directory]map[string]stamp{}}
	for guid, e := range w.first.holders {
		copied := *e
		copied.DC = secondDC
		w.second.holders[guid] = &copied
	}
	for _, d := range []*directory{w.first, w.second} {
		w.stamps[d] = map[string]stamp{}
	}
	w.start()
	return w
}

// start starts the program, again after a crash.
func (w *twoDCs) start() {
	w.starts++
	w.restart(fmt.Sprintf("node-%d", w.starts), w.store, func(o *queue.Options) { o.Directory, o.Cloud = w, tenantOf{w.cloud} })
}

// tenantOf is a tenant that says who holds an address there.
type tenantOf struct{ *cloud }

// Sweep finds what an administrator has changed on-premises.
func (c tenantOf) Sweep(ctx context.Context, s cloudcheck.Survey, cases []cloudcheck.Case) ([]cloudcheck.Verdict, error) {
	verdicts, err := c.cloud.Sweep(ctx, s, cases)
	for i := range verdicts {
		for _, want := range cases[i].Expectation.Wants {
			has := len(cases[i].Ref.Holder.Proxies.Find(want.Address)) > 0
			if has == (want.Role == address.RoleAbsent) && len(cases[i].Ref.Holder.Proxies) > 0 {
				verdicts[i].Outcome, verdicts[i].Cause = cloudcheck.Contradicted, &cause.Wait(cause.ChangedOnPremises, "somebody changed it").Cause
			}
		}
	}
	return verdicts, err
}

func (c tenantOf) HoldersOf(_ context.Context, addrs []address.Address, except string) ([]cause.Conflict, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for guid, v := range c.shown {
		for _, a := range addrs {
			if id := c.object(guid).ID; id != except && len(v.Proxies.Find(a)) > 0 {
				return []cause.Conflict{{Kind: "user", ID: id, Address: string(a)}}, nil
			}
		}
	}
	return nil, nil
}

func (w *twoDCs) say(format string, args ...any) {
	w.log = append(w.log, w.clock.Now().Format("04:05 ")+fmt.Sprintf(format, args...))
}

func (w *twoDCs) ask(a asking, before []queue.Request) (r queue.Request, created bool, err error) {
	ctx := context.Background()
	if a.action == address.Undo {
		return w.service.Undo(ctx, before[a.undoes-1].ID, queue.Submission{}, "")
	}
	return w.service.Submit(ctx, queue.Submission{Holder: a.holder, Action: a.action, Address: a.addr}, "")
}

func (w *twoDCs) happen(t *testing.T, what between, r queue.Request) {
	t.Helper()
	w.say("%s", what)
	switch what {
	case soon:
		w.wait(5 * time.Second)
	case afterward:
		w.wait(time.Minute)
	case crash:
		w.start()
	case failOver:
		w.firstAway = true
	case replicate:
		w.replicate()
		w.firstAway = true
	case cancels:
		if _, err := w.service.Cancel(context.Background(), r.ID, "admin"); err != nil && !errors.Is(err, queue.ErrStale) && !errors.Is(err, queue.ErrNotFound) {
			t.Fatal(err)
		}
	case dropped, added:
		w.edit(r, what)
	case withdrawn:
		w.edit(r, dropped)
		w.wait(time.Minute)
		w.pass(t)
		w.happen(t, cancels, r)
	case forgotten:
		w.edit(r, dropped)
		w.happen(t, swept, r)
	case swept:
		w.cloud.sync()
		_ = w.runner.Sweep(context.Background())
		w.wait(time.Minute)
		w.cloud.sync()
		_ = w.runner.Sweep(context.Background())
	}
}

// edit is an administrator's, on the DC that is there, of the address that a request is about.
func (w *twoDCs) edit(r queue.Request, what between) {
	if r.Address == "" {
		return
	}
	d := w.serving()
	for guid, e := range d.holders {
		if !e.Bears(r.Holder) {
			continue
		}
		v := e.Values
		if what == added && len(v.Proxies.Find(r.Address)) == 0 {
			v.Proxies = v.Proxies.With(address.Secondary(r.Address))
		}
		if what == dropped {
			v.Proxies = v.Proxies.Without(address.Secondary(r.Address))
		}
		w.write(d, guid, address.Between(e.Values, v), landing{holder: guid})
	}
}

// wait lets time pass, and lands what is on its way.
func (w *twoDCs) wait(d time.Duration) {
	until := w.clock.Now().Add(d)
	for len(w.flying) > 0 && !w.flying[0].at.After(until) {
		f := w.flying[0]
		w.flying = w.flying[1:]
		w.clock.Add(max(0, f.at.Sub(w.clock.Now())))
		if r, err := w.store.Get(context.Background(), f.forID); err == nil {
			w.write(f.dc, f.job.Entry.GUID, f.job.Change, landing{id: r.ID, seq: r.Seq, holder: r.Object, late: true})
		}
	}
	w.clock.Add(max(0, until.Sub(w.clock.Now())))
}

func (w *twoDCs) serving() *directory {
	if w.firstAway {
		return w.second
	}
	return w.first
}

// write makes a change on one DC, as a whole or not at all.
func (w *twoDCs) write(d *directory, guid address.GUID, c address.Change, by landing) error {
	e := d.holders[guid]
	after, err := c.Apply(e.Values)
	if err != nil || c.Empty() {
		w.say("%s cannot have %+v: %v", e.Account, c, err)
		return err
	}
	w.say("%s: -%q +%q on %s for %q", e.Account, c.Delete, c.Add, e.DC, by.id)
	if c.Mail != nil {
		w.stamp(d, guid, "mail")
	}
	if len(c.Delete)+len(c.Add) > 0 {
		w.stamp(d, guid, "proxies")
	}
	e.Values, e.Changed = after, w.clock.Now()
	e.USNChanged++
	by.change = c
	w.landings = append(w.landings, by)
	return nil
}

func (w *twoDCs) stamp(d *directory, guid address.GUID, attribute string) {
	key := guid.String() + attribute
	origin := address.GUID{1}
	if d == w.second {
		origin = address.GUID{2}
	}
	w.stamps[d][key] = stamp{ldapwriter.Stamp{Version: w.stamps[d][key].Version + 1, Origin: origin}, w.clock.Now()}
}

// entry is a holder as a DC shows it.
func (w *twoDCs) entry(d *directory, guid address.GUID) ldapwriter.Entry {
	e := *d.holders[guid]
	if w.tells {
		e.Stamps = &ldapwriter.Stamps{Proxies: w.stamps[d][guid.String()+"proxies"].Stamp, Mail: w.stamps[d][guid.String()+"mail"].Stamp}
	}
	return e
}

// replicate gives both DCs the later value of each attribute.
func (w *twoDCs) replicate() {
	for guid, one := range w.first.holders {
		other := w.second.holders[guid]
		for attribute, take := range map[string]func(to, from *ldapwriter.Entry){
			"mail":    func(to, from *ldapwriter.Entry) { to.Mail = from.Mail },
			"proxies": func(to, from *ldapwriter.Entry) { to.Proxies = slices.Clone(from.Proxies) },
		} {
			key := guid.String() + attribute
			a, b := w.stamps[w.first][key], w.stamps[w.second][key]
			switch newer := cmp.Or(int(a.Version)-int(b.Version), a.at.Compare(b.at)); {
			case newer > 0:
				take(other, one)
				other.USNChanged++
				w.stamps[w.second][key] = a
			case newer < 0:
				take(one, other)
				one.USNChanged++
				w.stamps[w.first][key] = b
			}
		}
	}
}

// Find, Read, ReadAll, HoldersOf and Write are queue.Directory's.

func (w *twoDCs) Find(ctx context.Context, identity string) (ldapwriter.Entry, error) {
	return w.serving().Find(ctx, identity)
}

func (w *twoDCs) Read(_ context.Context, guid address.GUID, prior ldapwriter.Prior) (ldapwriter.Entry, error) {
	d := w.serving()
	if prior.InDoubt == dc {
		if w.firstAway {
			return ldapwriter.Entry{}, cause.Wait(cause.DCUnavailable, "in doubt on the first")
		}
		d = w.first
	}
	if prior.InDoubt == secondDC {
		d = w.second
	}
	e := w.entry(d, guid)
	if prior.Behind(e, w.clock.Now(), func(a, b string) bool { return a == b }) != nil {
		return e, cause.Wait(cause.DCUnavailable, "behind")
	}
	return e, nil
}

func (w *twoDCs) ReadAll(ctx context.Context, ids []address.GUID) ([]ldapwriter.Entry, []error) {
	return w.serving().ReadAll(ctx, ids)
}

func (w *twoDCs) HoldersOf(ctx context.Context, addrs []address.Address, except address.GUID) ([]cause.Conflict, error) {
	return w.serving().HoldersOf(ctx, addrs, except)
}

func (w *twoDCs) Write(ctx context.Context, job ldapwriter.Job) (ldapwriter.Receipt, error) {
	if err := job.Confirm(ctx); err != nil {
		return ldapwriter.Receipt{}, err
	}
	d := w.first
	if job.Entry.DC == secondDC {
		d = w.second
	}
	e := d.holders[job.Entry.GUID]
	receipt := ldapwriter.Receipt{DC: job.Entry.DC, Before: job.Entry.Values, Change: job.Change, At: w.clock.Now()}
	if job.Landed {
		receipt.After, receipt.USNChanged, receipt.Stamps = e.Values, e.USNChanged, w.entry(d, e.GUID).Stamps
		return receipt, nil
	}
	f := answered
	if len(w.fates) > 0 {
		f, w.fates = w.fates[0], w.fates[1:]
	}
	q := w.inWriting(job.Entry.GUID)
	by := landing{id: q.ID, seq: q.Seq, holder: q.Object}
	unknown := &ldapwriter.UnknownOutcomeError{DC: job.Entry.DC, Err: errors.New("time limit")}
	w.say("a modify for %s of %s: %s", q.ID, q.Holder, f)
	switch f {
	case unsentYet:
		return receipt, cause.Wait(cause.DirectoryUnavailable, "no connection")
	case vanished:
		return receipt, unknown
	case late:
		w.flying = append(w.flying, flight{w.clock.Now().Add(20 * time.Second), d, job, q.ID})
		return receipt, unknown
	}
	if err := w.write(d, job.Entry.GUID, job.Change, by); err != nil {
		return receipt, fmt.Errorf("%w: %w", ldapwriter.ErrConflict, err)
	}
	receipt.After, receipt.USNChanged, receipt.Stamps = e.Values, e.USNChanged, w.entry(d, e.GUID).Stamps
	if f == landed {
		return receipt, unknown
	}
	return receipt, nil
}

// inWriting is the request that writes to a holder now.
func (w *twoDCs) inWriting(guid address.GUID) queue.Request {
	page, _, err := w.store.List(context.Background(), queue.Filter{State: queue.Writing, Holder: guid.String()})
	if err != nil || len(page) != 1 {
		panic(fmt.Sprint(len(page), " requests are in writing for one holder: ", err))
	}
	return page[0]
}

// settle ends all faults, and lets everything come to rest.
func (w *twoDCs) settle(t *testing.T) {
	t.Helper()
	w.firstAway, w.fates = false, nil
	for range 2 {
		w.wait(2 * time.Minute)
		w.replicate()
		w.pass(t)
	}
	for range 3 {
		w.wait(time.Minute)
		w.replicate()
		w.cloud.sync()
		_ = w.runner.Sweep(context.Background())
		w.pass(t)
	}
}

// judge holds what was said of the requests against what came to the DCs.
func (w *twoDCs) judge(t *testing.T, h history, asked []queue.Request) string {
	t.Helper()
	var now []queue.Request
	for _, r := range asked {
		if r.ID == "" {
			now = append(now, r)
			continue
		}
		now = append(now, w.get(t, r.ID))
	}
	for _, check := range []func(history, []queue.Request) string{w.endless, w.effects, w.overtaken, w.standing, w.twice} {
		if wrong := check(h, now); wrong != "" {
			for i, r := range now {
				w.say("%d: %s %s is %s (%+v)", i+1, r.ID, r.Action, r.State, r.Cause)
			}
			for _, d := range []*directory{w.first, w.second} {
				for _, guid := range slices.SortedFunc(maps.Keys(d.holders), func(a, b address.GUID) int { return int(a[0]) - int(b[0]) }) {
					w.say("%s: %+v", d.holders[guid].Account, d.holders[guid].Values)
				}
			}
			return wrong + "\n  " + strings.Join(w.log, "\n  ")
		}
	}
	return ""
}

// endless: every request has come to its end.
func (w *twoDCs) endless(_ history, now []queue.Request) string {
	for i, r := range now {
		if r.State == queue.Queued && r.Cause != nil && r.Cause.Code == cause.AddressReleasing {
			continue // an administrator gave it back: that one's deadline ends this
		}
		if r.ID != "" && (r.State == queue.Accepted || r.State == queue.Queued || r.State == queue.Writing) {
			return fmt.Sprintf("request %d is %s still (%+v)", i+1, r.State, r.Cause)
		}
	}
	return ""
}

// effects: what is called refused or cancelled changed nothing, and a receipt claims only what its own request did.
func (w *twoDCs) effects(_ history, now []queue.Request) string {
	for i, r := range now {
		var did []address.Change
		for _, l := range w.landings {
			if r.ID != "" && l.id == r.ID {
				did = append(did, l.change)
			}
		}
		if (r.State == queue.Refused || r.State == queue.Cancelled) && len(did) > 0 {
			return fmt.Sprintf("request %d is %s and changed %+v", i+1, r.State, did)
		}
		if r.Receipt != nil && !r.Receipt.Change.Empty() && !slices.ContainsFunc(did, r.Receipt.Change.Equal) && !w.byAdministrator(r.Receipt.Change) {
			return fmt.Sprintf("the receipt of request %d claims %+v, and it did %+v", i+1, r.Receipt.Change, did)
		}
		if r.Receipt != nil && r.WroteNothing() && len(did) > 0 {
			return fmt.Sprintf("request %d is said to have written nothing, and did %+v", i+1, did)
		}
	}
	return ""
}

// byAdministrator says whether an administrator made the very same change: no directory tells that from a modify whose answer was lost.
func (w *twoDCs) byAdministrator(c address.Change) bool {
	return slices.ContainsFunc(w.landings, func(l landing) bool { return l.id == "" && l.change.Equal(c) })
}

// overtaken: nothing lands after a later request of the same holder has.
func (w *twoDCs) overtaken(history, []queue.Request) string {
	last := map[address.GUID]int64{}
	for _, l := range w.landings {
		if l.id == "" {
			continue
		}
		if l.seq < last[l.holder] {
			return fmt.Sprintf("a modify of request %d landed after one of request %d", l.seq, last[l.holder])
		}
		last[l.holder] = l.seq
	}
	return ""
}

// standing: what was asked for last, and was done, is so in the end, unless an administrator changed it since. An undo takes back its own
// request's change, and nothing that a later one gave.
func (w *twoDCs) standing(h history, now []queue.Request) string {
	type place struct {
		holder string
		addr   address.Key
	}
	wants, from := map[place]bool{}, map[place]int{}
	done := func(r queue.Request) bool { return r.ID != "" && r.Receipt != nil }
	for i, ask := range h.asks {
		if !done(now[i]) {
			continue
		}
		if ask.action != address.Undo {
			p := place{account(ask.holder), ask.addr.Key()}
			wants[p], from[p] = ask.action != address.RemoveAlias, i
			continue
		}
		for _, a := range now[i].Receipt.Change.Addresses() {
			p := place{account(h.asks[ask.undoes-1].holder), a.Key()}
			if from[p] != ask.undoes-1 && done(now[from[p]]) && wants[p] && !w.taken(now[from[p]]) {
				return fmt.Sprintf("the undo %d took %s, which request %d gave", i+1, a, from[p]+1)
			}
			delete(wants, p)
		}
	}
	for p, want := range wants {
		r := now[from[p]]
		e := w.first.holders[r.Object]
		if has := len(e.Proxies.Find(address.Address(p.addr))) > 0; has != want && !w.editedSince(r, p.addr) {
			return fmt.Sprintf("request %d is %s, and %s has %q: %v", from[p]+1, r.State, p.holder, p.addr, has)
		}
	}
	return ""
}

// taken says whether a request was taken back by an undo of its own.
func (w *twoDCs) taken(r queue.Request) bool {
	return r.SupersededBy != "" && func() bool {
		by, err := w.store.Get(context.Background(), r.SupersededBy)
		return err == nil && by.Undoes == r.ID
	}()
}

// editedSince says whether an administrator changed an address of a holder after the request had its receipt, or while it was written.
func (w *twoDCs) editedSince(r queue.Request, addr address.Key) bool {
	edited := false
	for _, l := range w.landings {
		touches := slices.ContainsFunc(l.change.Addresses(), func(a address.Address) bool { return a.Key() == addr })
		switch {
		case l.id == r.ID:
			edited = false
		case l.id == "" && l.holder == r.Object && touches:
			edited = true
		}
	}
	return edited
}

// twice: no address ends with two holders, be it as mail alone, unless an administrator gave it.
func (w *twoDCs) twice(history, []queue.Request) string {
	has := map[address.Key]string{}
	for _, guid := range slices.SortedFunc(maps.Keys(w.first.holders), func(a, b address.GUID) int { return int(a[0]) - int(b[0]) }) {
		e := w.first.holders[guid]
		all := map[address.Key]bool{}
		for _, p := range e.Proxies.SMTP() {
			all[p.Address().Key()] = true
		}
		if e.Mail != "" {
			all[address.Address(e.Mail).Key()] = true
		}
		for k := range all {
			if other := has[k]; other != "" && !w.given(k) {
				return fmt.Sprintf("%s ends with %s and %s", k, other, e.Account)
			}
			has[k] = e.Account
		}
	}
	return ""
}

// given says whether an administrator gave an address to somebody.
func (w *twoDCs) given(addr address.Key) bool {
	return slices.ContainsFunc(w.landings, func(l landing) bool {
		return l.id == "" && len(address.Set(l.change.Add).Find(address.Address(addr))) > 0
	})
}

// account is a holder's account name, whichever of its names was given.
func account(holder string) string { return strings.TrimSuffix(holder, "@contoso.test") }
