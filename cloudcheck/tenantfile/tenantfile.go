package tenantfile

import (
	"context"
	"slices"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
)

// Match finds which object of the tenant each holder is, as cloudcheck.Ref.Match decides. The answers stand in the order of
// holders; Err is set where it cannot be decided for that one.
func (f *File) Match(ctx context.Context, holders []address.Holder) ([]cloudcheck.Sighting, error) {
	sightings := make([]cloudcheck.Sighting, len(holders))
	for i, h := range holders {
		if err := f.match(h, &sightings[i]); err != nil {
			return nil, f.explain(ctx, err)
		}
	}
	return sightings, f.explain(ctx, ctx.Err())
}

// match looks for a holder under its usual keys, and under the others where those lead to nobody.
func (f *File) match(h address.Holder, found *cloudcheck.Sighting) error {
	for _, keys := range [][]key{f.keysOfHolder(h), f.otherKeysOfHolder(h)} {
		candidates, err := f.find(keys)
		if err != nil {
			return err
		}
		candidates = slices.DeleteFunc(candidates, func(o cloudcheck.Object) bool { return o.Kind != h.Kind })
		found.Object, found.Err = cloudcheck.Ref{Holder: h}.Match(candidates)
		if found.Object != nil || found.Err != nil {
			return nil
		}
	}
	return nil
}

// HoldersOf finds the objects that hold any of the addresses, each once: as proxy address, mail or UPN.
func (f *File) HoldersOf(ctx context.Context, addrs []address.Address) ([]cloudcheck.Object, error) {
	keys := make([]key, len(addrs))
	for i, a := range addrs {
		keys[i] = f.keyOfAddress(a)
	}
	found, err := f.find(keys)
	if err != nil {
		return nil, f.explain(ctx, err)
	}
	return slices.DeleteFunc(found, func(o cloudcheck.Object) bool { return !slices.ContainsFunc(addrs, o.Holds) }), f.explain(ctx, ctx.Err())
}

// find gives the objects that have any of the keys, each once, in the order in which they were read. Keys are hashes:
// whether an object has the value itself is for the caller to see.
func (f *File) find(keys []key) ([]cloudcheck.Object, error) {
	var numbers []uint32
	for _, k := range keys {
		numbers = f.keys.Numbers(numbers, uint64(k))
	}
	slices.Sort(numbers)
	var found []cloudcheck.Object
	var body []byte
	for _, n := range slices.Compact(numbers) {
		size := int(f.begins[n+1] - f.begins[n])
		body = slices.Grow(body[:0], size)[:size]
		if _, err := f.file.ReadAt(body, f.begins[n]); err != nil {
			return nil, err
		}
		o, err := decode(body)
		if err != nil {
			return nil, err
		}
		found = append(found, o)
	}
	return found, nil
}
