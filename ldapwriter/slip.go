package ldapwriter

import (
	"context"
	"errors"
	"fmt"

	"github.com/aliasd/aliasd/address"
)

// slipped says what of a change does not stand as it was written, "" where all does. Edits that do not touch it are
// somebody else's business.
func slipped(before address.Values, c address.Change, now address.Values) string {
	for _, p := range c.Add {
		if !now.Proxies.Has(p) {
			return fmt.Sprintf("%q is not there as it was written", p)
		}
		if twin := newTwin(before.Proxies, now.Proxies, p); twin != "" {
			return fmt.Sprintf("%q stands beside %q", twin, p)
		}
	}
	for _, p := range c.Delete {
		if now.Proxies.Has(p) {
			return fmt.Sprintf("%q is still or again there", p)
		}
	}
	if had, has := len(before.Proxies.Primaries()), len(now.Proxies.Primaries()); has > max(1, had) {
		return fmt.Sprintf("there are %d primaries", has)
	}
	if c.Mail != nil && c.Mail.New != now.Mail {
		return fmt.Sprintf("mail is %q and not %q", now.Mail, c.Mail.New)
	}
	return ""
}

// newTwin is a value that differs from p in case alone and was not there before, "" where there is none. Samba keeps
// both (AD refuses the second), and one address would stand there twice.
func newTwin(before, now address.Set, p address.Proxy) address.Proxy {
	for _, other := range now {
		if other != p && other.Key() == p.Key() && !before.Has(other) {
			return other
		}
	}
	return ""
}

// takeBackTries is how often taking back is planned anew because somebody was faster again.
const takeBackTries = 3

// takeBack takes back exactly what we did and still stands, by one modify. It always returns an error: *SlippedError when
// nothing of ours stands any more, *UnknownOutcomeError when that could not be brought about.
func (w *writing) takeBack(ctx context.Context, now address.Values) error {
	got := now
	for range takeBackTries {
		back := ours(w.job.Change, now)
		if back.Empty() {
			return w.slippedError(got, false)
		}
		err := w.again(ctx, back)
		if err == nil {
			return w.slippedError(got, true)
		}
		if !errors.Is(err, ErrConflict) {
			return w.unknown(fmt.Errorf("take back: %w", err))
		}
		entry, err := w.readBack(ctx)
		if err != nil {
			return w.unknown(fmt.Errorf("take back: %w", err))
		}
		now = entry.Values
	}
	return w.unknown(fmt.Errorf("take back: %w", ErrConflict))
}

func (w *writing) slippedError(got address.Values, takenBack bool) error {
	before, c := w.job.Entry.Values, w.job.Change
	want := address.Values{Mail: before.Mail, Proxies: before.Proxies.Without(c.Delete...).With(c.Add...)}
	if c.Mail != nil {
		want.Mail = c.Mail.New
	}
	return &SlippedError{Want: want, Got: got, TakenBack: takenBack}
}

// again sends another change of the same write.
func (w *writing) again(ctx context.Context, c address.Change) error {
	got, err := w.server.acquire(ctx)
	if err != nil {
		return err
	}
	return w.modify(got, c)
}

// ours is the change that takes back what stands of c: values that it added and that are there to the letter, values that it
// deleted and of which nobody put back any spelling, mail where it is what it wrote.
func ours(c address.Change, now address.Values) address.Change {
	var back address.Change
	for _, p := range c.Add {
		if now.Proxies.Has(p) {
			back.Delete = append(back.Delete, p)
		}
	}
	rest := now.Proxies.Without(back.Delete...)
	for _, p := range c.Delete {
		if !spelled(rest, p) {
			back.Add = append(back.Add, p)
		}
	}
	if c.Mail != nil && c.Mail.Old != c.Mail.New && now.Mail == c.Mail.New {
		back.Mail = &address.MailChange{Old: c.Mail.New, New: c.Mail.Old}
	}
	return back
}

// spelled says whether a set has a value in any spelling.
func spelled(set address.Set, p address.Proxy) bool {
	for _, other := range set {
		if other.Key() == p.Key() {
			return true
		}
	}
	return false
}
