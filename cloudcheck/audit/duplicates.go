package audit

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// readAgain is about how many holders that may share an address are read again at a time.
const readAgain = 500

// index remembers who has which address, by hashes: 16 bytes for each address, and 16 for each holder. What it finds is
// a suspicion, since hashes collide and holders change; it is verified on the holders themselves.
type index struct {
	seed    maphash.Seed
	guids   []address.GUID // by the holders' numbers
	entries []indexEntry
}

type indexEntry struct {
	hash   uint64
	holder uint32
}

// lot are the numbers of holders that share a hash.
type lot struct {
	hash    uint64
	holders []uint32
}

func newIndex() *index { return &index{seed: maphash.MakeSeed()} }

// add notes a holder's addresses and gives it a number.
func (x *index) add(h *address.Holder) uint32 {
	number := uint32(len(x.guids))
	x.guids = append(x.guids, h.GUID)
	own := len(x.entries)
	for a := range addressesOf(h) {
		x.entries = append(x.entries, indexEntry{x.hash(a.Key()), number})
	}
	// mail and UPN are the primary as a rule.
	added := x.entries[own:]
	slices.SortFunc(added, compareEntries)
	x.entries = x.entries[:own+len(slices.Compact(added))]
	return number
}

func (x *index) hash(k address.Key) uint64 { return maphash.String(x.seed, string(k)) }

func compareEntries(a, b indexEntry) int {
	return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.holder, b.holder))
}

// addressesOf goes through the addresses in proxyAddresses, mail and UPN, each with the value that holds it.
func addressesOf(h *address.Holder) iter.Seq2[address.Address, string] {
	return func(yield func(address.Address, string) bool) {
		for _, p := range h.Proxies {
			if p.IsSMTP() && p.Address() != "" && !yield(p.Address(), string(p)) {
				return
			}
		}
		for _, bare := range []string{h.Mail, h.UPN} {
			if bare != "" && !yield(address.Address(bare), bare) {
				return
			}
		}
	}
}

// suspects gives the holders that share a hash, in the order of their numbers.
func (x *index) suspects() []lot {
	slices.SortFunc(x.entries, compareEntries)
	var lots []lot
	for from := 0; from < len(x.entries); {
		to := from + 1
		for to < len(x.entries) && x.entries[to].hash == x.entries[from].hash {
			to++
		}
		if to-from > 1 {
			l := lot{hash: x.entries[from].hash}
			for _, e := range x.entries[from:to] {
				l.holders = append(l.holders, e.holder)
			}
			lots = append(lots, l)
		}
		from = to
	}
	slices.SortFunc(lots, func(a, b lot) int { return slices.Compare(a.holders, b.holders) })
	return lots
}

// nameAllDuplicates names the addresses that two holders have.
func (r *run) nameAllDuplicates(ctx context.Context) error {
	lots := r.index.suspects()
	r.index.entries = nil
	r.pace.begin(NamingConflicts, len(lots))
	for done := 0; done < len(lots); {
		next := done
		for n := 0; next < len(lots) && (n == 0 || n+len(lots[next].holders) <= readAgain); next++ {
			n += len(lots[next].holders)
		}
		if err := r.nameDuplicates(ctx, lots[done:next]); err != nil {
			return err
		}
		done = next
		r.pace.at(done, r.counts.wrong)
	}
	return nil
}

// nameDuplicates reads some suspects again and delivers those that really share an address.
func (r *run) nameDuplicates(ctx context.Context, lots []lot) error {
	var numbers []uint32
	for _, l := range lots {
		numbers = append(numbers, l.holders...)
	}
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	again, err := r.again(ctx, numbers, "holders that may share an address")
	if err != nil {
		return err
	}
	numbers = slices.DeleteFunc(numbers, func(n uint32) bool { return again[n] == nil })
	page := make([]address.Holder, len(numbers))
	for i, n := range numbers {
		page[i] = *again[n]
	}
	sightings, err := r.Cloud.Match(ctx, page)
	if err != nil {
		return &stopped{"the copy of the tenant could not be read", err}
	}
	return r.deliverDuplicates(numbers, page, sightings, lots)
}

