package server

import (
	"net/http"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aliasd/aliasd/server/token"
)

// clock is a clock that a test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newClock() *clock { return &clock{at: time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)} }

func TestKeyedHoldsTheRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		perSecond, burst := rapid.IntRange(1, 50).Draw(t, "rate"), rapid.IntRange(1, 100).Draw(t, "burst")
		k := newKeyed[string](float64(perSecond), burst, 3, c.now)
		passed, began := 0, c.at
		for range rapid.IntRange(1, 300).Draw(t, "calls") {
			wait := k.take("a")
			if wait == 0 {
				passed++
			} else if wait > time.Second/time.Duration(perSecond)+time.Millisecond {
				t.Fatalf("has to wait %v for one call of %d a second", wait, perSecond)
			}
			c.at = c.at.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "pause")) * time.Millisecond)
		}
		if most := float64(burst) + c.at.Sub(began).Seconds()*float64(perSecond) + 1; float64(passed) > most {
			t.Fatalf("%d calls in %v, want %v at most", passed, c.at.Sub(began), most)
		}
	})
}

// TestWaitIsEnough: who waits as long as he is told passes.
func TestWaitIsEnough(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := newKeyed[string](3, 2, 10, c.now)
	for range 50 {
		wait := k.take("a")
		if asked := k.wait("a"); wait > 0 && asked != wait {
			t.Fatalf("take says %v, wait %v", wait, asked)
		}
		if wait == 0 {
			continue
		}
		c.at = c.at.Add(wait)
		if again := k.take("a"); again > 0 {
			t.Fatalf("after %v it is %v more", wait, again)
		}
	}
	if k.take("b") > 0 {
		t.Error("another one has to wait too")
	}
}

// TestKeyedIsBounded: a million addresses take no more memory than a few, and none of them more than its share; those that
// are quiet again make room.
func TestKeyedIsBounded(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := newKeyed[int](1, 5, 100, c.now)
	passed := 0
	for i := range 100_000 {
		if k.take(i) == 0 {
			passed++
		}
	}
	if len(k.each) != 100 || passed != 105 {
		t.Errorf("%d buckets, %d calls passed; want 100 and 100+5", len(k.each), passed)
	}
	if k.wait(99_999) == 0 {
		t.Error("one beyond the bound need not wait")
	}
	c.at = c.at.Add(10 * time.Second)
	if k.take(-1) != 0 || len(k.each) != 1 {
		t.Errorf("%d buckets after a pause", len(k.each))
	}
}

func TestKeyedWithoutARate(t *testing.T) {
	t.Parallel()
	k := newKeyed[int](0, 0, 1, newClock().now)
	for i := range 1000 {
		if k.take(i%3) > 0 || k.wait(i) > 0 {
			t.Fatal("is bounded")
		}
	}
	if len(k.each) > 0 {
		t.Error("remembers")
	}
}

// TestKnownTokensAreBounded: guesses are never remembered, and who was let in stays so within a bound.
func TestKnownTokensAreBounded(t *testing.T) {
	t.Parallel()
	m := newMeters(Rates{Reads: 1, Writes: 1, Strangers: 1}, newClock().now)
	for range 3 * maxKnown {
		m.learn(token.New().Hash(), token.ErrUnknown)
	}
	if len(m.known) != 0 {
		t.Errorf("%d guesses are remembered", len(m.known))
	}
	for range maxKnown + 10 {
		m.learn(token.New().Hash(), nil)
	}
	if len(m.known) != maxKnown {
		t.Errorf("%d tokens are remembered", len(m.known))
	}
}

func TestRemote(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.7:1": "192.0.2.7/32", "[2001:db8:1:2:3:4:5:6]:80": "2001:db8:1:2::/64", "[::ffff:192.0.2.7]:1": "192.0.2.7/32",
		"[fe80::1%eth0]:1": "fe80::/64",
	} {
		if got := remote(&http.Request{RemoteAddr: address}); got.String() != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
	for _, address := range []string{"", "@", "pipe", "1.2.3.4"} {
		if got := remote(&http.Request{RemoteAddr: address}); got != (netip.Prefix{}) {
			t.Errorf("%q: %s", address, got)
		}
	}
}
