//go:build !windows

package torture

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/lab/directory/wire"
	"github.com/aliasd/aliasd/lab/faultproxy"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/eventlog"
)

// Archive is the daemon's store, as somebody else reads it.
type Archive interface {
	List(ctx context.Context, f queue.Filter) ([]queue.Request, string, error)
	Events(ctx context.Context, id queue.RequestID, of queue.Part) ([]queue.Event, error)
	Verify(ctx context.Context, c eventlog.Check) (eventlog.Result, error)
	Close() error
}

// tap stands between the daemons of a run and their directory. It writes the ledger and kills daemons at the points that
// lie on the wire.
type tap struct {
	ledger  *ledger
	archive func(context.Context) (Archive, error)
	// ambush lets the second writer edit a holder at the worst moment.
	ambush func(when occasion, h *holder) error
	// limit is how long the daemons wait for an answer.
	limit time.Duration
	// late are the modifies that arrive late.
	late []lateness
	// kill kills the daemon with a process id, the only one where it is 0.
	kill func(pid int)

	mu     sync.Mutex
	open   map[exchange]*deed
	reads  map[exchange]int // read-backs under way, with the pid of who reads
	at     Passage
	passed int64
	sent   int64 // modifies so far
	failed error // of the lab itself
}

// exchange names a request and its answer.
type exchange struct{ conn, id int64 }

func newTap(l *ledger, archive func(context.Context) (Archive, error)) *tap {
	return &tap{ledger: l, archive: archive, open: map[exchange]*deed{}, reads: map[exchange]int{}}
}

// arm has the next daemon killed that passes a point; the zero passage has none.
func (t *tap) arm(at Passage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at, t.passed = at, 0
}

// hit counts a passage, and says whether it is the one.
func (t *tap) hit(place Place, moment Moment) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.at.Point != (Point{place, moment}) {
		return false
	}
	t.passed++
	return t.passed == t.at.N
}

// fail keeps the first error of the lab itself: after it, nothing that the run says counts.
func (t *tap) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed == nil {
		t.failed = err
	}
}

// hook is the proxy's.
func (t *tap) hook(m faultproxy.Message) faultproxy.Fault {
	on := exchange{m.Conn, m.ID}
	switch request := m.Operation.(type) {
	case *wire.Modify:
		if h := t.ledger.named(request.DN); h != nil {
			return t.modify(on, h, request)
		}
	case *wire.Search:
		if h := t.ledger.named(request.Base); h != nil && request.Scope == wire.Base {
			return t.search(on, h)
		}
	}
	switch m.Kind {
	case faultproxy.ModifyAnswer:
		return t.answer(on, m.Code)
	case faultproxy.SearchDone:
		return t.readBack(on)
	}
	return faultproxy.Fault{}
}

// named finds a holder by the DN that aliasd gives it, nil where it is none of ours.
func (l *ledger) named(dn string) *holder {
	for _, h := range l.holders {
		if strings.EqualFold(dn, fmt.Sprintf("<GUID=%x>", h.guid[:])) {
			return h
		}
	}
	return nil
}

// delay is how long the next modify travels; 0: it arrives at once.
func (t *tap) delay() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent++
	for _, l := range t.late {
		if l.n == t.sent {
			return time.Duration(l.limits * float64(t.limit))
		}
	}
	return 0
}

