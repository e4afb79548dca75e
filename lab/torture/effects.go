//go:build !windows

package torture

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

// journaled: when a modify came to the directory, the store had the intent that it is, and its request was in writing.
func journaled(f *facts) (found []violation) {
	for _, d := range f.deeds {
		switch {
		case d.by != daemon:
		case d.what != "modify":
			found = append(found, finding(nil, d.holder, "deed %d replaces a whole attribute", d.n)...)
		case (d.request == "" || d.stray) && d.took():
			found = append(found, finding(f.byID[d.request], d.holder, "deed %d is no stored intent: %s", d.n, d)...)
		case d.request == "":
		case d.state != queue.Writing && d.took() && !f.expected(d):
			found = append(found, finding(f.byID[d.request], d.holder, "deed %d came while the request was %s: %s", d.n, d.state, d)...)
		}
	}
	return found
}

// expected says whether a modify may come behind the receipt of its request: it arrived late, in the time that the receipt gives it, and what
// showed was somebody else's; or its process was stopped for longer than a lease, and it is noted as a late write.
func (f *facts) expected(d *deed) bool {
	q := f.byID[d.request]
	if q == nil {
		return false
	}
	return d.late && q.Receipt != nil && d.at.Before(q.Receipt.LandsUntil) || f.isNoted(d)
}

// isNoted says whether a modify is noted as a late write.
func (f *facts) isNoted(d *deed) bool {
	return slices.ContainsFunc(f.events[d.request], func(e queue.Event) bool {
		var receipt ldapwriter.Receipt
		return e.What == queue.LateWrite && json.Unmarshal(e.Detail, &receipt) == nil && receipt.USNChanged == d.after.USN
	})
}

// lateWrites: one who noted a late write asked for it to be taken back.
func lateWrites(f *facts) (found []violation) {
	for id, events := range f.events {
		for _, e := range events {
			isAsked := slices.ContainsFunc(f.requests, func(q queue.Request) bool { return q.Undoes == id && q.SubmittedBy == queue.LateWriter })
			if e.What == queue.LateWrite && !isAsked {
				found = append(found, finding(f.byID[id], nil, "event %d notes a late write, and nobody takes it back", e.ID)...)
			}
		}
	}
	return found
}

// traced: the values of a holder are those that the last deed left.
func traced(f *facts) (found []violation) {
	for _, odd := range f.ledger.odd {
		found = append(found, finding(nil, nil, "%s", odd)...)
	}
	return found
}

// lawful: what a modify of ours did is what its request may do.
func lawful(f *facts) (found []violation) {
	for _, d := range f.deeds {
		q := f.byID[d.request]
		if d.by != daemon || !d.took() || q == nil {
			continue
		}
		for _, wrong := range f.unlawful(d, q) {
			found = append(found, finding(q, d.holder, "deed %d %s: %s", d.n, wrong, d)...)
		}
	}
	return found
}

// unlawful says what a modify did that its request does not allow.
func (f *facts) unlawful(d *deed, q *queue.Request) (wrong []string) {
	before, after := d.before.Values, d.after.Values
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for _, p := range before.Proxies {
		if !p.IsSMTP() && !after.Proxies.Has(p) {
			say("loses %q", p)
		}
	}
	for _, p := range after.Proxies {
		if !p.IsSMTP() && !before.Proxies.Has(p) {
			say("invents %q", p)
		}
	}
	loses, gains := f.may(d, q)
	for _, k := range lacking(keys(before.Proxies), keys(after.Proxies)) {
		backInMail := d.back && address.Address(after.Mail).Key() == k
		if !loses[k] && !backInMail {
			say("loses the address %s", k)
		}
	}
	for _, k := range lacking(keys(after.Proxies), keys(before.Proxies)) {
		if !gains[k] {
			say("invents the address %s", k)
		}
	}
	for _, p := range before.Proxies.SMTP() {
		if now := after.Proxies.Find(p.Address()); len(now) > 0 && !slices.ContainsFunc(now, func(v address.Proxy) bool { return v.Address() == p.Address() }) && !respelled(d, p) {
			say("spells %q as %q", p, now)
		}
	}
	had, has := len(before.Proxies.Primaries()), len(after.Proxies.Primaries())
	if lost := had == 1 && has != 1; lost && !f.hadNone(d, q) || has > max(1, had) {
		say("makes %d primaries of %d", has, had)
	}
	return append(wrong, f.unlawfulPrimary(d, q)...)
}

