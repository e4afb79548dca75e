package cloudcheck

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aliasd/aliasd/address"
)

// TestVerifiedNeedsEvidence: whatever both sides show, a case is verified exactly when a model that knows nothing of the
// code says that the evidence is there.
func TestVerifiedNeedsEvidence(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		drawCase(t, w)
		r := rule(w.c, w.fake.tenant, Sighting{Object: w.object}, w.now, timing{cycle: 30 * time.Minute, grace: 30 * time.Minute})
		want := modelSaysVerified(w)
		if (r.Outcome == Verified) != want {
			t.Fatalf("%s (%+v), the model says verified=%v\ncase %+v\nobject %+v", r.Outcome, r.Cause, want, w.c, w.object)
		}
		if (r.Cause == nil) != (r.Outcome == Verified) {
			t.Fatalf("%s with the cause %+v", r.Outcome, r.Cause)
		}
		if r.Outcome == Contradicted && r.Cause.Code != "deadline" && !syncedSince(w) {
			t.Fatalf("%s is told although no sync ran since the write", r.Cause.Code)
		}
	})
}

func drawCase(t *rapid.T, w *world) {
	addrs := []string{"a@contoso.com", "b@contoso.com", "jdoe@contoso.com"}
	value := rapid.Custom(func(t *rapid.T) address.Proxy {
		return address.Proxy(rapid.SampledFrom([]string{"SMTP:", "smtp:", "Smtp:", "SIP:"}).Draw(t, "type") +
			rapid.SampledFrom(append(addrs, "A@Contoso.com")).Draw(t, "of"))
	})
	values := rapid.Custom(func(t *rapid.T) address.Values {
		return address.Values{Mail: rapid.SampledFrom(append(addrs, "")).Draw(t, "mail"),
			Proxies: rapid.SliceOfNDistinct(value, 0, 4, rapid.ID).Draw(t, "proxies")}
	})
	want := rapid.Custom(func(t *rapid.T) address.Want {
		return address.Want{Address: address.Address(rapid.SampledFrom(addrs).Draw(t, "wants")),
			Role: rapid.SampledFrom([]address.Role{address.RoleAbsent, address.RolePresent, address.RolePrimary, address.RoleSecondary}).Draw(t, "role")}
	})
	w.c.Expectation.Wants = rapid.SliceOfN(want, 0, 3).Draw(t, "expectation")
	w.c.Expectation.ShownAtWrite = rapid.Bool().Draw(t, "shown")
	w.c.After = values.Draw(t, "after")
	w.c.Ref.Holder.Values = rapid.OneOf(rapid.Just(w.c.After), values).Draw(t, "now")
	w.object.Values = rapid.OneOf(rapid.Just(w.c.After), values).Draw(t, "cloud")
	w.object.ExchangeLicensed = rapid.Bool().Draw(t, "licensed")
	w.c.SyncMoves = rapid.IntRange(0, 3).Draw(t, "moves")
	w.fake.tenant.LastSync = rapid.SampledFrom([]time.Time{{}, before(), first(), second()}).Draw(t, "sync")
	w.now = rapid.SampledFrom([]time.Time{written(), second(), deadline().Add(time.Hour)}).Draw(t, "at")
	if rapid.IntRange(0, 9).Draw(t, "directory") == 0 {
		w.c.OnPremErr = errors.New("away")
	}
	if rapid.IntRange(0, 9).Draw(t, "cloud") == 0 {
		w.object = nil
	}
}

// syncedSince knows the two stamps that can tell.
func syncedSince(w *world) bool {
	return w.fake.tenant.LastSync.Unix() > written().Unix() || w.object != nil && w.object.LastSync.Unix() > written().Unix()
}

