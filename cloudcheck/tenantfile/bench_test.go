package tenantfile

import (
	"context"
	"fmt"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
)

// benchObjects is how many users the benches read.
const benchObjects = 100_000

// crowd gives many users with three addresses each, in pages of 999.
func crowd(_ context.Context, take func([]cloudcheck.Object) error) error {
	for from := 0; from < benchObjects; from += 999 {
		var page []cloudcheck.Object
		for n := from; n < min(from+999, benchObjects); n++ {
			page = append(page, user(n, fmt.Sprintf("first.last%d@contoso.com", n), fmt.Sprintf("alias%d@contoso.com", n), fmt.Sprintf("m%d@contoso.onmicrosoft.com", n)))
		}
		if err := take(page); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkRead reads the users into a file; "nothing" is what making them costs.
func BenchmarkRead(b *testing.B) {
	b.Run("nothing", func(b *testing.B) {
		for b.Loop() {
			must(b, crowd(b.Context(), func([]cloudcheck.Object) error { return nil }))
		}
	})
	b.Run("file", func(b *testing.B) {
		for b.Loop() {
			f := newFile(b)
			if must(b, f.Read(b.Context(), source(crowd), func(int) {})); f.Objects() != benchObjects {
				b.Fatalf("%d objects", f.Objects())
			}
			b.ReportMetric(float64(f.begins[benchObjects])/1e6, "MB-file")
			must(b, f.Close())
		}
	})
}

// BenchmarkMatch matches all of them in pages of 1,000: by the anchor, and where the tenant has another one.
func BenchmarkMatch(b *testing.B) {
	f := read(b, source(crowd))
	for what, anchor := range map[string]string{"anchor": "anchor", "SID": "another"} {
		b.Run(what, func(b *testing.B) {
			for b.Loop() {
				matchAll(b, f, anchor)
			}
		})
	}
}

func matchAll(b *testing.B, f *File, anchor string) {
	for from := 0; from < benchObjects; from += 1000 {
		holders := make([]address.Holder, 1000)
		for i := range holders {
			holders[i] = address.Holder{Kind: address.User, Anchor: fmt.Sprintf("%s%d==", anchor, from+i), SID: fmt.Sprintf("S-1-5-%d", from+i)}
		}
		found, err := f.Match(b.Context(), holders)
		if err != nil || found[999].Object == nil {
			b.Fatal(err)
		}
	}
}