// respelled says whether a modify named a value in another spelling than it had by then: AD compares without case, so that no
// modify can tell that somebody has changed the case alone since the holder was read.
func respelled(d *deed, p address.Proxy) bool {
	return slices.ContainsFunc(d.asked.Delete, func(named address.Proxy) bool { return named != p && named.Key() == p.Key() })
}

// hadNone says whether a deed goes back to values that had no primary: those before the modify that it takes back, or before the
// request that it undoes.
func (f *facts) hadNone(d *deed, q *queue.Request) bool {
	if original := f.byID[q.Undoes]; !d.back && original != nil {
		return original.Receipt != nil && len(original.Receipt.Before.Proxies.Primaries()) == 0
	}
	forth, _ := f.effects(q)
	for _, done := range slices.Backward(forth) {
		if done.n < d.n {
			return d.back && len(done.before.Proxies.Primaries()) == 0
		}
	}
	return false
}

// may are the addresses that a modify for a request may take away and give.
func (f *facts) may(d *deed, q *queue.Request) (loses, gains map[address.Key]bool) {
	loses, gains = map[address.Key]bool{}, map[address.Key]bool{}
	asked := q.Address.Key()
	if d.back { // it may turn round what it did
		for _, one := range f.deeds {
			if one.request == q.ID && one.took() && !one.back {
				loses = keys(address.Set(one.asked.Add))
				gains = keys(address.Set(one.asked.Delete))
			}
		}
		return loses, gains
	}
	switch q.Action {
	case address.RemoveAlias:
		loses[asked] = true
	case address.AddAlias, address.SetPrimary:
		gains[asked] = true
		if len(d.before.Proxies.Primaries()) == 0 { // the primary that was not named is named
			gains[address.Address(d.before.Mail).Key()] = true
			gains[address.Address(d.holder.object.UPN).Key()] = true
		}
	case address.Undo:
		if original := f.byID[q.Undoes]; original != nil && original.Receipt != nil {
			loses = keys(address.Set(original.Receipt.Change.Add))
			gains = keys(address.Set(original.Receipt.Change.Delete))
		}
	}
	return loses, gains
}

// unlawfulPrimary: the primary moves where that was asked for, and mail goes with it.
func (f *facts) unlawfulPrimary(d *deed, q *queue.Request) (wrong []string) {
	before, after := d.before.Values, d.after.Values
	had, has := primaryOf(before), primaryOf(after)
	goesBack := has == "" && f.hadNone(d, q)
	moved := had != "" && !had.Equal(has) && !goesBack
	if moved && q.Action != address.SetPrimary && q.Action != address.Undo {
		wrong = append(wrong, fmt.Sprintf("moves the primary from %s to %s", had, has))
	}
	together := had == "" || had.Equal(address.Address(before.Mail))
	if original := f.byID[q.Undoes]; original != nil && original.Receipt != nil && after.Mail == original.Receipt.Before.Mail {
		together = false // it had not been together then either
	}
	if forth, _ := f.effects(q); d.back && slices.ContainsFunc(forth, func(done *deed) bool { return done.n < d.n && done.before.Mail == after.Mail }) {
		together = false // nor before what this takes back
	}
	if has != "" && together && !has.Equal(address.Address(after.Mail)) && !(had == "" && before.Mail == after.Mail) {
		wrong = append(wrong, fmt.Sprintf("leaves mail at %q where the primary is %s", after.Mail, has))
	}
	if before.Mail != after.Mail && before.Mail != "" && q.Action != address.SetPrimary && q.Action != address.Undo {
		wrong = append(wrong, fmt.Sprintf("changes mail from %q to %q", before.Mail, after.Mail))
	}
	return wrong
}

// primaryOf is the one primary, "" where there is none or more.
func primaryOf(v address.Values) address.Address {
	if p := v.Proxies.Primaries(); len(p) == 1 {
		return p[0].Address()
	}
	return ""
}

// onePlace: what a modify of ours adds, nobody else of the run holds at that time.
func onePlace(f *facts) (found []violation) {
	now := map[*holder]address.Values{}
	for _, h := range f.ledger.holders {
		if own := f.ledger.of(h); len(own) > 0 {
			now[h] = own[0].before.Values
		} else {
			now[h] = h.now.Values
		}
	}
	for _, d := range f.deeds {
		if d.by == daemon && d.took() && !d.back {
			for _, k := range lacking(keys(d.after.Proxies), keys(d.before.Proxies)) {
				for h, v := range now {
					if h != d.holder && (keys(v.Proxies)[k] || address.Address(v.Mail).Key() == k) {
						found = append(found, finding(f.byID[d.request], d.holder, "deed %d gives it %s, which %s holds", d.n, k, h.object.Name)...)
					}
				}
			}
		}
		now[d.holder] = d.after.Values
	}
	return found
}

