package server

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server/token"
)

// Rates bound how often one caller may call, so that a script that goes wrong takes the daemon from nobody else. Zero
// fields bound nothing. /healthz, /readyz, /metrics and the stop switch are not counted, and the local administrator's token neither: who
// has it may change the bounds.
type Rates struct {
	// Reads (GET) and Writes (all others) are a token's calls per second, in the long run; burst times as many at once.
	Reads, Writes int
	// Strangers are the calls per second without a token in force, of one remote address (of one /64 with IPv6).
	Strangers int
	// Rechecks are how often per second one request may be looked at again in the long run, whoever asks; recheckBurst as many
	// at once. Each is two entries in the event log, which keeps them for ever.
	Rechecks float64
	// Units are what reads by people may cost per second in the long run, ten times as much at once: resource units of Microsoft
	// Graph, and reads from the directory, of which each counts as one.
	Units Units
}

// Units bound what reads by people (explain, validate) cost: all together, those of one token, and those of one token for one
// person (the requester). Zero fields bound nothing.
type Units struct{ All, Token, Person float64 }

// burst is how many seconds' worth of calls may come at once.
const burst = 5

// recheckBurst is how many looks at one request may be asked for at once.
const recheckBurst = 3

// maxSwitching is how many calls of the stop switch are answered at a time. They are not counted among the others.
const maxSwitching = 16

// maxKnown is how many tokens, and how many remote addresses, are remembered at most.
const maxKnown = 4096

// meters count calls against Rates.
type meters struct {
	reads, writes *keyed[token.Hash]
	strangers     *keyed[netip.Prefix]
	rechecks      *keyed[queue.RequestID]

	mu sync.Mutex
	// known are tokens that the store has let in: they are looked up also where an address has had its share of failures,
	// or anybody could lock out who calls from the same address.
	known map[token.Hash]struct{}
}

func newMeters(r Rates, now func() time.Time) *meters {
	return &meters{
		reads:  newKeyed[token.Hash](float64(r.Reads), burst*r.Reads, maxKnown, now),
		writes: newKeyed[token.Hash](float64(r.Writes), burst*r.Writes, maxKnown, now),
		// Strangers get twice the burst: a whole office may sit behind one address.
		strangers: newKeyed[netip.Prefix](float64(r.Strangers), 2*burst*r.Strangers, maxKnown, now),
		rechecks:  newKeyed[queue.RequestID](r.Rechecks, recheckBurst, maxKnown, now),
		known:     map[token.Hash]struct{}{},
	}
}

// call counts a call of somebody who is known.
func (m *meters) call(method string, hash token.Hash) error {
	counter := m.writes
	if method == http.MethodGet || method == http.MethodHead {
		counter = m.reads
	}
	if wait := counter.take(hash); wait > 0 {
		return tooMany(TooManyCalls, "This token makes more calls than api.rate allows; nothing was done. Wait as long as Retry-After says.", wait)
	}
	return nil
}

// recheck has a request looked at again, unless that was done too often. Only what is there is counted: made-up ids would fill the
// memory.
func (m *meters) recheck(c caller, id queue.RequestID, do func() (queue.Request, error)) (queue.Request, error) {
	if c.local {
		return do()
	}
	if wait := m.rechecks.wait(id); wait > 0 {
		return queue.Request{}, tooMany(TooManyCalls, "This request was asked to be looked at again several times just now; nothing was done. Wait as long as Retry-After says.", wait)
	}
	r, err := do()
	if err == nil {
		m.rechecks.take(id)
	}
	return r, err
}

// mayGuess says whether a token may be looked up in the store.
func (m *meters) mayGuess(r *http.Request, hash token.Hash) error {
	m.mu.Lock()
	_, known := m.known[hash]
	m.mu.Unlock()
	if known {
		return nil
	}
	if wait := m.strangers.wait(remote(r)); wait > 0 {
		return tooManyFailures(wait)
	}
	return nil
}

