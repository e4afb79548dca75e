package cloudcheck

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
)

var _ Reader = (*fakeTenant)(nil)

// fakeTenant is a tenant in memory. It answers look-ups by cloud id, else by anchor.
type fakeTenant struct {
	mu       sync.Mutex
	tenant   Tenant
	objects  []Object
	failing  map[string]error // by cloud id: this one look-up fails
	broken   error            // nothing can be asked
	noTenant error
	noHolder error

	tenantCalls, objectCalls int
	holderCalls              [][]address.Address
	refs                     []Ref // of all look-ups
	holderLimit              int   // how many calls of HoldersOf are answered; 0: all
}

func (f *fakeTenant) Tenant(context.Context) (Tenant, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tenantCalls++
	return f.tenant, f.noTenant
}

func (f *fakeTenant) Objects(_ context.Context, refs []Ref) ([]Sighting, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.objectCalls++
	f.refs = append(f.refs, refs...)
	if f.broken != nil {
		return nil, f.broken
	}
	sightings := make([]Sighting, len(refs))
	for i, r := range refs {
		if err := f.failing[r.CloudID]; err != nil {
			sightings[i].Err = err
			continue
		}
		if r.Holder.Kind == address.Contact {
			sightings[i].Object, sightings[i].Err = r.Match(f.objects)
			continue
		}
		at := slices.IndexFunc(f.objects, func(o Object) bool {
			return !o.Deleted && (o.ID == r.CloudID || r.Holder.Anchor != "" && o.ImmutableID == r.Holder.Anchor)
		})
		if at >= 0 {
			o := f.objects[at]
			sightings[i].Object = &o
		}
	}
	return sightings, nil
}

func (f *fakeTenant) HoldersOf(_ context.Context, addrs []address.Address) ([]Object, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.holderCalls = append(f.holderCalls, addrs)
	if f.noHolder != nil {
		return nil, f.noHolder
	}
	if f.holderLimit > 0 && len(f.holderCalls) > f.holderLimit {
		return nil, ErrUnasked
	}
	var found []Object
	for _, o := range f.objects {
		if slices.ContainsFunc(addrs, func(a address.Address) bool { return o.holds(a) != "" }) {
			found = append(found, o)
		}
	}
	return found, nil
}

// The times of every test: a write, a sync before it and two after it, half an hour apart.
func written() time.Time  { return time.Date(2026, 3, 2, 9, 10, 0, 0, time.UTC) }
func before() time.Time   { return written().Add(-10 * time.Minute) }
func first() time.Time    { return written().Add(20 * time.Minute) }
func second() time.Time   { return written().Add(50 * time.Minute) }
func deadline() time.Time { return written().Add(24 * time.Hour) }

func ptr[T any](v T) *T { return &v }

// world is one written alias and both sides of its holder. As it is made, a first sync has just run and the cloud shows
// everything: it is verified. A test changes what it is about.
type world struct {
	c      Case
	fake   *fakeTenant
	object *Object // in fake until it is taken out
	now    time.Time
}

func newWorld() *world {
	values := address.Values{Mail: "jdoe@contoso.com", Proxies: address.Set{
		"SMTP:jdoe@contoso.com", "smtp:j.doe@contoso.com", "X500:/o=Contoso/cn=jdoe"}}
	holder := address.Holder{
		Anchor: "AAAAAAAAAAAAAAAAAAAAAA==", DN: "CN=John Doe,OU=Staff,DC=contoso,DC=test", Kind: address.User,
		Name: "John Doe", UPN: "jdoe@contoso.com", SID: "S-1-5-21-1-2-3-1104", Values: values, Changed: written(),
	}
	cloud := values
	cloud.Proxies = address.Set{"SMTP:jdoe@contoso.com", "smtp:j.doe@contoso.com",
		"smtp:jdoe@contoso.onmicrosoft.com", "SIP:jdoe@contoso.com"}
	w := &world{now: first().Add(time.Minute)}
	w.c = Case{
		Ref:         Ref{CloudID: "id-jdoe", Holder: holder},
		Expectation: Expectation{Wants: []address.Want{{Address: "j.doe@contoso.com", Role: address.RoleSecondary}}, SyncAtWrite: before()},
		WrittenAt:   written(), Deadline: deadline(), LastSyncSeen: before(),
		After: values,
	}
	w.fake = &fakeTenant{
		tenant: Tenant{InitialDomain: "contoso.onmicrosoft.com", LastSync: first(), SyncEnabled: ptr(true),
			Verified: map[string]bool{"contoso.onmicrosoft.com": true, "contoso.com": true}},
		objects: []Object{{ID: "id-jdoe", Kind: address.User, Name: "John Doe", UPN: "jdoe@contoso.com", OnPremUPN: "jdoe@contoso.com",
			Nickname: "jdoe", Values: cloud, ImmutableID: holder.Anchor, SID: holder.SID, SyncEnabled: ptr(true),
			LastSync: before(), ExchangeLicensed: true}},
		failing: map[string]error{},
	}
	w.object = &w.fake.objects[0]
	return w
}

// arriving makes the cloud not show the alias yet.
func (w *world) arriving() {
	w.object.Proxies = w.object.Proxies.Without("smtp:j.doe@contoso.com")
}

// settle lets two syncs run since the write, and the grace pass.
func (w *world) settle() {
	w.c.SyncMoves, w.c.LastSyncSeen = 1, first()
	w.fake.tenant.LastSync = second()
	w.now = second().Add(time.Minute)
}

// clockIs puts this machine's clock ahead of the tenant's.
func (w *world) clockIs(ahead time.Duration) {
	w.now = w.now.Add(ahead)
	w.fake.tenant.ReadAt, w.fake.tenant.Ahead = w.now, ahead
}

// remove makes the request the removal of an address that the directory no longer has.
func (w *world) remove(a address.Address) {
	w.c.Expectation.Wants = []address.Want{{Address: a, Role: address.RoleAbsent}}
	w.c.After.Proxies = w.c.After.Proxies.Without(address.Secondary(a))
	w.c.Ref.Holder.Values = w.c.After
}

// promote makes the request the promotion of the alias.
func (w *world) promote() {
	w.c.Expectation.Wants = []address.Want{{Address: "j.doe@contoso.com", Role: address.RolePrimary}, {Address: "jdoe@contoso.com", Role: address.RoleSecondary}}
	w.c.After = address.Values{Mail: "j.doe@contoso.com", Proxies: address.Set{"SMTP:j.doe@contoso.com", "smtp:jdoe@contoso.com"}}
	w.c.Ref.Holder.Values = w.c.After
}

// other adds another object to the tenant. The pointer to John Doe stays good.
func (w *world) other(o Object) {
	w.fake.objects = append(w.fake.objects, o)
	w.object = &w.fake.objects[0]
}

func (w *world) vanish() { w.fake.objects = w.fake.objects[1:] }

func (w *world) checker() *Checker {
	return New(Options{Reader: w.fake, SyncInterval: 30 * time.Minute, Now: func() time.Time { return w.now }})
}

func (w *world) sweep(t *testing.T) Verdict {
	t.Helper()
	c := w.checker()
	verdicts, err := c.Sweep(t.Context(), c.Survey(t.Context()), []Case{w.c})
	if err != nil {
		t.Fatalf("sweep: %v", err)
	}
	return verdicts[0]
}