// effects are the modifies of a request that took effect.
func (f *facts) effects(q *queue.Request) (forth, back []*deed) {
	for _, d := range f.deeds {
		switch {
		case d.request != q.ID || !d.took():
		case d.back:
			back = append(back, d)
		default:
			forth = append(forth, d)
		}
	}
	return forth, back
}

// notTwice: a request takes effect again only where somebody undid what it had done, and never after its receipt; but by a late write.
func notTwice(f *facts) (found []violation) {
	for i := range f.requests {
		q := &f.requests[i]
		forth, back := f.effects(q)
		for n, d := range forth {
			if !q.WrittenAt.IsZero() && d.at.After(q.WrittenAt) && !f.expected(d) {
				found = append(found, finding(q, d.holder, "deed %d takes effect after the receipt was stored", d.n)...)
			}
			if n > 0 && !f.disturbed(forth[n-1], d) && !f.isNoted(d) {
				found = append(found, finding(q, d.holder, "deeds %d and %d are the same effect twice", forth[n-1].n, d.n)...)
			}
		}
		for _, d := range back {
			if !q.WrittenAt.IsZero() && d.at.After(q.WrittenAt) {
				found = append(found, finding(q, d.holder, "deed %d takes back what has a receipt", d.n)...)
			}
			if f.calm(q, d, forth) {
				found = append(found, finding(q, d.holder, "deed %d takes back although nobody edited in between", d.n)...)
			}
		}
	}
	return found
}

// disturbed says whether somebody edited the holder between two deeds, or the first was taken back.
func (f *facts) disturbed(first, second *deed) bool {
	return slices.ContainsFunc(f.deeds, func(d *deed) bool {
		return d.holder == first.holder && d.n > first.n && d.n < second.n && d.took() && (d.by == admin || d.back)
	})
}

// calm says whether nobody edited between the reading that a modify was planned from and what takes it back.
func (f *facts) calm(q *queue.Request, back *deed, forth []*deed) bool {
	var last *deed
	for _, d := range forth {
		if d.n < back.n {
			last = d
		}
	}
	if last == nil {
		return true
	}
	read := f.begun(q, last.at)
	return !f.disturbed(last, back) && !slices.ContainsFunc(f.deeds, func(d *deed) bool {
		return d.holder == last.holder && d.by == admin && d.took() && d.n < last.n && d.done.After(read)
	})
}

// begun is when the try began at the latest that sent a modify at a time: what it was planned from was read after that.
func (f *facts) begun(q *queue.Request, at time.Time) (began time.Time) {
	before := q.CreatedAt
	for _, e := range f.events[q.ID] {
		if e.What == "intent" && !e.At.After(at) {
			began = before
		}
		before = e.At
	}
	return began
}

// noEffect: what was refused or cancelled never had one; what failed had none that stands, but where it says so.
func noEffect(f *facts) (found []violation) {
	for i := range f.requests {
		q := &f.requests[i]
		forth, back := f.effects(q)
		switch {
		case q.State == queue.Refused || q.State == queue.Cancelled:
			if len(forth) > len(back) && !f.overruled(forth[len(forth)-1], q) {
				found = append(found, finding(q, nil, "it is %s, and deed %d took effect", q.State, forth[0].n)...)
			}
		case q.State == queue.Failed && len(forth) > len(back):
			doubt := q.Cause != nil && q.Cause.Code == cause.NotKept && strings.Contains(q.Cause.Message, "is not known")
			if !doubt && !slices.ContainsFunc(f.ledger.of(forth[0].holder), func(d *deed) bool { return d.by == admin && d.n > forth[0].n }) {
				found = append(found, finding(q, nil, "it failed, and deed %d took effect", forth[0].n)...)
			}
		}
	}
	return found
}

// overruled says whether a deed moved nothing but the primary, and the second writer chose another one before its request ended: then nothing of
// it is left that could be taken back. The old primary had to become an alias for their choice too.
func (f *facts) overruled(d *deed, q *queue.Request) bool {
	return len(moves(d)) == 0 && slices.ContainsFunc(f.ledger.of(d.holder), func(e *deed) bool {
		chosen := primaryOf(e.after.Values)
		return e.by == admin && e.took() && e.n > d.n && !e.at.After(q.UpdatedAt) && chosen != "" && !chosen.Equal(primaryOf(d.after.Values))
	})
}

// isWritten says whether a request claims to stand in the directory.
func isWritten(q *queue.Request) bool {
	return slices.Contains([]queue.State{queue.Written, queue.Verified, queue.Mismatched, queue.Superseded}, q.State)
}

