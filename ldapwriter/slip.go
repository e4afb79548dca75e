package ldapwriter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aliasd/aliasd/address"
)

// Slipped says what somebody changed around a modify of ours that is not what it meant, "" where nothing: an address that it named, in
// any spelling, mail, or the number of primaries. What others did to other values is their business. So is an alias that we made of the
// old primary and that is gone: whoever removed it came after us, for before it was no alias.
//
// AD compares values without case. Where somebody respelled or promoted a value that our modify deleted a moment later, and all else is
// as it was meant, the values do not tell.
func Slipped(before address.Values, c address.Change, now address.Values) string {
	for _, p := range c.Add {
		if !now.Proxies.Has(p) && !removedLater(c, p, now) {
			return fmt.Sprintf("%q is not there as it was written", p)
		}
	}
	for _, p := range c.Delete {
		if still := inAnySpelling(before, c, p, now); still != "" {
			return fmt.Sprintf("%q is still or again there, as %q", p, still)
		}
	}
	wanted := c.Onto(before)
	if now.Mail != wanted.Mail {
		return fmt.Sprintf("mail is %q and not %q", now.Mail, wanted.Mail)
	}
	if has, want := len(now.Proxies.Primaries()), len(wanted.Proxies.Primaries()); has != want {
		return fmt.Sprintf("there are %d primaries and not %d", has, want)
	}
	return twinned(before, c, now)
}

// removedLater says whether p is an alias that c made of a primary, and whose address is gone.
func removedLater(c address.Change, p address.Proxy, now address.Values) bool {
	isDemoted := p.IsSMTP() && !p.IsPrimary() && slices.ContainsFunc(c.Delete, func(d address.Proxy) bool {
		return d.IsPrimary() && d.Address().Equal(p.Address())
	})
	return isDemoted && len(now.Proxies.Find(p.Address())) == 0
}

// inAnySpelling gives the value that is there for one that c deleted, "" where none is. What c added is not meant, nor a case twin that
// was there before (only Samba keeps twins).
func inAnySpelling(before address.Values, c address.Change, deleted address.Proxy, now address.Values) address.Proxy {
	for _, there := range now.Proxies {
		isOldTwin := there != deleted && before.Proxies.Has(there)
		if there.Key() == deleted.Key() && !isOldTwin && !slices.Contains(c.Add, there) {
			return there
		}
	}
	return ""
}

// worse says what a change has made worse, "" where nothing: more primaries than there were or were meant, or one address
// in two spellings.
func worse(before address.Values, c address.Change, now address.Values) string {
	had, has := len(before.Proxies.Primaries()), len(now.Proxies.Primaries())
	if has > max(1, had, len(c.Onto(before).Proxies.Primaries())) {
		return fmt.Sprintf("there are %d primaries", has)
	}
	return twinned(before, c, now)
}