func modelSaysVerified(w *world) bool {
	if w.c.OnPremErr != nil || w.object == nil && w.c.Ref.CloudID != "" {
		return false
	}
	for _, want := range w.c.Expectation.Wants {
		if !modelCloud(w.object, want) {
			return false
		}
		if modelDirectory(w.c.After, want) && !modelDirectory(w.c.Ref.Holder.Values, want) {
			return false
		}
	}
	moves := w.c.SyncMoves
	if w.fake.tenant.LastSync.After(w.c.LastSyncSeen) {
		moves++ // every later stamp of the test lies after the write
	}
	if w.c.Expectation.ShownAtWrite {
		return moves >= 2
	}
	sync := w.fake.tenant.LastSync
	return moves > 0 || syncedSince(w) || sync.IsZero() || sync.After(w.c.Expectation.SyncAtWrite)
}

func modelCloud(o *Object, w address.Want) bool {
	if o == nil {
		return w.Role == "absent"
	}
	if w.Role == "primary" && !strings.EqualFold(o.Mail, string(w.Address)) {
		return false
	}
	return modelRole(o.Proxies, w)
}

func modelDirectory(v address.Values, w address.Want) bool {
	hasSMTP := slices.ContainsFunc(v.Proxies, func(p address.Proxy) bool { return strings.HasPrefix(strings.ToLower(string(p)), "smtp:") })
	if hasSMTP {
		return modelRole(v.Proxies, w)
	}
	switch isMail := strings.EqualFold(v.Mail, string(w.Address)); w.Role {
	case "absent":
		return !isMail
	case "secondary":
		return false
	default:
		return isMail
	}
}

func modelRole(s address.Set, w address.Want) bool {
	var upper, lower, any bool
	for _, p := range s {
		prefix, rest, _ := strings.Cut(string(p), ":")
		if strings.EqualFold(prefix, "smtp") && strings.EqualFold(rest, string(w.Address)) {
			any, upper, lower = true, upper || prefix == "SMTP", lower || prefix == "smtp"
		}
	}
	return map[address.Role]bool{"absent": !any, "present": any, "primary": upper, "secondary": lower && !upper}[w.Role]
}

// The alias was removed and verified, then asked for again. The look before the second write saw it gone (ShownAtWrite false). Seconds
// after the write a replica that lags shows the object as it was before the removal: neither the organization nor the object was
// synchronised since.
func TestAStaleReplicaProvesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.fake.tenant.LastSync = before() // known, and before the write
	w.object.LastSync = before().Add(-time.Hour)
	w.now = written().Add(10 * time.Second)
	if v := w.sweep(t); v.Outcome == Verified {
		t.Errorf("verified 10 s after the write: no sync ran since it, by either stamp (organization %s, object %s, written %s)",
			w.fake.tenant.LastSync, w.object.LastSync, written())
	}
}

// The same for a removal: an older replica that does not show yet an alias which was added and verified a minute ago.
func TestAStaleReplicaProvesNoRemoval(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.remove("j.doe@contoso.com")
	w.arriving()
	w.fake.tenant.LastSync, w.object.LastSync = before(), before().Add(-time.Hour)
	w.now = written().Add(10 * time.Second)
	if v := w.sweep(t); v.Outcome == Verified {
		t.Errorf("verified 10 s after the write, and no sync ran since")
	}
}

// A clock that was ten days behind noted the write: the sync right before it, by the time of the tenant, tells that it is minutes old.
func TestWrittenByAClockThatWasBehind(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.arriving()
	const behind = 10 * 24 * time.Hour
	w.fake.tenant.LastSync = before()
	w.now = written().Add(10 * time.Minute)
	w.c.WrittenAt = written().Add(-behind)
	w.c.Deadline = w.c.Expectation.Began(w.c.WrittenAt, w.now).Add(24 * time.Hour) // as queue.pass.deadlineOf makes it
	if v := w.sweep(t); v.Outcome == Contradicted {
		t.Errorf("%s: %s; the sync before the write was at %s, so it was written 20 minutes ago at the most", v.Outcome, v.Cause.Message, before())
	}
}