// stood: the values of a receipt are values that the holder had, between the acceptance of the request and its receipt, and
// they have what it wants.
func stood(f *facts) (found []violation) {
	for i := range f.requests {
		q := &f.requests[i]
		if !isWritten(q) || q.Receipt == nil {
			continue
		}
		h := f.ledger.byGUID[q.Object]
		if !f.had(h, q.Receipt.After, q.CreatedAt, q.WrittenAt) {
			found = append(found, finding(q, h, "its receipt says that the holder had %s, which it never had meanwhile", inWords(q.Receipt.After))...)
		}
		if !f.satisfies(h, q.Receipt.After, q) {
			found = append(found, finding(q, h, "its receipt has not what it wants: %v", wantsOf(q))...)
		}
	}
	return found
}

// satisfies says whether the directory's values have what a request wants, as far as proxyAddresses tells: a primary may
// rest on mail or on the UPN.
func (f *facts) satisfies(h *holder, v address.Values, q *queue.Request) bool {
	if len(v.Proxies.Primaries()) == 1 {
		return satisfied(v, wantsOf(q))
	}
	for _, w := range wantsOf(q) {
		if w.Role == address.RoleAbsent && len(v.Proxies.Find(w.Address)) > 0 {
			return false
		}
	}
	return true
}

// had says whether a holder had these values at some time between two.
func (f *facts) had(h *holder, v address.Values, from, until time.Time) bool {
	same := func(s stand) bool { return s.Mail == v.Mail && s.Proxies.Equal(v.Proxies) }
	deeds := f.ledger.of(h)
	if len(deeds) == 0 {
		return same(h.now)
	}
	for i, d := range deeds {
		begins, ends := d.at, time.Time{}
		if i+1 < len(deeds) {
			ends = deeds[i+1].done
		}
		if i == 0 && same(d.before) && d.done.After(from) {
			return true
		}
		if same(d.after) && !begins.After(until) && (ends.IsZero() || ends.After(from)) {
			return true
		}
	}
	return false
}

// ownReceipts: where a receipt says that we changed something, the directory saw us do just that.
func ownReceipts(f *facts) (found []violation) {
	for i := range f.requests {
		q := &f.requests[i]
		if q.Receipt == nil || q.Receipt.Change.Empty() {
			continue
		}
		forth, _ := f.effects(q)
		if len(forth) == 0 || !forth[len(forth)-1].asked.Equal(q.Receipt.Change) {
			found = append(found, finding(q, nil, "its receipt claims a change that aliasd never made: %+v", q.Receipt.Change)...)
		}
	}
	return found
}

// proven: a request is verified only after the tenant showed what it wants, since the write, and the directory had it.
func proven(f *facts) (found []violation) {
	for i := range f.requests {
		q := &f.requests[i]
		if q.State != queue.Verified {
			continue
		}
		h := f.ledger.byGUID[q.Object]
		if !f.shown(h, q) {
			found = append(found, finding(q, h, "it was verified at %s, and the tenant had not shown %v since the write", q.VerifiedAt.Local().Format(clock), wantsOf(q))...)
		}
		if !f.kept(h, q) {
			found = append(found, finding(q, h, "it was verified at %s, and the directory had it no more", q.VerifiedAt.Local().Format(clock))...)
		}
	}
	return found
}

func (f *facts) shown(h *holder, q *queue.Request) bool {
	return slices.ContainsFunc(f.views[h.guid.Anchor()], func(v view) bool {
		inTime := !v.from.After(q.VerifiedAt) && (v.until.IsZero() || v.until.After(q.WrittenAt))
		return v.present && inTime && satisfied(v.Values, wantsOf(q))
	})
}

// kept says whether the directory had what a request wants at some time of the sweep that verified it.
func (f *facts) kept(h *holder, q *queue.Request) bool {
	deeds := f.ledger.of(h)
	if len(deeds) == 0 {
		return f.satisfies(h, h.now.Values, q)
	}
	for i, d := range deeds {
		ended := i+1 < len(deeds) && deeds[i+1].done.Before(q.VerifiedAt.Add(-sweepTime))
		if !d.at.After(q.VerifiedAt) && !ended && f.satisfies(h, d.after.Values, q) {
			return true
		}
		if i == 0 && d.done.After(q.VerifiedAt.Add(-sweepTime)) && f.satisfies(h, d.before.Values, q) {
			return true
		}
	}
	return false
}

// sweepTime is how long ago the directory may have been read that a verdict rests on.
const sweepTime = 5 * time.Second
