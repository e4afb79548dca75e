package hashindex

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestIndexIsAMap: whatever is added, the index answers as a map of lists does.
func TestIndexIsAMap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		hash := rapid.SampledFrom([]uint64{0, 1, 1 << 31, 1 << 32, 1<<32 + 1, 1<<Bits - 1, 1<<Bits - 2})
		var x Index
		want := map[uint64][]uint32{}
		for range rapid.IntRange(0, 12).Draw(rt, "entries") {
			h, n := hash.Draw(rt, "hash"), rapid.Uint32Range(0, 3).Draw(rt, "number")
			x.Add(h, n)
			want[h] = append(want[h], n)
		}
		x.Sort()
		shared := map[uint64][]uint32{}
		for h, numbers := range want {
			slices.Sort(numbers)
			if got := x.Numbers(nil, h); !slices.Equal(got, numbers) {
				rt.Fatalf("%x: %v, want %v", h, got, numbers)
			}
			if len(numbers) > 1 {
				shared[h] = numbers
			}
		}
		if got := x.Numbers(nil, 7); len(got) > 0 {
			rt.Fatalf("nobody has 7, and found are %v", got)
		}
		if got := maps.Collect(x.Shared()); !maps.EqualFunc(got, shared, slices.Equal) {
			rt.Fatalf("shared are %v, want %v", got, shared)
		}
	})
}

// TestSharedStops where the caller has enough.
func TestSharedStops(t *testing.T) {
	t.Parallel()
	var x Index
	for _, h := range []uint64{1, 1, 2, 2, 1 << 36, 1 << 36} {
		x.Add(h, 0)
	}
	x.Sort()
	times := 0
	for range x.Shared() {
		if times++; times == 2 {
			break
		}
	}
	if times != 2 {
		t.Errorf("%d times", times)
	}
}
