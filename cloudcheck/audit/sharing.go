package audit

import (
	"slices"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// sharing is who of some holders shares which addresses.
type sharing struct {
	index   *index
	hashes  map[uint64]bool
	sharers map[uint32]*sharer
	byKey   map[address.Key][]share
}

// sharer is a holder that may share addresses with others, as far as it is to be named.
type sharer struct {
	named cause.Conflict // without an address
	// meant says that it is in the tenant, or ought to be.
	meant    bool
	findings []cloudcheck.Finding
}

// share is one of several that share an address, with the value in which it does.
type share struct {
	*sharer
	value string
}

func (s share) conflict() cause.Conflict {
	c := s.named
	c.Address = s.value
	return c
}

// sharingOf gives the numbers of the holders in some lots, sorted, and what is known of them: nothing yet.
func (x *index) sharingOf(lots []lot) ([]uint32, *sharing) {
	s := &sharing{index: x, hashes: map[uint64]bool{}, sharers: map[uint32]*sharer{}, byKey: map[address.Key][]share{}}
	var numbers []uint32
	for _, l := range lots {
		s.hashes[l.hash] = true
		numbers = append(numbers, l.holders...)
	}
	slices.Sort(numbers)
	return slices.Compact(numbers), s
}

// learn notes which of the addresses in question a holder really has. They come in the order of their numbers.
func (s *sharing) learn(number uint32, h *address.Holder, meant bool) {
	one := &sharer{named: cause.Conflict{Kind: string(h.Kind), ID: h.GUID.String(), Name: h.Called()}, meant: meant}
	s.sharers[number] = one
	for a, value := range addressesOf(h) {
		k := a.Key()
		those := s.byKey[k]
		if s.hashes[s.index.hash(k)] && (len(those) == 0 || those[len(those)-1].sharer != one) {
			s.byKey[k] = append(those, share{one, value})
		}
	}
}

// tell adds a finding for each address that two holders have, to both; each is shown one other.
func (s *sharing) tell() {
	for _, those := range s.byKey {
		tellSharers(those)
	}
}

// told are those of the numbers about whom something was found.
func (s *sharing) told(numbers []uint32) []uint32 {
	return slices.DeleteFunc(slices.Clone(numbers), func(n uint32) bool { return s.sharers[n] == nil || len(s.sharers[n].findings) == 0 })
}

// tellSharers tells each of those that share an address of one other. Among those that are meant to be in the tenant that is
// wrong; what stands on-premises alone is in nobody's way.
func tellSharers(those []share) {
	meant := slices.DeleteFunc(slices.Clone(those), func(s share) bool { return !s.meant })
	for i, s := range meant {
		if other := meant[(i+1)%len(meant)]; other.sharer != s.sharer {
			s.findings = append(s.findings, cloudcheck.DuplicateOnPremises(address.Bare(s.value), other.conflict()))
		}
	}
	for i, s := range those {
		if other := those[(i+1)%len(those)]; other.sharer != s.sharer && (!s.meant || len(meant) == 1) {
			s.findings = append(s.findings, cloudcheck.HarmlessDuplicate(address.Bare(s.value), other.conflict()))
		}
	}
}
