package ldapwriter

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aliasd/aliasd/address"
)

// Slipped says what of a change does not stand as it was written, or what came of it that must not, "" where all is well.
// Edits that do not touch it are somebody else's business.
func Slipped(before address.Values, c address.Change, now address.Values) string {
	for _, p := range c.Add {
		if !now.Proxies.Has(p) {
			return fmt.Sprintf("%q is not there as it was written", p)
		}
	}
	for _, p := range c.Delete {
		if now.Proxies.Has(p) {
			return fmt.Sprintf("%q is still or again there", p)
		}
	}
	if c.Mail != nil && c.Mail.New != now.Mail {
		return fmt.Sprintf("mail is %q and not %q", now.Mail, c.Mail.New)
	}
	return worse(before, c, now)
}

// worse says what a change has made worse, "" where nothing: more primaries than there were or were meant, or one address
// in two spellings.
func worse(before address.Values, c address.Change, now address.Values) string {
	had, has := len(before.Proxies.Primaries()), len(now.Proxies.Primaries())
	if has > max(1, had, len(meant(before, c).Proxies.Primaries())) {
		return fmt.Sprintf("there are %d primaries", has)
	}
	for _, p := range c.Add {
		if twin := newTwin(before.Proxies, now.Proxies, p); twin != "" {
			return fmt.Sprintf("%q stands beside %q", twin, p)
		}
	}
	return ""
}

// meant is what a change should have made of the values.
func meant(before address.Values, c address.Change) address.Values {
	after := address.Values{Mail: before.Mail, Proxies: before.Proxies.Without(c.Delete...).With(c.Add...)}
	if c.Mail != nil {
		after.Mail = c.Mail.New
	}
	return after
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
		back := ours(w.job.Entry.Holder, w.job.Change, now)
		if back.Empty() {
			return w.slippedError(got, false)
		}
		then, err := w.again(ctx, back, now)
		switch {
		case err == nil:
			return w.slippedError(got, true)
		case !errors.Is(err, ErrConflict):
			return w.unknown(fmt.Errorf("take back: %w", err))
		}
		now = then
	}
	return w.unknown(fmt.Errorf("take back: somebody was faster %d times", takeBackTries))
}

// again sends another change of the same write and reads back. Where somebody was faster again (ErrConflict), it gives what
// stands there now.
func (w *writing) again(ctx context.Context, c address.Change, now address.Values) (address.Values, error) {
	got, err := w.server.acquire(ctx)
	if err != nil {
		return now, err
	}
	sent := w.modify(got, exactly(c, now.Proxies))
	if sent != nil && !errors.Is(sent, ErrConflict) {
		return now, sent
	}
	then, err := w.readBack(ctx)
	if err != nil {
		return now, err
	}
	if what := worse(now, c, then.Values); sent == nil && what != "" {
		return then.Values, errors.New(what)
	}
	return then.Values, sent
}

func (w *writing) slippedError(got address.Values, takenBack bool) error {
	return &SlippedError{Want: meant(w.job.Entry.Values, w.job.Change), Got: got, TakenBack: takenBack}
}

// ours is the change that takes back what stands of c: values that it added and that are there to the letter, values that it
// deleted and of which nobody put back any spelling, mail where it is what it wrote in any spelling. It leaves the holder no
// poorer than it was before c: with a primary where it had one, and with the address that was in mail.
func ours(before address.Holder, c address.Change, now address.Values) address.Change {
	var back address.Change
	mailIsOurs := c.Mail != nil && c.Mail.Old != c.Mail.New && strings.EqualFold(now.Mail, c.Mail.New)
	if mailIsOurs {
		back.Mail = &address.MailChange{Old: now.Mail, New: c.Mail.Old}
	}
	for _, p := range c.Add {
		if now.Proxies.Has(p) && (mailIsOurs || !keepsMail(before.Values, c, p)) {
			back.Delete = append(back.Delete, p)
		}
	}
	rest := now.Proxies.Without(back.Delete...)
	for _, p := range c.Delete {
		if !rest.Spells(p) {
			back.Add = append(back.Add, p)
		}
	}
	left := len(meant(now, back).Proxies.Primaries())
	switch {
	case left > max(1, len(now.Proxies.Primaries())):
		return demoted(back, rest)
	case left == 0 && len(now.Proxies.Primaries()) > 0:
		return promoted(before, back, c, now)
	}
	return back
}

// keepsMail says whether a value that c added keeps an address that stood in mail alone, and that c took out of it.
func keepsMail(before address.Values, c address.Change, p address.Proxy) bool {
	return p.IsSMTP() && c.Mail != nil && p.Address().Equal(address.Address(c.Mail.Old)) &&
		len(before.Proxies.Find(p.Address())) == 0
}

// promoted keeps a holder from losing its primary with ours. The old one is the primary again where somebody has spelled the
// alias otherwise that c had made of it. One that was not named stays named where somebody's values would mask it.
func promoted(before address.Holder, back, c address.Change, now address.Values) address.Change {
	left := meant(now, back).Proxies
	for _, old := range address.Set(c.Delete).Primaries() {
		for _, alias := range left.Find(old.Address()) {
			return raised(back, alias, now.Proxies)
		}
	}
	unnamed := unnamedPrimary(before)
	if len(before.Proxies.SMTP()) > 0 || len(left.SMTP()) == 0 {
		return back
	}
	for _, p := range append(left.Find(unnamed), address.Set(c.Add).Find(unnamed)...) {
		return raised(back, p, now.Proxies)
	}
	return back
}

// unnamedPrimary is the primary of a holder whose proxyAddresses holds no SMTP value, "" where it is the cloud's own.
func unnamedPrimary(h address.Holder) address.Address {
	if h.Mail == "" && h.Kind == address.User {
		return address.Address(h.UPN)
	}
	return address.Address(h.Mail)
}

// raised makes the value of an address the primary, whatever the change does with it.
func raised(c address.Change, p address.Proxy, now address.Set) address.Change {
	primary := address.Primary(p.Address())
	remove, add := address.Set(c.Delete).Without(primary), address.Set(c.Add).Without(p)
	if !now.Has(primary) {
		add = add.With(primary)
		if now.Has(p) {
			remove = remove.With(p)
		}
	}
	return address.Change{Delete: remove, Add: add, Mail: c.Mail}
}

// demoted keeps old primaries as aliases. Somebody chose another primary after us: a second one must not come back. Where
// nobody did, and there were several, the first one comes back.
func demoted(back address.Change, rest address.Set) address.Change {
	remove, add := address.Set(back.Delete), address.Set{}
	chosen := len(rest.Primaries()) > 0
	for _, p := range back.Add {
		if !p.IsPrimary() || !chosen {
			add = add.With(p)
			chosen = chosen || p.IsPrimary()
			continue
		}
		alias := address.Secondary(p.Address())
		if !remove.Has(alias) {
			add = add.With(alias)
		}
		remove = remove.Without(alias)
	}
	return address.Change{Delete: remove, Add: add, Mail: back.Mail}
}
