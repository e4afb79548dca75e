package ldapwriter

import (
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
)

// A receipt that was noted by a clock which was days ahead keeps no DC waiting for that jump; one of a clock that was a little ahead does, as
// long as a replication takes.
func TestBehindAfterAClockWasSetBack(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	here := Entry{DC: "dc1", Holder: address.Holder{Values: address.Values{Proxies: address.Set{"smtp:A@x"}}}} // replicated, and edited since
	for ahead, waits := range map[time.Duration]bool{10 * 24 * time.Hour: false, 2 * time.Hour: false, time.Hour: true, 0: true, -time.Hour: false} {
		prior := Prior{Receipts: []Receipt{{DC: "dc2", At: now.Add(ahead), Change: address.Change{Add: []address.Proxy{"smtp:a@x"}},
			After: address.Values{Proxies: address.Set{"smtp:a@x"}}}}}
		if got := prior.Behind(here, now, func(a, b string) bool { return a == b }) != nil; got != waits {
			t.Errorf("noted %s ahead: it waits %v, want %v", ahead, got, waits)
		}
	}
}