// deliverDuplicates delivers what holders really share; those that share nothing are told nothing.
func (r *run) deliverDuplicates(numbers []uint32, page []address.Holder, sightings []cloudcheck.Sighting, lots []lot) error {
	sharers := make(map[uint32]*sharer, len(numbers))
	for i, meant := range r.meant(page, sightings) {
		sharers[numbers[i]] = &sharer{holder: &page[i], meant: meant}
	}
	for _, l := range lots {
		r.index.shared(l, sharers)
	}
	for i, d := range r.diagnoseAll(page, sightings) {
		d.Findings = nil // they were delivered before
		d.Add(sharers[numbers[i]].findings...)
		if err := r.deliver(numbers[i], &d); err != nil {
			return err
		}
	}
	return nil
}

// again reads holders by their numbers; what they are is for the error. Those that are gone meanwhile are left out.
func (r *run) again(ctx context.Context, numbers []uint32, what string) (map[uint32]*address.Holder, error) {
	ids := make([]address.GUID, len(numbers))
	for i, n := range numbers {
		ids[i] = r.index.guids[n]
	}
	read, errs := r.Directory.Holders(ctx, ids)
	holders := make(map[uint32]*address.Holder, len(numbers))
	for i, n := range numbers {
		if known, ok := cause.As(errs[i]); ok && known.Cause.Code == cause.UnknownHolder {
			continue
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("read holders again: %w", context.Cause(ctx))
		}
		if errs[i] != nil {
			return nil, &stopped{what + " could not be read again", errs[i]}
		}
		holders[n] = &read[i]
	}
	return holders, nil
}

// sharer is a holder that may share addresses with others.
type sharer struct {
	holder *address.Holder
	// meant says that it is in the tenant, or ought to be.
	meant    bool
	findings []cloudcheck.Finding
}

// share is one of several that share an address, with the value in which it does.
type share struct {
	*sharer
	value string
}

// shared adds a finding for each address of a lot that two holders have, to both; each is shown one other.
func (x *index) shared(l lot, among map[uint32]*sharer) {
	byKey := map[address.Key][]share{}
	for _, n := range l.holders {
		s := among[n]
		if s == nil {
			continue
		}
		for a, value := range addressesOf(s.holder) {
			k := a.Key()
			those := byKey[k]
			if x.hash(k) == l.hash && (len(those) == 0 || those[len(those)-1].sharer != s) {
				byKey[k] = append(those, share{s, value})
			}
		}
	}
	for _, those := range byKey {
		tellSharers(those)
	}
}

// tellSharers tells each of those that share an address of one other. Among those that are meant to be in the tenant that is
// wrong; what stands on-premises alone is in nobody's way.
func tellSharers(those []share) {
	meant := slices.DeleteFunc(slices.Clone(those), func(s share) bool { return !s.meant })
	for i, s := range meant {
		if other := meant[(i+1)%len(meant)]; other.sharer != s.sharer {
			s.findings = append(s.findings, cloudcheck.DuplicateOnPremises(address.Bare(s.value), conflictOf(other.holder, other.value)))
		}
	}
	for i, s := range those {
		if other := those[(i+1)%len(those)]; other.sharer != s.sharer && (!s.meant || len(meant) == 1) {
			s.findings = append(s.findings, cloudcheck.HarmlessDuplicate(address.Bare(s.value), conflictOf(other.holder, other.value)))
		}
	}
}

func conflictOf(h *address.Holder, value string) cause.Conflict {
	return cause.Conflict{Kind: string(h.Kind), ID: h.GUID.String(), Name: cmp.Or(h.Name, h.UPN, string(h.DN)), Address: value}
}
