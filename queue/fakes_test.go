package queue_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/storetest"
)

// tester is what the helpers need of *testing.T and *rapid.T.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// directory is an on-premises side in memory whose faults a test chooses.
type directory struct {
	mu      sync.Mutex
	clock   *clock
	holders map[address.GUID]*ldapwriter.Entry
	// away makes every call wait, and waits the look-ups of some names; onWrite is asked before each write.
	away    error
	waits   map[string]error
	onWrite func(ldapwriter.Job) fault
	writes  []ldapwriter.Job
	// reads counts the holders that ReadAll was asked for.
	reads int
}

// fault is what happens to one write.
type fault struct {
	err    error // returned instead of a receipt
	landed bool  // the change was made all the same
}

func newDirectory(c *clock) *directory {
	return &directory{clock: c, holders: map[address.GUID]*ldapwriter.Entry{}}
}

const dc = "ldaps://dc1.contoso.test:636"

// add puts a user into the directory.
func (d *directory) add(n byte, account string, v address.Values) address.GUID {
	d.mu.Lock()
	defer d.mu.Unlock()
	guid := address.GUID{n, 1}
	d.holders[guid] = &ldapwriter.Entry{DC: dc, USNChanged: 1, Holder: address.Holder{GUID: guid, Kind: address.User, Account: account,
		Name: account, UPN: account + "@contoso.test", Values: v, Changed: d.clock.Now().Add(-time.Hour)}}
	return guid
}

func (d *directory) values(guid address.GUID) address.Values {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.holders[guid].Values
}

// edit is somebody else's edit.
func (d *directory) edit(guid address.GUID, v address.Values) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.holders[guid].Values = v
	d.holders[guid].USNChanged++
}

func (d *directory) Find(_ context.Context, identity string) (ldapwriter.Entry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := cmp.Or(d.away, d.waits[identity]); err != nil {
		return ldapwriter.Entry{}, err
	}
	for _, e := range d.holders {
		if e.Bears(identity) {
			return *e, nil
		}
	}
	return ldapwriter.Entry{}, cause.Refuse(cause.UnknownHolder, "nobody is called %s", identity)
}

func (d *directory) Read(_ context.Context, id address.GUID, _ ldapwriter.Prior) (ldapwriter.Entry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away != nil {
		return ldapwriter.Entry{}, d.away
	}
	return *d.holders[id], nil
}

func (d *directory) ReadAll(ctx context.Context, ids []address.GUID) ([]ldapwriter.Entry, []error) {
	d.mu.Lock()
	d.reads += len(ids)
	d.mu.Unlock()
	entries, errs := make([]ldapwriter.Entry, len(ids)), make([]error, len(ids))
	for i, id := range ids {
		entries[i], errs[i] = d.Read(ctx, id, ldapwriter.Prior{})
	}
	return entries, errs
}

func (d *directory) HoldersOf(_ context.Context, addrs []address.Address, except address.GUID) ([]cause.Conflict, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range addrs {
		for guid, e := range d.holders {
			isMail := a.Equal(address.Address(e.Mail))
			if guid != except && (isMail || len(e.Proxies.Find(a)) > 0) {
				return []cause.Conflict{{Kind: "user", ID: guid.String(), Name: e.Name, Address: string(a)}}, nil
			}
		}
	}
	return nil, nil
}

