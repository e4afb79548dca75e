//go:build !windows

package torture

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/queue"
)

// writer is who did something to a holder.
type writer string

const (
	daemon writer = "aliasd"
	admin  writer = "admin"
)

// stand is a holder as the directory has it.
type stand struct {
	address.Values
	USN int64
	DN  string
}

// deed is one change of a holder, or one that was tried, in the order in which the directory did it.
type deed struct {
	// n counts the deeds of a run, whatever holder they are of.
	n        int
	at, done time.Time
	by       writer
	holder   *holder
	// what says in words what the admin did.
	what          string
	before, after stand
	// asked is the change as it came over the wire, code the directory's answer; -1 where there was none. The daemon's only.
	asked address.Change
	code  int
	// request is the one whose stored intent, as it stood when the modify came, is this change, or is taken back by it; zero
	// where there is none. state is where it was then.
	request queue.RequestID
	state   queue.State
	back    bool
	// stray says that it is not the intent of that request, which is in writing for the holder.
	stray bool
	late  bool // it arrived late, and its answer was lost
	pid   int  // of the daemon that sent it, as far as the intent tells
}

// took says whether the deed changed anything.
func (d *deed) took() bool { return d.before.USN != d.after.USN }

// String tells the deed on one line.
func (d *deed) String() string {
	who := string(d.by)
	if d.request != "" {
		who += " for " + string(d.request)
	}
	if d.back {
		who += " (takes back)"
	}
	if !d.took() {
		return fmt.Sprintf("%s #%d %s: %s %+v had no effect (code %d)", d.at.Format(clock), d.n, who, d.what, d.asked, d.code)
	}
	change := address.Between(d.before.Values, d.after.Values)
	line := fmt.Sprintf("%s #%d %s: %s -%q +%q", d.at.Format(clock), d.n, who, d.what, change.Delete, change.Add)
	if change.Mail != nil {
		line += fmt.Sprintf(" mail %q -> %q", change.Mail.Old, change.Mail.New)
	}
	return line
}

const clock = "15:04:05.000000"

// holder is a directory object that a run works on. One writer at a time has its turn.
type holder struct {
	object site.Object
	guid   address.GUID
	turn   chan struct{}
	// the ledger guards what follows
	now stand
	// answered is when the last modify of the daemon was, whose read-back has not come yet.
	answered bool
	pid      int
	// doubt is the last modify that got no answer and had no effect yet.
	doubt *deed
}

// dn names the object wherever it is moved to.
func (h *holder) dn() string { return "<GUID=" + h.guid.String() + ">" }

// ledger notes who did what to the holders of one run.
type ledger struct {
	site    *site.Site
	holders []*holder
	byGUID  map[address.GUID]*holder

	readMu sync.Mutex
	conn   *ldap.Conn

	mu    sync.Mutex
	deeds []*deed
	// odd is what must not be and is no deed: a holder that changed while nobody had a turn.
	odd []string
}

// newLedger puts objects into the directory and opens a ledger of them.
func newLedger(ctx context.Context, s *site.Site, objects []site.Object) (*ledger, error) {
	l := &ledger{site: s, byGUID: map[address.GUID]*holder{}}
	if err := s.Populate(ctx, objects); err != nil {
		return nil, err
	}
	var err error
	if l.conn, err = s.Dial(ctx, s.Admin); err != nil {
		return nil, err
	}
	for _, o := range objects {
		raw, err := s.GUID(ctx, s.DNOf(o))
		if err != nil {
			return nil, errors.Join(err, l.close())
		}
		h := &holder{object: o, guid: address.GUID(raw), turn: make(chan struct{}, 1)}
		if h.now, err = l.read(h); err != nil {
			return nil, errors.Join(err, l.close())
		}
		l.holders = append(l.holders, h)
		l.byGUID[h.guid] = h
	}
	return l, nil
}

func (l *ledger) close() error { return l.conn.Close() }

// clear takes the holders out of the directory.
func (l *ledger) clear(ctx context.Context) error {
	var errs []error
	for _, h := range l.holders {
		errs = append(errs, l.site.Remove(ctx, h.dn()))
	}
	return errors.Join(append(errs, l.close())...)
}

// read reads a holder as the administrator.
func (l *ledger) read(h *holder) (stand, error) {
	l.readMu.Lock()
	defer l.readMu.Unlock()
	request := ldap.NewSearchRequest(h.dn(), ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)",
		[]string{"mail", "proxyAddresses", "uSNChanged"}, nil)
	found, err := l.conn.Search(request)
	if err != nil || len(found.Entries) != 1 {
		return stand{}, fmt.Errorf("read %s: %w", h.object.Name, err)
	}
	entry := found.Entries[0]
	s := stand{DN: entry.DN, Values: address.Values{Mail: entry.GetAttributeValue("mail")}}
	for _, p := range entry.GetAttributeValues("proxyAddresses") {
		s.Proxies = append(s.Proxies, address.Proxy(p))
	}
	s.USN, err = strconv.ParseInt(entry.GetAttributeValue("uSNChanged"), 10, 64)
	return s, err
}

// enter waits for the holder's turn.
func (h *holder) enter() { h.turn <- struct{}{} }

func (h *holder) leave() { <-h.turn }

// note closes a deed: it reads what the holder is now. The caller has the holder's turn.
func (l *ledger) note(d *deed) error {
	now, err := l.read(d.holder)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	d.n, d.done = len(l.deeds)+1, time.Now()
	d.before, d.after = d.holder.now, now
	d.holder.now = now
	l.deeds = append(l.deeds, d)
	return nil
}

// act lets the admin do something to a holder in its turn.
func (l *ledger) act(h *holder, what string, do func() error) (*deed, error) {
	h.enter()
	defer h.leave()
	if err := l.mustBeQuiet(h); err != nil {
		return nil, err
	}
	d := &deed{at: time.Now(), by: admin, holder: h, what: what}
	failed := do()
	return d, errors.Join(failed, l.note(d))
}

// mustBeQuiet notes where a holder changed while nobody had a turn. The caller has the turn.
func (l *ledger) mustBeQuiet(h *holder) error {
	found, err := l.read(h)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch late := h.doubt; {
	case found.USN == h.now.USN:
		return nil
	case late != nil && address.Between(h.now.Values, found.Values).Equal(late.asked):
		late.before, late.after = h.now, found
	default:
		l.odd = append(l.odd, fmt.Sprintf("%s changed while nobody had a turn: it was %s and is %s", h.object.Name, inWords(h.now.Values), inWords(found.Values)))
	}
	h.now, h.doubt = found, nil
	return nil
}

func inWords(v address.Values) string {
	return fmt.Sprintf("mail %q, proxyAddresses %q", v.Mail, v.Proxies)
}

// of gives the deeds to one holder, in their order.
func (l *ledger) of(h *holder) []*deed {
	l.mu.Lock()
	defer l.mu.Unlock()
	var own []*deed
	for _, d := range l.deeds {
		if d.holder == h {
			own = append(own, d)
		}
	}
	return own
}

// all gives all deeds in their order.
func (l *ledger) all() []*deed {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.deeds)
}
