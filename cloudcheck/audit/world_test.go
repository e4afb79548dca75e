package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// world is a directory and a tenant in memory, in order until a test changes them. It is both sides of an audit, and
// its sink.
type world struct {
	*cloudcheck.Checker
	now     time.Time
	clock   func() time.Time // of the audit; nil stands still at now
	tenant  cloudcheck.Tenant
	holders []address.Holder
	objects []cloudcheck.Object
	deleted []cloudcheck.Object
	page    int // holders in a page

	// Faults: the error of each step, nil where there is none.
	tenantErr, readErr, matchErr, holdersErr, againErr, deletedErr, sinkErr error
	largest                                                                 int // holders that were read again at a time
	// during runs before each page of the directory.
	during func(page int) error
	// meanwhile runs before holders are read again.
	meanwhile func()

	items    []Item
	progress []Progress
}

func newWorld(n int) *world {
	w := &world{now: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC), page: 3}
	on := true
	w.tenant = cloudcheck.Tenant{InitialDomain: "contoso.onmicrosoft.com", SyncEnabled: &on, LastSync: w.now.Add(-10 * time.Minute),
		Verified: map[string]bool{"contoso.com": true, "contoso.onmicrosoft.com": true}}
	w.Checker = cloudcheck.New(cloudcheck.Options{Now: func() time.Time { return w.now }})
	for i := range n {
		w.add(i)
	}
	return w
}

// add makes a user that is in order on both sides.
func (w *world) add(i int) {
	upn := fmt.Sprintf("u%d@contoso.com", i)
	h := address.Holder{GUID: address.GUID{1, byte(i), byte(i >> 8)}, DN: address.DN(fmt.Sprintf("CN=u%d,OU=Unit%d,DC=contoso", i, i%2)), Kind: address.User,
		Name: fmt.Sprintf("User %d", i), UPN: upn, Nickname: fmt.Sprintf("u%d", i), Changed: w.now.Add(-48 * time.Hour),
		Values: address.Values{Mail: upn, Proxies: address.Set{address.Primary(address.Address(upn))}}}
	h.Anchor = h.GUID.Anchor()
	w.holders = append(w.holders, h)
	w.objects = append(w.objects, w.synced(h))
}

// synced is what the tenant makes of a holder.
func (w *world) synced(h address.Holder) cloudcheck.Object {
	on := true
	o := cloudcheck.Object{ID: "cloud-" + h.GUID.String(), Kind: h.Kind, Name: h.Name, UPN: h.UPN, OnPremUPN: h.UPN, Nickname: h.Nickname, SyncEnabled: &on,
		LastSync: w.now.Add(-24 * time.Hour), ImmutableID: h.Anchor, SID: h.SID, ExchangeLicensed: h.Kind == address.User}
	for range 2 { // what is calculated settles
		p := cloudcheck.PredictWith(h, h.Values, cloudcheck.Snapshot{Tenant: w.tenant, Object: &o})
		o.Mail, o.Proxies = p.Mail, p.Proxies
	}
	return o
}

func (w *world) Tenant(context.Context) (cloudcheck.Tenant, error) { return w.tenant, w.tenantErr }

func (w *world) Read(_ context.Context, progress func(int)) (Reading, error) {
	progress(len(w.objects))
	return Reading{Full: true, Objects: len(w.objects), Calls: 3}, w.readErr
}

func (w *world) Match(ctx context.Context, holders []address.Holder) ([]cloudcheck.Sighting, error) {
	found := make([]cloudcheck.Sighting, len(holders))
	for i, h := range holders {
		found[i].Object, found[i].Err = cloudcheck.Ref{Holder: h}.Match(w.objects)
	}
	return found, cmp.Or(w.matchErr, ctx.Err())
}

func (w *world) HoldersOf(_ context.Context, addrs []address.Address) ([]cloudcheck.Object, error) {
	return holdersAmong(w.objects, addrs), w.holdersErr
}

func (w *world) EachDeleted(_ context.Context, take func([]cloudcheck.Object)) error {
	for page := range slices.Chunk(w.deleted, w.page) {
		take(page)
	}
	return w.deletedErr
}

func holdersAmong(objects []cloudcheck.Object, addrs []address.Address) []cloudcheck.Object {
	var found []cloudcheck.Object
	for _, o := range objects {
		if slices.ContainsFunc(addrs, o.Holds) {
			found = append(found, o)
		}
	}
	return found
}

func (w *world) EachHolder(ctx context.Context, take func([]address.Holder) error) error {
	number := 0
	for page := range slices.Chunk(w.holders, w.page) {
		if number++; w.during != nil {
			if err := w.during(number); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return fmt.Errorf("ask: %w", ctx.Err())
		}
		if err := take(page); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) Holders(_ context.Context, ids []address.GUID) ([]address.Holder, []error) {
	if w.meanwhile != nil {
		w.meanwhile()
	}
	w.largest = max(w.largest, len(ids))
	holders, errs := make([]address.Holder, len(ids)), make([]error, len(ids))
	for i, id := range ids {
		at := slices.IndexFunc(w.holders, func(h address.Holder) bool { return h.GUID == id })
		if errs[i] = w.againErr; at < 0 {
			errs[i] = cause.Refuse(cause.UnknownHolder, "gone")
			continue
		}
		holders[i] = w.holders[at]
	}
	return holders, errs
}

func (w *world) Take(it Item) error {
	w.items = append(w.items, it)
	return w.sinkErr
}

// run audits.
func (w *world) run(ctx context.Context) (Summary, error) {
	clock := w.clock
	if clock == nil {
		clock = func() time.Time { return w.now }
	}
	return Run(ctx, Options{Directory: w, Cloud: w, Sink: w, BaseDN: "DC=contoso", Now: clock,
		Progress: func(p Progress) { w.progress = append(w.progress, p) }})
}

// audit audits and must come to the end.
func (w *world) audit(t *testing.T) Summary {
	t.Helper()
	s, err := w.run(t.Context())
	if err != nil || !s.Complete || s.Stopped != "" {
		t.Fatalf("%+v, %v", s, err)
	}
	return s
}

// found are the items in short: name, severity, code, value.
func (w *world) found() []string {
	var list []string
	for _, it := range w.items {
		list = append(list, fmt.Sprintf("%s %s %s %s", it.Name, it.Severity, it.Code, it.Value))
	}
	return list
}

// quarantine gives an address to both sides of a holder, where the cloud keeps it out.
func (w *world) quarantine(i int, a address.Address) {
	w.holders[i].Proxies = w.holders[i].Proxies.With(address.Secondary(a))
	w.objects[i].Errors = append(w.objects[i].Errors, cloudcheck.ProvisioningError{Category: "PropertyConflict", Property: "ProxyAddresses",
		Value: string(address.Secondary(a)), Occurred: w.now.Add(-time.Hour)})
}

var errBroken = errors.New("it broke")