// twinned says which value that c added stands there in a second spelling that was not there before, "" where none does.
func twinned(before address.Values, c address.Change, now address.Values) string {
	for _, p := range c.Add {
		if twin := newTwin(before.Proxies, now.Proxies, p); twin != "" {
			return fmt.Sprintf("%q stands beside %q", twin, p)
		}
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

// takeBack takes back exactly what we did and still stands, by one modify. It always returns an error: *SlippedError, or
// *UnknownOutcomeError when nobody knows what of ours stands.
func (w *writing) takeBack(ctx context.Context, now address.Values) error {
	got := now
	for range takeBackTries {
		back := ours(w.job.Entry.Holder, w.job.Change, now)
		if back.Empty() {
			return w.slippedError(got, now, false)
		}
		then, err := w.again(ctx, back, now)
		switch {
		case err == nil:
			return w.slippedError(got, then, true)
		case !errors.Is(err, ErrConflict):
			return w.backUnknown(fmt.Errorf("take back: %w", err))
		}
		now = then
	}
	return w.backUnknown(fmt.Errorf("take back: somebody was faster %d times", takeBackTries))
}

// again sends another change of the same write and reads back. Where somebody was faster again (ErrConflict), it gives what
// stands there now.
func (w *writing) again(ctx context.Context, c address.Change, now address.Values) (address.Values, error) {
	got, err := w.server.acquire(ctx)
	if err != nil {
		return now, err
	}
	if err := w.confirm(ctx, got); err != nil {
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

func (w *writing) slippedError(got, left address.Values, takenBack bool) error {
	before, c := w.job.Entry.Values, w.job.Change
	return &SlippedError{Want: c.Onto(before), Got: got, TakenBack: takenBack, Remains: remains(before, c, left)}
}

// remains says whether something that c brought about is there after all: an address that came, went or became the primary with it,
// or mail. Somebody built on it, so that it could not be taken back.
func remains(before address.Values, c address.Change, now address.Values) bool {
	wanted, isChosen := c.Onto(before), len(now.Proxies.Primaries()) > 0
	for _, a := range c.Addresses() {
		was, shall, is := roleOf(before.Proxies, a), roleOf(wanted.Proxies, a), roleOf(now.Proxies, a)
		theirs := was == primary && is == alias && isChosen // it had to go for another primary, whoever chose that
		if was != shall && is == shall && !theirs || was == absent && is != absent {
			return true
		}
	}
	return c.Mail != nil && !strings.EqualFold(c.Mail.Old, c.Mail.New) && strings.EqualFold(now.Mail, c.Mail.New)
}

// role is what an address is in a set.
type role int

const (
	absent role = iota
	alias
	primary
)

func roleOf(s address.Set, a address.Address) role {
	found := s.Find(a)
	switch {
	case len(found) == 0:
		return absent
	case slices.ContainsFunc(found, address.Proxy.IsPrimary):
		return primary
	}
	return alias
}

// ours is the change that takes back what stands of c: values that it added and that are there to the letter, values that it
// deleted and of which nobody put back any spelling, mail where it is what it wrote in any spelling. It leaves the holder no
// poorer than it was before c: with a primary where it had one, and with the address that was in mail. An address of which c made an
// alias or a primary, and that is gone, stays gone: somebody removed it after us.
func ours(before address.Holder, c address.Change, now address.Values) address.Change {
	var back address.Change
	if choseTheSame(before.Values, c, now) {
		return back
	}
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
		if !rest.Spells(p) && !wasKept(c, p, now) {
			back.Add = append(back.Add, p)
		}
	}
	if chosen := byMail(before.Values, c, now, address.Set(back.Add)); chosen != "" {
		return onlyPrimary(back, chosen)
	}
	left, theirs := len(back.Onto(now).Proxies.Primaries()), len(rest.Primaries())
	switch {
	case left > max(1, theirs):
		return demoted(back, rest)
	case left == 0 && len(now.Proxies.Primaries()) > 0:
		return promoted(before, back, c, now)
	case left == 0 && wasDemoted(before.Values, c, now):
		return theirChoice(back)
	}
	return back
}

// choseTheSame says whether somebody made the same alias the primary as c, with the mail that c had let be. c did nothing else.
func choseTheSame(before address.Values, c address.Change, now address.Values) bool {
	chosen := address.Set(c.Add).Primaries()
	if c.Mail != nil || strings.EqualFold(now.Mail, before.Mail) || len(chosen) != 1 {
		return false
	}
	comesOrGoes := func(p address.Proxy) bool {
		return !p.IsSMTP() || roleOf(before.Proxies, p.Address()) == absent || roleOf(c.Add, p.Address()) == absent
	}
	return !slices.ContainsFunc(append(slices.Clone(c.Delete), c.Add...), comesOrGoes) &&
		now.Proxies.Has(chosen[0]) && chosen[0].Address().Equal(address.Address(now.Mail))
}

// byMail is the value that comes back and that somebody had made the primary, "" where none: mail is theirs and names it, and nothing
// else is the primary. c deleted it without seeing that.
func byMail(before address.Values, c address.Change, now address.Values, returning address.Set) address.Proxy {
	isTheirs := c.Mail == nil && !strings.EqualFold(now.Mail, before.Mail)
	if found := returning.Find(address.Address(now.Mail)); isTheirs && len(found) > 0 && len(now.Proxies.Primaries()) == 0 {
		return found[0]
	}
	return ""
}

// onlyPrimary makes one of the values that come back the primary, and aliases of the other primaries among them.
func onlyPrimary(back address.Change, chosen address.Proxy) address.Change {
	var add address.Set
	for _, p := range back.Add {
		switch {
		case p == chosen:
		case p.IsPrimary():
			add = add.With(address.Secondary(p.Address()))
		default:
			add = add.With(p)
		}
	}
	return address.Change{Delete: back.Delete, Add: add.With(address.Primary(chosen.Address())), Mail: back.Mail}
}

// wasDemoted says whether somebody made an alias of the holder's primary, which c let be.
func wasDemoted(before address.Values, c address.Change, now address.Values) bool {
	return slices.ContainsFunc(before.Proxies.Primaries(), func(p address.Proxy) bool {
		return !slices.Contains(c.Delete, p) && roleOf(now.Proxies, p.Address()) == alias
	})
}

// wasKept says whether c kept the address of a value that it deleted, as a primary or as an alias, and it is gone.
func wasKept(c address.Change, deleted address.Proxy, now address.Values) bool {
	a := deleted.Address()
	return deleted.IsSMTP() && len(address.Set(c.Add).Find(a)) > 0 && len(now.Proxies.Find(a)) == 0
}

// theirChoice is for a holder that has no primary since c, though somebody made an alias of the one that it had: they had chosen the
// value that c deleted. It must be the only one that comes back.
func theirChoice(back address.Change) address.Change {
	if returning := address.Set(back.Add).SMTP(); len(returning) == 1 {
		return onlyPrimary(back, returning[0])
	}
	return back
}

// keepsMail says whether a value that c added keeps an address that stood in mail alone, and that c took out of it.
func keepsMail(before address.Values, c address.Change, p address.Proxy) bool {
	return p.IsSMTP() && c.Mail != nil && p.Address().Equal(address.Address(c.Mail.Old)) &&
		len(before.Proxies.Find(p.Address())) == 0
}

// promoted keeps a holder from losing its primary with ours. The old one is the primary again where somebody has spelled the
// alias otherwise that c had made of it; where it is gone, ours stays. One that was not named stays named where somebody's values would
// mask it.
func promoted(before address.Holder, back, c address.Change, now address.Values) address.Change {
	left := back.Onto(now).Proxies
	for _, old := range address.Set(c.Delete).Primaries() {
		for _, alias := range left.Find(old.Address()) {
			return raised(back, alias, now.Proxies)
		}
	}
	if len(before.Proxies.Primaries()) > 0 {
		return keepingPrimary(back, now)
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

// keepingPrimary leaves the holder the primary that c gave it, and the mail that goes with it.
func keepingPrimary(back address.Change, now address.Values) address.Change {
	for _, p := range now.Proxies.Primaries() {
		back.Delete = address.Set(back.Delete).Without(p)
		back.Add = address.Set(back.Add).Without(address.Set(back.Add).Find(p.Address())...)
		if p.Address().Equal(address.Address(now.Mail)) {
			back.Mail = nil
		}
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
