package cloudcheck

import "testing"

// BenchmarkDiagnose is what an audit pays for each holder. In order: the usual one; wrong: a value that does not show.
func BenchmarkDiagnose(b *testing.B) {
	for name, change := range map[string]func(*world){"in order": func(*world) {}, "wrong": (*world).arriving} {
		b.Run(name, func(b *testing.B) {
			w := newWorld()
			w.settle()
			change(w)
			c := w.checker()
			b.ReportAllocs()
			for b.Loop() {
				c.Diagnose(w.c.Ref.Holder, w.fake.tenant, w.object)
			}
		})
	}
}