// modify takes the holder's turn for a modify.
func (t *tap) modify(on exchange, h *holder, request *wire.Modify) faultproxy.Fault {
	came, delay := time.Now(), t.delay()
	time.Sleep(delay)
	ambushed := t.ambush(beforeModify, h)
	h.enter()
	d := &deed{at: time.Now(), by: daemon, holder: h, what: operators(request.Changes), asked: changeOf(request.Changes), code: -1, late: delay > 0}
	if err := errors.Join(ambushed, t.trace(d), t.ledger.mustBeQuiet(h)); err != nil {
		t.fail(err)
	}
	pid := d.pid
	t.mu.Lock()
	t.open[on] = d
	t.mu.Unlock()
	// One that waited for its turn so long that a network would have lost it is lost: aliasd does not count on modifies that travel for
	// longer.
	longest := t.limit * 8 / 10
	if d.late {
		longest = time.Duration(latest * float64(t.limit))
	}
	switch {
	case t.hit(Sent, Before):
		return faultproxy.Fault{Before: func() { t.kill(pid); t.settle(on, -1) }, Action: faultproxy.Cut}
	case t.hit(Sent, After):
		return faultproxy.Fault{Before: func() { t.kill(pid) }, Action: faultproxy.PassAndCut}
	case time.Since(came) > longest:
		return faultproxy.Fault{Before: func() { t.settle(on, -1) }, Action: faultproxy.Cut}
	case d.late:
		return faultproxy.Fault{Action: faultproxy.PassAndCut}
	}
	return faultproxy.Fault{}
}

// answer closes a deed. It is done before the answer is passed, so that the next turn sees what was done.
func (t *tap) answer(on exchange, code int) faultproxy.Fault {
	d := t.settle(on, code)
	if d == nil || code != 0 {
		return faultproxy.Fault{}
	}
	if err := t.ambush(beforeReadBack, d.holder); err != nil {
		t.fail(err)
	}
	pid := d.pid
	switch {
	case t.hit(Answered, Before):
		return faultproxy.Fault{Before: func() { t.kill(pid) }, Action: faultproxy.Cut}
	case t.hit(Answered, After):
		return faultproxy.Fault{After: func() { t.kill(pid) }}
	}
	return faultproxy.Fault{}
}

// settle notes how a modify went and gives the turn on. It is nil where that was done already.
func (t *tap) settle(on exchange, code int) *deed {
	t.mu.Lock()
	d := t.open[on]
	delete(t.open, on)
	t.mu.Unlock()
	if d == nil {
		return nil
	}
	defer d.holder.leave()
	d.code = code
	if err := t.ledger.note(d); err != nil {
		t.fail(err)
	}
	t.ledger.mu.Lock()
	defer t.ledger.mu.Unlock()
	d.holder.answered, d.holder.pid = code == 0, d.pid
	if code < 0 && !d.took() {
		d.holder.doubt = d
	}
	return d
}

