//go:build !windows

package torture

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/faultproxy"
	"github.com/aliasd/aliasd/lab/loopback"
	"github.com/aliasd/aliasd/private"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/store"
)

// Options say how runs are made.
type Options struct {
	Launch Launcher
	Shape  Shape
	// Sabotage is what the daemon does wrong on purpose.
	Sabotage Sabotage
	// Lease is how long a request may be in writing, Timeout how long one LDAP operation may take: the lease has to be more
	// than three of them. 0 is 3.6 s and 1 s.
	Lease, Timeout time.Duration
	// Dir is where a run keeps its files, in a folder of its own.
	Dir string
	// Archive opens the store of the daemons beside them; nil is SQLite in their data folder.
	Archive func(context.Context) (Archive, error)
	// Database is the settings' database; empty is SQLite.
	Database string
	// Rest is how long everything may take to come to rest after the last kill; 0 is 5 minutes: a busy machine is no bug.
	Rest time.Duration
}

// atRandom is the name under which kills are counted that are at no point.
const atRandom = "random"

// runLimit is how long a whole run may take before it counts as hanging.
const runLimit = 10 * time.Minute

// Run is one run on a world, and what came of it.
type Run struct {
	Seed  uint64
	Tally Tally
	// Violations are the promises that were not kept; each tells the whole story.
	Violations []string
	// Dir holds the settings, the store and the daemons' log.
	Dir string

	world   *World
	options Options
	script  script
	ledger  *ledger
	tap     atomic.Pointer[tap]
	proxy   *faultproxy.Proxy
	nodes   []*node
	callers *callers
	foreign *foreigner
	views   map[string][]view
	still   []stillness
	log     *os.File
}

// Torture makes one run. turn tells the runs of one torture apart. The error is the lab's own; what the daemon did wrong
// stands in the run.
func (w *World) Torture(ctx context.Context, seed uint64, turn int, o Options) (*Run, error) {
	r := w.newRun(seed, turn, o)
	return r.within(ctx, r.whole)
}

func (w *World) newRun(seed uint64, turn int, o Options) *Run {
	return &Run{Seed: seed, world: w, options: o.withDefaults(), script: newScript(seed, turn, o.Shape), Tally: newTally()}
}

// within does what makes up the run, in its time, and clears up.
func (r *Run) within(ctx context.Context, do func(context.Context) error) (*Run, error) {
	began := time.Now()
	ctx, stop := context.WithTimeout(ctx, runLimit)
	defer stop()
	tidied := make(chan struct{})
	go func() {
		defer close(tidied)
		r.tidy(ctx)
	}()
	err := errors.Join(do(ctx), r.close())
	stop()
	<-tidied
	r.Tally.Took = append(r.Tally.Took, time.Since(began))
	if err != nil {
		return r, fmt.Errorf("run with seed %d: %w", r.Seed, err)
	}
	return r, nil
}

// tidy gives turns on that nobody else would: those of modifies whose answers were lost.
func (r *Run) tidy(ctx context.Context) {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if t := r.tap.Load(); t != nil {
				t.sweep(0)
			}
		}
	}
}

func (o Options) withDefaults() Options {
	if o.Lease == 0 {
		o.Lease, o.Timeout = 3600*time.Millisecond, time.Second
	}
	o.Rest = cmp.Or(o.Rest, 5*time.Minute)
	return o
}

func (r *Run) whole(ctx context.Context) error {
	if err := r.prepare(ctx); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	if err := r.violence(ctx); err != nil {
		return err
	}
	if err := r.rest(ctx); err != nil {
		return err
	}
	return r.judge(ctx)
}

// prepare puts the holders into the directory and the cloud, and lays out everything.
func (r *Run) prepare(ctx context.Context) (err error) {
	if r.Dir, err = os.MkdirTemp(r.options.Dir, fmt.Sprintf("run-%d-", r.Seed)); err != nil {
		return err
	}
	if r.log, err = os.Create(filepath.Join(r.Dir, "aliasd.log")); err != nil {
		return err
	}
	if r.ledger, err = newLedger(ctx, r.world.box.Site, r.script.objects); err != nil {
		return err
	}
	if err := r.world.watch(ctx, r.anchors()); err != nil {
		return err
	}
	if r.foreign, err = newForeigner(ctx, r.world, r.ledger, r.Dir); err != nil {
		return err
	}
	if r.proxy, err = faultproxy.Start(faultproxy.Options{Target: r.world.box.Site.Server, CA: r.world.box.Site.CA}); err != nil {
		return err
	}
	t := newTap(r.ledger, r.archive)
	t.kill, t.ambush, t.limit, t.late = r.killPID, r.foreign.ambush, r.options.Timeout, r.script.late
	r.tap.Store(t)
	r.proxy.OnMessage(t.hook)
	for i := range max(r.options.Shape.Nodes, 1) {
		if err := r.addNode(i); err != nil {
			return err
		}
	}
	r.callers = newCallers(r.script, r.ledger, r.client)
	return nil
}

