package audit

import (
	"context"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/cloudcheck/hashindex"
)

// readAgain is about how many holders that may share an address are read again at a time.
const readAgain = 500

// index remembers who has which address, by hashes: 8 bytes for each address, and 16 for each holder. What it finds is
// a suspicion, since hashes collide and holders change; it is verified on the holders themselves.
type index struct {
	seed      maphash.Seed
	guids     []address.GUID  // by the holders' numbers
	addresses hashindex.Index // the holders' numbers by their addresses
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
	var hashes []uint64
	for a := range addressesOf(h) {
		hashes = append(hashes, x.hash(a.Key()))
	}
	slices.Sort(hashes)
	for _, hash := range slices.Compact(hashes) { // mail and UPN are the primary as a rule
		x.addresses.Add(hash, number)
	}
	return number
}

func (x *index) hash(k address.Key) uint64 {
	return maphash.String(x.seed, string(k)) >> (64 - hashindex.Bits)
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
	x.addresses.Sort()
	var lots []lot
	for hash, holders := range x.addresses.Shared() {
		lots = append(lots, lot{hash, holders})
	}
	slices.SortFunc(lots, func(a, b lot) int { return slices.Compare(a.holders, b.holders) })
	return lots
}

// nameAllDuplicates names the addresses that two holders have.
func (r *run) nameAllDuplicates(ctx context.Context) error {
	lots := r.index.suspects()
	r.index.addresses = hashindex.Index{}
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

// nameDuplicates reads some suspects again and delivers those that really share an address. Where one address makes too many
// of them, they are read in parts, and a second time to be delivered: of those that wait only the names are kept.
func (r *run) nameDuplicates(ctx context.Context, lots []lot) error {
	numbers, s := r.index.sharingOf(lots)
	var last suspects
	for some := range slices.Chunk(numbers, readAgain) {
		var err error
		if last, err = r.readSuspects(ctx, some); err != nil {
			return err
		}
		for i, meant := range r.meant(last.page, last.sightings) {
			s.learn(last.numbers[i], &last.page[i], meant)
		}
	}
	s.tell()
	if len(numbers) <= readAgain {
		return r.deliverDuplicates(last, s)
	}
	for some := range slices.Chunk(s.told(numbers), readAgain) {
		again, err := r.readSuspects(ctx, some)
		if err != nil {
			return err
		}
		if err := r.deliverDuplicates(again, s); err != nil {
			return err
		}
	}
	return nil
}

// suspects are holders that were read again, by their numbers, and what they are in the tenant.
type suspects struct {
	numbers   []uint32
	page      []address.Holder
	sightings []cloudcheck.Sighting
}

func (r *run) readSuspects(ctx context.Context, numbers []uint32) (s suspects, err error) {
	again, err := r.again(ctx, numbers, "holders that may share an address")
	if err != nil {
		return s, err
	}
	for _, n := range numbers {
		if h := again[n]; h != nil {
			s.numbers, s.page = append(s.numbers, n), append(s.page, *h)
		}
	}
	s.sightings, err = r.match(ctx, s.page)
	return s, err
}

// deliverDuplicates delivers what holders really share; those that share nothing are told nothing.
func (r *run) deliverDuplicates(those suspects, s *sharing) error {
	for i, d := range r.diagnoseAll(those.page, those.sightings) {
		d.Findings = nil // they were delivered before
		d.Add(s.sharers[those.numbers[i]].findings...)
		if err := r.deliver(those.numbers[i], &d); err != nil {
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
