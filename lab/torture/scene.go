//go:build !windows

package torture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/lab/faultproxy"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// sceneLimit is how long one step of a scene may take.
const sceneLimit = 60 * time.Second

// Scene is a run without a script: a test says what happens. What is left is held against the same promises as that of any run.
type Scene struct {
	run *Run
	// At is an address in the lab's domain that is the scene's own.
	At func(local string) string
	// Proxy is what the daemons reach the directory through, Tenant their cloud.
	Proxy  *faultproxy.Proxy
	Tenant *tenant.Tenant
}

// The holders of a scene, by their place in the cast.
const (
	Full   = 0 // a user with a primary, an alias, an X500 and a SIP value
	Second = 4 // a user with a primary and an alias
)

// Scene plays a scene with so many daemons. The error is the lab's own or the scene's; what was promised and not kept stands in
// the run.
func (w *World) Scene(ctx context.Context, seed uint64, o Options, play func(context.Context, *Scene) error) (*Run, error) {
	o.Shape = Shape{Span: time.Second, Nodes: max(o.Shape.Nodes, 1)}
	r := w.newRun(seed, 0, o)
	return r.within(ctx, func(ctx context.Context) error {
		if err := r.prepare(ctx); err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
		s := &Scene{run: r, Proxy: r.proxy, Tenant: w.box.Tenant, At: func(local string) string { return local + "." + r.script.tag + "@contoso.test" }}
		if err := play(ctx, s); err != nil {
			return fmt.Errorf("the scene: %w", err)
		}
		for _, n := range r.nodes {
			if n.life() == nil || n.life().over() {
				if err := n.start(); err != nil {
					return err
				}
			}
		}
		if err := r.rest(ctx); err != nil {
			return err
		}
		return r.judge(ctx)
	})
}

// Start starts a daemon and waits until it answers. It falls asleep at a passage, where there is one.
func (s *Scene) Start(ctx context.Context, node int, asleep Passage) error {
	var env []string
	if asleep.N > 0 {
		env = append(env, sleepKey+"="+asleep.String())
	}
	n := s.run.nodes[node]
	if err := n.start(env...); err != nil {
		return err
	}
	_, err := n.remote(ctx)
	return err
}

// Delay has the n-th modify of the scene travel for so many time limits of the directory, at most 3.6, and its answer get lost.
func (s *Scene) Delay(n int64, limits float64) {
	t := s.run.tap.Load()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.late = append(t.late, lateness{n: n, limits: min(limits, latest)})
}

// Late waits until a modify has arrived late at a holder, with or without effect.
func (s *Scene) Late(ctx context.Context, holder int) error {
	return s.poll(ctx, func() (bool, error) {
		return slices.ContainsFunc(s.run.ledger.of(s.run.ledger.holders[holder]), func(d *deed) bool { return d.late }), nil
	})
}

// Undo asks a daemon to undo a request.
func (s *Scene) Undo(ctx context.Context, node int, id queue.RequestID) (queue.RequestID, error) {
	return s.ask(ctx, node, func(remote *client.Client, ticket string) (server.RequestJSON, error) {
		return remote.Undo(ctx, id, server.UndoJSON{Ticket: ticket}, ticket)
	})
}

// TakenBack waits until what a late write of a request did was taken back, and the cloud shows that.
func (s *Scene) TakenBack(ctx context.Context, node int, late queue.RequestID) error {
	remote, err := s.run.nodes[node].remote(ctx)
	if err != nil {
		return err
	}
	defer remote.Close()
	return s.poll(ctx, func() (bool, error) {
		page, err := remote.List(ctx, client.Query{State: queue.Verified, Limit: 500})
		return slices.ContainsFunc(page.Items, func(r server.RequestJSON) bool { return r.Undoes == late && r.SubmittedBy == queue.LateWriter }), err
	})
}

// Kill kills a daemon.
func (s *Scene) Kill(node int) { s.run.nodes[node].kill() }

// Lease is how long a request may be in writing.
func (s *Scene) Lease() time.Duration { return s.run.options.Lease }

// Wake wakes a daemon that fell asleep.
func (s *Scene) Wake(node int) error { return s.run.nodes[node].resume() }