// search watches for the read-back of a modify.
func (t *tap) search(on exchange, h *holder) faultproxy.Fault {
	t.ledger.mu.Lock()
	answered, pid := h.answered, h.pid
	h.answered = false
	t.ledger.mu.Unlock()
	if !answered {
		return faultproxy.Fault{}
	}
	if t.hit(ReadBack, Before) {
		return faultproxy.Fault{Before: func() { t.kill(pid) }, Action: faultproxy.Cut}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reads[on] = pid
	return faultproxy.Fault{}
}

// readBack is the end of a search's answer.
func (t *tap) readBack(on exchange) faultproxy.Fault {
	t.mu.Lock()
	pid, ours := t.reads[on]
	delete(t.reads, on)
	t.mu.Unlock()
	if ours && t.hit(ReadBack, After) {
		return faultproxy.Fault{After: func() { t.kill(pid) }}
	}
	return faultproxy.Fault{}
}

// lost is how long the answer to a modify may take before its turn is over all the same: longer than the daemon waits.
const lost = 2 * time.Second

// sweep settles the modifies whose answers will not come: those that are old, and with dead those of a daemon that is gone.
func (t *tap) sweep(dead int) {
	t.mu.Lock()
	var gone []exchange
	for on, d := range t.open {
		if time.Since(d.at) > lost || dead != 0 && d.pid == dead {
			gone = append(gone, on)
		}
	}
	t.mu.Unlock()
	for _, on := range gone {
		t.settle(on, -1)
	}
}

// trace finds the request whose stored intent a modify is, and the process that sent it.
func (t *tap) trace(d *deed) error {
	requests, err := t.requests(d.holder)
	if err != nil {
		return fmt.Errorf("read the daemon's store: %w", err)
	}
	// What is in writing now comes before what was, and a modify that a request meant before one that takes it back.
	inWriting := func(r queue.Request) bool { return r.State == queue.Writing }
	others := slices.DeleteFunc(slices.Clone(requests), inWriting)
	requests = slices.DeleteFunc(requests, func(r queue.Request) bool { return !inWriting(r) })
	if d.isOf(requests, forth) || d.isOf(requests, back) || d.isOf(others, forth) || d.isOf(others, back) {
		return nil
	}
	// It is no stored intent; whoever is in writing has to answer for it.
	if len(requests) > 0 {
		d.request, d.state, d.stray, d.pid = requests[0].ID, queue.Writing, true, pidOf(requests[0].Owner)
	}
	return nil
}

// requests are those for a holder, as they stand in the store. It is tried again where the daemon holds the store up.
func (t *tap) requests(h *holder) (requests []queue.Request, err error) {
	ctx, stop := context.WithTimeout(context.Background(), startLimit)
	defer stop()
	for ctx.Err() == nil {
		var archive Archive
		if archive, err = t.archive(ctx); err != nil {
			continue
		}
		requests, _, err = archive.List(ctx, queue.Filter{Holder: h.guid.String(), Limit: 500})
		if err = errors.Join(err, archive.Close()); err == nil {
			break
		}
	}
	return requests, err
}

// direction says whether a modify is what a request meant, or takes that back.
type direction bool

const (
	forth direction = false
	back  direction = true
)

// isOf finds the request whose stored intent a modify is, or takes back, and notes it; false where there is none.
func (d *deed) isOf(requests []queue.Request, way direction) bool {
	for _, r := range requests {
		for _, i := range slices.Backward(r.Doubt()) {
			if way == forth && i.Change.Equal(d.asked) || way == back && takesBack(i.Change, d.asked) {
				d.request, d.state, d.back, d.pid = r.ID, r.State, bool(way), pidOf(r.Owner)
				return true
			}
		}
	}
	return false
}

// pidOf reads host/folder.pid#claim.
func pidOf(owner string) int {
	name, _, _ := strings.Cut(owner, "#")
	pid, _ := strconv.Atoi(name[strings.LastIndexByte(name, '.')+1:])
	return pid
}

// changeOf is what a modify asks for. What it deletes and adds again, to keep a twin of a value, is no change.
func changeOf(changes []wire.Change) address.Change {
	var c address.Change
	mail := address.MailChange{}
	for _, one := range changes {
		named := strings.EqualFold(one.Attribute, "proxyAddresses")
		for _, v := range one.Values {
			switch {
			case named && one.Operator == wire.DeleteValues:
				c.Delete = append(c.Delete, address.Proxy(v))
			case named:
				c.Add = append(c.Add, address.Proxy(v))
			case one.Operator == wire.DeleteValues:
				mail.Old = v
			default:
				mail.New = v
			}
		}
	}
	kept := address.Set(c.Delete).Without(address.Set(c.Delete).Without(c.Add...)...)
	c.Delete, c.Add = address.Set(c.Delete).Without(kept...), address.Set(c.Add).Without(kept...)
	if mail != (address.MailChange{}) {
		c.Mail = &mail
	}
	return c
}

// operators names what a modify does: naming values, or replacing a whole attribute.
func operators(changes []wire.Change) string {
	for _, one := range changes {
		if one.Operator == wire.ReplaceValues {
			return "replace"
		}
	}
	return "modify"
}

// takesBack says whether a change takes back some of another one and does nothing else, in whatever spelling others have given
// it since. An old primary may come back as an alias.
func takesBack(done, c address.Change) bool {
	of := keys(append(append(address.Set{}, done.Add...), done.Delete...))
	for _, p := range append(append(address.Set{}, c.Delete...), c.Add...) {
		if !p.IsSMTP() || !of[p.Address().Key()] {
			return false
		}
	}
	keepsMail := c.Mail == nil || c.Mail.Old == c.Mail.New
	return keepsMail || done.Mail != nil && strings.EqualFold(c.Mail.Old, done.Mail.New) && c.Mail.New == done.Mail.Old
}
