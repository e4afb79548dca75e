// Package hashindex remembers in little memory which numbered things have which hash: 8 bytes for each. Hashes collide, so
// what it finds is a suspicion that the caller looks into. It keeps nothing but hashes and numbers.
package hashindex

import (
	"iter"
	"slices"
)

// Bits is how long a hash is: of 600,000 random ones, one in two million is that of something else too.
const Bits = 40

// Index holds hashes of so many Bits and the numbers of the things that have them. The zero value is empty. First everything is
// added, then it is sorted, then it is asked; asking may be concurrent.
type Index struct {
	// lists are the entries by the first byte of their hashes: short lists grow and are sorted with less memory than a long one,
	// which is copied whole each time that it grows.
	lists [256][]entry
}

// entry is the rest of a hash, and a number behind it.
type entry uint64

func newEntry(hash uint64, number uint32) entry { return entry(hash<<32 | uint64(number)) }

// Add notes that a thing has a hash.
func (x *Index) Add(hash uint64, number uint32) {
	list := &x.lists[byte(hash>>32)]
	*list = append(*list, newEntry(hash, number))
}

// Sort makes the index ready to be asked.
func (x *Index) Sort() {
	for _, list := range x.lists {
		slices.Sort(list)
	}
}

// Numbers appends the numbers of those that have a hash, in their order.
func (x *Index) Numbers(to []uint32, hash uint64) []uint32 {
	list := x.lists[byte(hash>>32)]
	at, _ := slices.BinarySearch(list, newEntry(hash, 0))
	for ; at < len(list) && list[at]>>32 == newEntry(hash, 0)>>32; at++ {
		to = append(to, uint32(list[at]))
	}
	return to
}

// Shared goes through the hashes that several entries have, each with the numbers in their order.
func (x *Index) Shared() iter.Seq2[uint64, []uint32] {
	return func(yield func(uint64, []uint32) bool) {
		for first, list := range x.lists {
			for from := 0; from < len(list); {
				to := from + 1
				for to < len(list) && list[to]>>32 == list[from]>>32 {
					to++
				}
				if hash := uint64(first)<<32 | uint64(list[from]>>32); to-from > 1 && !yield(hash, x.Numbers(nil, hash)) {
					return
				}
				from = to
			}
		}
	}
}