// stranger counts a call of nobody we know, and gives the error to answer it with.
func (m *meters) stranger(r *http.Request, otherwise error) error {
	if wait := m.strangers.take(remote(r)); wait > 0 {
		return tooManyFailures(wait)
	}
	return otherwise
}

// learn keeps what the store said of a token.
func (m *meters) learn(hash token.Hash, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if errors.Is(err, token.ErrUnknown) {
		delete(m.known, hash)
	}
	if err != nil {
		return
	}
	if _, known := m.known[hash]; !known && len(m.known) >= maxKnown {
		for other := range m.known {
			delete(m.known, other)
			break
		}
	}
	m.known[hash] = struct{}{}
}

// remote is who calls, as far as the network tells; headers that say otherwise may be anybody's.
func remote(r *http.Request) netip.Prefix { return networkOf(r.RemoteAddr) }

// networkOf is what counts as one address: an IPv4 address, or the /64 of an IPv6 one.
func networkOf(hostPort string) netip.Prefix {
	from, err := netip.ParseAddrPort(hostPort)
	if err != nil {
		return netip.Prefix{}
	}
	ip, bits := from.Addr().Unmap().WithZone(""), 32
	if ip.Is6() {
		bits = 64
	}
	// The bits suit the address, so that there is no error.
	prefix, _ := ip.Prefix(bits)
	return prefix
}

func tooManyFailures(wait time.Duration) error {
	return tooMany(TooManyFailures, "Too many calls without a token in force came from this address. Wait as long as Retry-After says.", wait)
}

func tooMany(code Code, detail string, wait time.Duration) *Problem {
	return newProblem(http.StatusTooManyRequests, code, detail).with("Retry-After", wholeSeconds(wait))
}

// wholeSeconds rounds up: who comes back too early is refused again.
func wholeSeconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

// crowd bounds how many calls are answered at a time, all together and of one token.
type crowd struct {
	all, each int
	mu        sync.Mutex
	running   int
	by        map[string]int
}

func newCrowd(l Limits) *crowd {
	return &crowd{all: l.Calls, each: l.CallsPerToken, by: map[string]int{}}
}

// enter lets a call in; leave has to follow where there is no error.
func (c *crowd) enter(caller string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.by[caller] >= c.each:
		return tooMany(TooManyCalls, fmt.Sprintf("%d calls of this token are being answered; nothing was done. Let them end first.", c.each), time.Second)
	case c.running >= c.all:
		return newProblem(http.StatusServiceUnavailable, Busy, "Too many calls are being answered; nothing was done. Try again in a moment.").
			with("Retry-After", "1")
	}
	c.running++
	c.by[caller]++
	return nil
}

func (c *crowd) leave(caller string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
	if c.by[caller]--; c.by[caller] == 0 {
		delete(c.by, caller)
	}
}

// admit counts a call of somebody known and answers it, unless there are too many.
func (g *guard) admit(w http.ResponseWriter, r *http.Request, route Route, caller caller) {
	x, urgent := exchangeOf(r.Context()), g.urgent[route.Path]
	if route.Path != metricsPath && !caller.local && !urgent {
		if err := g.meters.call(r.Method, caller.hash); err != nil {
			x.fail(w, err)
			return
		}
	}
	crowd := g.crowd
	if urgent {
		crowd = g.switching
	}
	if err := crowd.enter(caller.Name); err != nil {
		x.fail(w, err)
		return
	}
	defer crowd.leave(caller.Name)
	g.mux.ServeHTTP(w, r)
}

// caller is who calls, and by which token.
type caller struct {
	token.Identity
	hash  token.Hash
	local bool
}

// lookUp finds whose token has the hash.
func (g *guard) lookUp(ctx context.Context, hash token.Hash) (token.Identity, error) {
	found, err := g.tokens.TokenByHash(ctx, hash)
	g.meters.learn(hash, err)
	switch {
	case errors.Is(err, token.ErrUnknown):
		return token.Identity{}, unauthenticated("This token is not known, or was revoked.")
	case err != nil:
		return token.Identity{}, &unavailableError{fmt.Errorf("look a token up: %w", err)}
	}
	return found, nil
}