// Asleep waits until a daemon has fallen asleep.
func (s *Scene) Asleep(ctx context.Context, node int) error {
	return s.poll(ctx, func() (bool, error) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.run.nodes[node].pid()))
		_, after, _ := strings.Cut(string(text), ") ")
		return strings.HasPrefix(after, "T"), err
	})
}

// poll waits until something is so.
func (s *Scene) poll(ctx context.Context, is func() (bool, error)) error {
	ctx, stop := context.WithTimeout(ctx, sceneLimit)
	defer stop()
	for {
		ok, err := is()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Ask asks a daemon for something and gives the request that it became.
func (s *Scene) Ask(ctx context.Context, node int, action address.Action, identity, addr string) (queue.RequestID, error) {
	return s.ask(ctx, node, func(remote *client.Client, ticket string) (server.RequestJSON, error) {
		return remote.Submit(ctx, server.SubmissionJSON{Holder: identity, Action: action, Address: addr, Ticket: ticket}, ticket)
	})
}

func (s *Scene) ask(ctx context.Context, node int, how func(remote *client.Client, ticket string) (server.RequestJSON, error)) (queue.RequestID, error) {
	remote, err := s.run.nodes[node].remote(ctx)
	if err != nil {
		return "", err
	}
	defer remote.Close()
	ticket := fmt.Sprintf("S%d-%s", len(s.run.callers.answers), s.run.script.tag)
	r, err := how(remote, ticket)
	if err != nil {
		return "", err
	}
	s.run.callers.answers = append(s.run.callers.answers, &answered{ask: ask{keyed: true}, ticket: ticket, request: r, at: time.Now(), calls: 1})
	return r.ID, nil
}

// Until waits until a request is in one of some states, and shows it.
func (s *Scene) Until(ctx context.Context, node int, id queue.RequestID, states ...queue.State) (r server.RequestJSON, err error) {
	remote, err := s.run.nodes[node].remote(ctx)
	if err != nil {
		return r, err
	}
	defer remote.Close()
	err = s.poll(ctx, func() (bool, error) {
		r, err = remote.Get(ctx, id)
		return slices.Contains(states, r.State), err
	})
	if err != nil {
		return r, fmt.Errorf("wait for %v of %s, which is %s (%v): %w", states, id, r.State, r.Cause, err)
	}
	return r, nil
}

// UPN, Account and GUID name a holder of the cast.
func (s *Scene) UPN(holder int) string { return s.run.ledger.holders[holder].object.UPN }

// Account names a holder by its sAMAccountName.
func (s *Scene) Account(holder int) string { return s.run.ledger.holders[holder].object.Account }

// GUID names a holder by its objectGUID.
func (s *Scene) GUID(holder int) string { return s.run.ledger.holders[holder].guid.String() }

// Holds says whether a holder has an address on-premises now.
func (s *Scene) Holds(holder int, addr string) (bool, error) {
	now, err := s.run.ledger.read(s.run.ledger.holders[holder])
	return len(now.Proxies.Find(address.Address(addr))) > 0, err
}

// Edit lets the administrator add and delete values of a holder, as the second writer does.
func (s *Scene) Edit(ctx context.Context, holder int, remove, add []address.Proxy) error {
	h := s.run.ledger.holders[holder]
	_, err := s.run.ledger.act(h, "edit", func() error { return s.run.foreign.modify(ctx, edit{}, h, remove, add, nil) })
	return err
}

// Writes is how many modifies of the daemons took effect on a holder so far.
func (s *Scene) Writes(holder int) (n int) {
	for _, d := range s.run.ledger.of(s.run.ledger.holders[holder]) {
		if d.by == daemon && d.took() {
			n++
		}
	}
	return n
}

// Deeds tells what was done to the holders so far, a line each.
func (r *Run) Deeds() string {
	if r.ledger == nil {
		return ""
	}
	var lines []string
	for _, d := range r.ledger.all() {
		lines = append(lines, fmt.Sprintf("%s (%s): %s", d.holder.object.Name, d.state, d))
	}
	return strings.Join(lines, "\n")
}

var errOther = errors.New("it went otherwise")

// Expect is an error where something is not so.
func Expect(so bool, format string, args ...any) error {
	if so {
		return nil
	}
	return fmt.Errorf("%w: "+format, append([]any{errOther}, args...)...)
}