func (r *Run) anchors() []string {
	var anchors []string
	for _, h := range r.ledger.holders {
		anchors = append(anchors, h.guid.Anchor())
	}
	return anchors
}

// addNode writes the settings of a daemon that reaches the directory through the proxy.
func (r *Run) addNode(i int) error {
	dir := filepath.Join(r.Dir, fmt.Sprintf("node%d", i))
	data := filepath.Join(dir, "data")
	if err := private.MakePrivateDir(data); err != nil {
		return err
	}
	seen := *r.world.box
	site := *seen.Site
	site.Server, site.CA = r.proxy.URL(), r.proxy.Trust()
	seen.Site = &site
	listen, err := loopback.Address()
	if err != nil {
		return err
	}
	settings, err := seen.WriteSettings(dir, lab.Settings{Listen: listen, SyncInterval: 2 * time.Second, Timeout: r.options.Timeout, Level: "debug"})
	if err != nil {
		return err
	}
	if err := useDatabase(settings, r.options.Database); err != nil {
		return err
	}
	r.nodes = append(r.nodes, &node{launch: r.options.Launch, settings: settings, dataDir: data, url: "http://" + listen, log: r.log,
		env: []string{leaseKey + "=" + r.options.Lease.String(), sabotageKey + "=" + string(r.options.Sabotage)}})
	return nil
}

// useDatabase names a database in a settings file; "" leaves it as it is.
func useDatabase(file, url string) error {
	if url == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, append([]byte("database: '"+url+"'\n"), text...), 0o600)
}

// archive opens the store beside the daemons.
func (r *Run) archive(ctx context.Context) (Archive, error) {
	if r.options.Archive != nil {
		return r.options.Archive(ctx)
	}
	return store.Open(ctx, filepath.Join(r.nodes[0].dataDir, "aliasd.db"))
}

// client is that of the daemon whose turn it is.
func (r *Run) client(ctx context.Context, n int) (*client.Client, error) {
	return r.nodes[n%len(r.nodes)].tryRemote(ctx)
}

// killPID kills the daemon with that process id, the first where nobody knows whose modify it is.
func (r *Run) killPID(pid int) {
	for _, n := range r.nodes {
		if n.pid() == pid {
			n.kill()
			return
		}
	}
	r.nodes[0].kill()
}

// violence lets the callers ask and the second writer edit while daemons die and come back.
func (r *Run) violence(ctx context.Context) error {
	began := time.Now()
	var asking, editing error
	var parts sync.WaitGroup
	parts.Go(func() { asking = r.callers.run(ctx, began) })
	parts.Go(func() { r.endanger(ctx, began) })
	parts.Go(func() { r.operate(ctx, began) })
	parts.Go(func() { editing = r.foreign.run(ctx, began, r.script.edits) })
	dying := r.die(ctx)
	if dying == nil {
		dying = r.revive(nil)
	}
	parts.Wait()
	return errors.Join(asking, editing, dying)
}

// rest waits until no request moves any more, and ends the daemons in order.
func (r *Run) rest(ctx context.Context) error {
	deadline := time.Now().Add(r.options.Rest)
	for {
		moving, err := r.moving(ctx)
		if err == nil && len(moving) == 0 {
			break
		}
		if time.Now().After(deadline) {
			r.violate("it does not come to rest within %s: %v %v", r.options.Rest, moving, err)
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	for _, n := range r.nodes {
		if remote, err := n.remote(ctx); err == nil { // one that still starts says that it was stopped
			remote.Close()
		}
		if err := n.stop(); err != nil {
			r.violate("%v", err)
		}
	}
	return nil
}

// moving are the requests that are not at an end.
func (r *Run) moving(ctx context.Context) ([]string, error) {
	remote, err := r.nodes[0].remote(ctx)
	if err != nil {
		return nil, err
	}
	defer remote.Close()
	page, err := remote.List(ctx, client.Query{Limit: 500})
	var moving []string
	for _, q := range page.Items {
		if q.State.Open() && q.State != queue.Mismatched {
			moving = append(moving, fmt.Sprintf("%s is %s (%v)", q.ID, q.State, q.Cause))
		}
	}
	return moving, err
}

// close stops what still runs and takes the holders away. The files stay where the run found something.
func (r *Run) close() error {
	for _, n := range r.nodes {
		if n.life() != nil {
			n.kill()
		}
	}
	var errs []error
	if r.proxy != nil {
		errs = append(errs, r.proxy.Close())
	}
	if t := r.tap.Load(); t != nil {
		errs = append(errs, t.failed)
	}
	if r.foreign != nil {
		errs = append(errs, r.foreign.close())
	}
	if r.ledger != nil {
		r.world.forget(r.anchors())
		errs = append(errs, r.ledger.clear(context.Background()))
	}
	if r.log != nil {
		errs = append(errs, r.log.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if len(r.Violations) == 0 && r.Dir != "" {
		return os.RemoveAll(r.Dir)
	}
	return nil
}

func (r *Run) violate(format string, args ...any) {
	r.Violations = append(r.Violations, fmt.Sprintf(format, args...))
}
