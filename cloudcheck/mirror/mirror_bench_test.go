package mirror

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
)

// benchObjects is how many users the benches copy.
const benchObjects = 100_000

// big is a tenant of many users with three addresses each, read in pages of 999.
type big struct{ *world }

func (big) EachObject(_ context.Context, take func([]cloudcheck.Object) error) error {
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

// BenchmarkWhole copies the tenant; "nothing" is what making the objects costs.
func BenchmarkWhole(b *testing.B) {
	source := big{newWorld()}
	b.Run("nothing", func(b *testing.B) {
		for b.Loop() {
			must(b, source.EachObject(b.Context(), func([]cloudcheck.Object) error { return nil }))
		}
	})
	b.Run("copy", func(b *testing.B) {
		for b.Loop() {
			c := newCopy(b, b.TempDir())
			if r, err := c.Refresh(b.Context(), source, func(int) {}); err != nil || r.Objects != benchObjects {
				b.Fatalf("%+v, %v", r, err)
			}
		}
	})
}

// BenchmarkMatch matches all of them in pages of 1,000: by the anchor, and where the tenant has another one.
func BenchmarkMatch(b *testing.B) {
	c := newCopy(b, b.TempDir())
	if _, err := c.Refresh(b.Context(), big{newWorld()}, func(int) {}); err != nil {
		b.Fatal(err)
	}
	for what, anchor := range map[string]string{"anchor": "anchor", "SID": "another"} {
		b.Run(what, func(b *testing.B) {
			if info, err := os.Stat(c.options.Path); err == nil {
				b.ReportMetric(float64(info.Size())/1e6, "MB-file")
			}
			for b.Loop() {
				matchAll(b, c, anchor)
			}
		})
	}
}

func matchAll(b *testing.B, c *copied, anchor string) {
	for from := 0; from < benchObjects; from += 1000 {
		holders := make([]address.Holder, 1000)
		for i := range holders {
			holders[i] = address.Holder{Kind: address.User, Anchor: fmt.Sprintf("%s%d==", anchor, from+i), SID: fmt.Sprintf("S-1-5-%d", from+i)}
		}
		found, err := c.Match(b.Context(), holders)
		if err != nil || found[999].Object == nil {
			b.Fatal(err)
		}
	}
}