func (d *directory) Write(ctx context.Context, job ldapwriter.Job) (ldapwriter.Receipt, error) {
	if err := job.Confirm(ctx); err != nil {
		return ldapwriter.Receipt{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if job.Landed {
		e := d.holders[job.Entry.GUID]
		return ldapwriter.Receipt{DC: dc, USNChanged: e.USNChanged, Before: job.Entry.Values, After: e.Values, Change: job.Change, At: d.clock.Now()}, nil
	}
	f := fault{}
	if d.onWrite != nil {
		f = d.onWrite(job)
	}
	if f.err != nil && !f.landed {
		return ldapwriter.Receipt{}, f.err
	}
	e := d.holders[job.Entry.GUID]
	after, err := job.Change.Apply(e.Values)
	if err != nil {
		return ldapwriter.Receipt{}, fmt.Errorf("%w: %w", ldapwriter.ErrConflict, err)
	}
	before := e.Values
	e.Values, e.Changed = after, d.clock.Now()
	e.USNChanged++
	d.writes = append(d.writes, job)
	return ldapwriter.Receipt{DC: dc, USNChanged: e.USNChanged, Before: before, After: after, Change: job.Change, At: d.clock.Now()}, f.err
}

// cloud is a tenant that shows, after a sync, what the directory held then.
type cloud struct {
	mu        sync.Mutex
	clock     *clock
	directory *directory
	shown     map[address.GUID]address.Values
	lastSync  time.Time
	syncOff   bool
	away      error
	conflicts []cause.Conflict
	// judge replaces the verdicts of a sweep where it is set.
	judge func(cloudcheck.Case) cloudcheck.Verdict
	// price is what a look at a holder costs; without it fifteen cost one unit. Of the holders of one call the cheapest are
	// looked at first, as Graph is asked in stages.
	price func(address.GUID) int
	// onLook is called before each look.
	onLook func(address.GUID)
	// looks lists the holders that were looked at.
	looks []address.GUID
}

func newCloud(c *clock, d *directory) *cloud {
	return &cloud{clock: c, directory: d, shown: map[address.GUID]address.Values{}, lastSync: c.Now().Add(-time.Minute)}
}

// sync is one cycle of the sync engine, with the calculation at once.
func (c *cloud) sync() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.directory.mu.Lock()
	defer c.directory.mu.Unlock()
	for guid, e := range c.directory.holders {
		v := e.Values
		if len(v.Proxies) == 0 && v.Mail != "" {
			v.Proxies = address.Set{address.Primary(address.Address(v.Mail))}
		}
		if primaries := v.Proxies.Primaries(); len(primaries) > 0 {
			v.Mail = string(primaries[0].Address())
		}
		c.shown[guid] = v
	}
	c.lastSync = c.clock.Now()
}

func (c *cloud) object(guid address.GUID) *cloudcheck.Object {
	v, there := c.shown[guid]
	if !there {
		return nil
	}
	on := true
	return &cloudcheck.Object{ID: "cloud-" + guid.String(), Kind: address.User, Values: v, ImmutableID: "anchor", SyncEnabled: &on}
}

func (c *cloud) Look(_ context.Context, r cloudcheck.Ref) (cloudcheck.Snapshot, error) {
	if c.onLook != nil {
		c.onLook(r.Holder.GUID)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away != nil {
		return cloudcheck.Snapshot{}, c.away
	}
	tenant := cloudcheck.Tenant{InitialDomain: "contoso.onmicrosoft.com", Verified: map[string]bool{"contoso.test": true}, LastSync: c.lastSync}
	if c.syncOff {
		tenant.SyncEnabled = new(bool)
	}
	return cloudcheck.Snapshot{Tenant: tenant, Object: c.object(r.Holder.GUID), MailSurvives: true}, nil
}

func (c *cloud) Refresh(context.Context, time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.away
}

func (c *cloud) HoldersOf(context.Context, []address.Address, string) ([]cause.Conflict, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conflicts, nil
}

func (c *cloud) Survey(context.Context) cloudcheck.Survey {
	c.mu.Lock()
	defer c.mu.Unlock()
	return cloudcheck.Survey{Tenant: cloudcheck.Tenant{LastSync: c.lastSync}, Err: c.away}
}

func (c *cloud) Sweep(ctx context.Context, _ cloudcheck.Survey, cases []cloudcheck.Case) ([]cloudcheck.Verdict, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away != nil {
		return nil, c.away
	}
	reached := c.reach(cloudcheck.BudgetOf(ctx), cases)
	verdicts := make([]cloudcheck.Verdict, len(cases))
	for i, one := range cases {
		verdicts[i] = cloudcheck.Verdict{Outcome: cloudcheck.Unasked}
		if reached[one.Ref.Holder.GUID] {
			verdicts[i] = c.verdict(one)
		}
	}
	return verdicts, nil
}

// reach spends the budget and gives the holders for which it was enough.
func (c *cloud) reach(budget *cloudcheck.Budget, cases []cloudcheck.Case) map[address.GUID]bool {
	var holders []address.GUID
	for _, one := range cases {
		if h := one.Ref.Holder.GUID; !slices.Contains(holders[max(len(holders)-1, 0):], h) {
			holders = append(holders, h)
		}
	}
	if c.price != nil {
		slices.SortStableFunc(holders, func(a, b address.GUID) int { return c.price(a) - c.price(b) })
	}
	reached := map[address.GUID]bool{}
	for i, h := range holders {
		units := 0
		if c.price != nil {
			units = c.price(h)
		} else if i%cloudcheck.HoldersPerUnit == 0 {
			units = 1
		}
		if !budget.Take(units) {
			break
		}
		reached[h] = true
		c.looks = append(c.looks, h)
	}
	return reached
}

func (c *cloud) verdict(one cloudcheck.Case) cloudcheck.Verdict {
	if c.judge != nil {
		return c.judge(one)
	}
	moves := one.SyncMoves
	if c.lastSync.After(one.LastSyncSeen) {
		moves++
	}
	v := cloudcheck.Verdict{Outcome: cloudcheck.NotYet, LastSyncSeen: c.lastSync, SyncMoves: moves,
		Cause: &cause.Wait(cause.NotSyncedYet, "no sync ran since").Cause}
	o := c.object(one.Ref.Holder.GUID)
	if o != nil {
		v.Seen = &cloudcheck.Seen{ID: o.ID, Values: o.Values, CheckedAt: c.clock.Now()}
	}
	if o.Shows(one.Expectation.Wants) && moves > 0 && (!one.Expectation.ShownAtWrite || moves > 1) {
		v.Outcome, v.Cause = cloudcheck.Verified, nil
	}
	return v
}

// bench is everything that a runner needs, in memory.
type bench struct {
	clock     *clock
	directory *directory
	cloud     *cloud
	store     *storetest.Model
	runner    *queue.Runner
	service   *queue.Service
}

// newBench has two users: ann with an explicit primary, and bob whose only address is his mail.
func newBench() *bench {
	b := &bench{clock: newClock(), store: storetest.NewModel()}
	b.directory = newDirectory(b.clock)
	b.cloud = newCloud(b.clock, b.directory)
	b.directory.add(1, "ann", address.Values{Mail: "ann@contoso.test", Proxies: address.Set{"SMTP:ann@contoso.test", "X500:/o=Contoso/cn=ann"}})
	b.directory.add(2, "bob", address.Values{Mail: "bob@contoso.test"})
	b.cloud.sync()
	b.restart("node-1", b.store)
	return b
}

// restart starts the program again under another name.
func (b *bench) restart(node string, store queue.Store, with ...func(*queue.Options)) {
	o := queue.Options{Store: store, Directory: b.directory, Cloud: b.cloud, Now: b.clock.Now, Node: node,
		Workers: 2, Lease: time.Minute, RetryBase: time.Second, RetryLimit: 10 * time.Second, Poll: time.Millisecond}
	for _, change := range with {
		change(&o)
	}
	b.runner = queue.NewRunner(o)
	b.service = queue.NewService(b.runner)
}

func (b *bench) submit(t tester, holder string, action address.Action, addr address.Address) queue.Request {
	t.Helper()
	r, _, err := b.service.Submit(context.Background(), queue.Submission{Holder: holder, Action: action, Address: addr}, "")
	if err != nil {
		t.Fatalf("submit %s %s %s: %v", action, addr, holder, err)
	}
	return r
}

func (b *bench) get(t tester, id queue.RequestID) queue.Request {
	t.Helper()
	r, err := b.store.Get(context.Background(), id)
	if err != nil {
		t.Fatalf("get %s: %v", id, err)
	}
	return r
}
