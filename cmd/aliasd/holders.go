package main

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// sidePatience is how long one side may take to explain a holder: below the server's limit for a call, so that the other
// side is shown in any case.
const sidePatience = 20 * time.Second

// requestList lists requests; the store does.
type requestList interface {
	List(ctx context.Context, f queue.Filter) (page []queue.Request, next string, err error)
}

// holders shows one holder on both sides.
type holders struct {
	directory *ldapwriter.Directory
	cloud     *explainCache
	checker   *cloudcheck.Checker
	requests  requestList
}

var _ server.Holders = (*holders)(nil)

// Show looks at the directory and the cloud side by side. Only a holder that is not found, and a store that cannot be
// read, are errors.
func (h *holders) Show(ctx context.Context, identity string) (server.HolderView, error) {
	entry, err := h.directory.Find(ctx, identity)
	if err != nil {
		return server.HolderView{}, err
	}
	facts := server.HolderFacts{}
	if facts.Requests, err = h.open(ctx, entry.GUID); err != nil {
		return server.HolderView{}, err
	}
	limited, stop := context.WithTimeout(ctx, sidePatience)
	defer stop()
	var sides sync.WaitGroup
	var duplicates []cloudcheck.Finding
	sides.Go(func() { duplicates, facts.DuplicatesUnknown = h.duplicates(limited, entry.Holder) })
	var explained cloudcheck.Explanation
	sides.Go(func() {
		explained, facts.Tenant, facts.Away = h.compare(limited, refOf(entry.Holder, facts.Requests))
	})
	sides.Wait()
	twins := h.twins(limited, duplicates)
	facts.CloudIDs = cloudIDs(twins, explained)
	if facts.Tenant != nil {
		duplicates = h.weigh(limited, duplicates, twins, explained)
	}
	facts.Diagnosis = explained.Diagnosis
	facts.Diagnosis.Add(duplicates...)
	return server.HolderViewOf(facts), nil
}

// compare asks the cloud, and says what can be said without it where it is away.
func (h *holders) compare(ctx context.Context, holder cloudcheck.Ref) (cloudcheck.Explanation, *cloudcheck.Tenant, *cause.Cause) {
	x, err := h.cloud.of(ctx, holder)
	if err != nil {
		return cloudcheck.Explanation{Diagnosis: cloudcheck.DiagnoseOnPremises(holder.Holder)}, nil, causeOf(err, cause.CloudUnavailable)
	}
	return x, &x.Tenant, nil
}

// twins reads the holders that duplicates name, by objectGUID in words. One that cannot be read, or is no holder, is left out.
func (h *holders) twins(ctx context.Context, duplicates []cloudcheck.Finding) map[string]address.Holder {
	var guids []address.GUID
	for _, f := range duplicates {
		if guid, err := address.ParseGUID(f.Conflict.ID); err == nil && !slices.Contains(guids, guid) {
			guids = append(guids, guid)
		}
	}
	twins := map[string]address.Holder{}
	if len(guids) == 0 {
		return twins
	}
	entries, errs := h.directory.ReadAll(ctx, guids)
	for i, entry := range entries {
		if errs[i] == nil {
			twins[guids[i].String()] = entry.Holder
		}
	}
	return twins
}

// cloudIDs finds out which of the twins are the very objects that stand in the way in the cloud: their ids there, by objectGUID. One
// that cannot be told is left out; it is shown as what it is on its own side.
func cloudIDs(twins map[string]address.Holder, x cloudcheck.Explanation) map[string]string {
	ids := map[string]string{}
	for guid, twin := range twins {
		if id := x.CloudIDOf(twin); id != "" {
			ids[guid] = id
		}
	}
	return ids
}

// weigh says of duplicates with whom the holder does not meet in the tenant that they are worth knowing and no more, as an audit does. Of
// a holder that the tenant lacks and ought to have, they may be the reason.
func (h *holders) weigh(ctx context.Context, duplicates []cloudcheck.Finding, twins map[string]address.Holder, x cloudcheck.Explanation) []cloudcheck.Finding {
	guids := slices.Sorted(maps.Keys(twins))
	others := make([]address.Holder, len(guids))
	for i, guid := range guids {
		others[i] = twins[guid]
	}
	unsynced := h.checker.Unsynced(ctx, x.Tenant, others)
	absent := x.Diagnosis.Object == nil
	leftOut := absent && cloudcheck.LeftOut(x.Diagnosis.Holder) != ""
	for i, f := range duplicates {
		at, known := slices.BinarySearch(guids, f.Conflict.ID)
		switch {
		case leftOut:
			duplicates[i] = cloudcheck.HarmlessDuplicate(address.Address(f.Value), *f.Conflict)
		case known && unsynced[at] && !absent:
			duplicates[i] = cloudcheck.UnsyncedDuplicate(address.Address(f.Value), *f.Conflict)
		}
	}
	return duplicates
}

// refOf names a holder with what its open requests know of it.
func refOf(holder address.Holder, open []queue.Request) cloudcheck.Ref {
	ref := cloudcheck.Ref{Holder: holder}
	for _, q := range open {
		ref.CloudID = cmp.Or(ref.CloudID, q.CloudID)
		if q.Receipt != nil {
			ref.Before = append(ref.Before, q.Receipt.Before)
		}
	}
	return ref
}

// duplicates finds other objects of the forest that hold one of the holder's addresses.
func (h *holders) duplicates(ctx context.Context, holder address.Holder) ([]cloudcheck.Finding, *cause.Cause) {
	addrs := addressesOf(holder)
	others, err := h.directory.HoldersOf(ctx, addrs, holder.GUID)
	if err != nil {
		return nil, causeOf(err, cause.DirectoryUnavailable)
	}
	var found []cloudcheck.Finding
	for _, other := range others {
		found = append(found, cloudcheck.DuplicateOnPremises(address.Bare(other.Address), other))
	}
	return found, nil
}

// addressesOf are all addresses of a holder, each once.
func addressesOf(h address.Holder) []address.Address {
	var addrs []address.Address
	for _, p := range h.Proxies.SMTP() {
		addrs = append(addrs, p.Address())
	}
	addrs = append(addrs, address.Address(h.Mail), address.Address(h.UPN))
	seen := map[address.Key]bool{"": true}
	return slices.DeleteFunc(addrs, func(a address.Address) bool {
		before := seen[a.Key()]
		seen[a.Key()] = true
		return before
	})
}

// open lists the holder's requests that are not final, newest first.
func (h *holders) open(ctx context.Context, id address.GUID) ([]queue.Request, error) {
	var open []queue.Request
	for _, state := range queue.States() {
		if !state.Open() {
			continue
		}
		page, _, err := h.requests.List(ctx, queue.Filter{State: state, Holder: id.String()})
		if err != nil {
			return nil, err
		}
		open = append(open, page...)
	}
	slices.SortStableFunc(open, func(a, b queue.Request) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return open, nil
}

// causeOf is the public cause of an error; one that has none gets a sentence of its own.
func causeOf(err error, fallback cause.Code) *cause.Cause {
	if e, ok := cause.As(err); ok {
		return &e.Cause
	}
	return &cause.Cause{Code: fallback, Message: "it could not be asked; try again, and look at the daemon's log"}
}
