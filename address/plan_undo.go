package address

import "github.com/aliasd/aliasd/cause"

// undo plans to take back exactly what an earlier request wrote, where all of it still stands.
func (p *planner) undo() error {
	if p.ask.Undo == nil {
		return cause.Refuse(cause.ChangedSince, "nothing is known that was written to %s, so nothing can be taken back: ask for what is meant", p.name())
	}
	done, before := *p.ask.Undo, p.before()
	for _, refuse := range []func(Change, Values) error{p.refuseGone, p.refuseBack, p.refuseOtherMail} {
		if err := refuse(done, before); err != nil {
			return err
		}
	}
	after, err := done.Invert().Apply(p.Holder.Values)
	if err != nil {
		return cause.Refuse(cause.ChangedSince, "what was written to %s cannot be taken back: correct it by hand", p.name()).Because(err)
	}
	if err := p.refuseWorse(after, before); err != nil {
		return err
	}
	p.target = after
	for _, a := range done.Addresses() {
		p.wantUndone(a)
	}
	return nil
}

// before is what stood there before the change that is taken back, as far as it is known.
func (p *planner) before() Values {
	if p.ask.UndoBefore == nil {
		return Values{}
	}
	return *p.ask.UndoBefore
}

func (p *planner) refuseGone(done Change, _ Values) error {
	for _, added := range done.Add {
		if !p.Holder.Proxies.Has(added) {
			return p.changedSince("%q, which was written, is not there any more", added)
		}
	}
	return nil
}

// refuseBack: a deleted value must not stand there again in any spelling, but what we wrote and what stood beside it.
func (p *planner) refuseBack(done Change, before Values) error {
	ours := done.Onto(before).Proxies
	since := p.Holder.Proxies.Without(ours...)
	for _, deleted := range done.Delete {
		for _, v := range since {
			if v.Key() == deleted.Key() {
				return p.changedSince("%q, which was taken away, is there again as %q", deleted, v)
			}
		}
	}
	return nil
}

// refuseOtherMail: mail must be what we wrote. Where we did not write it, it must be what it was if the primary rests on
// it once the change is taken back.
func (p *planner) refuseOtherMail(done Change, before Values) error {
	mail := p.Holder.Mail
	if done.Mail != nil && mail != done.Mail.New {
		return p.changedSince("mail was written as %q and is %q now", done.Mail.New, mail)
	}
	remaining := p.Holder.Proxies.Without(done.Add...).With(done.Delete...)
	restsOnMail := p.ask.UndoBefore != nil && done.Mail == nil && len(remaining.SMTP()) == 0
	if restsOnMail && !Address(mail).Equal(Address(before.Mail)) {
		return p.changedSince("mail was %q then and is %q now, and the primary would come from it", before.Mail, mail)
	}
	return nil
}

// refuseWorse: others may have built on what was written. A set that was wrong before and is still may stay wrong.
func (p *planner) refuseWorse(after, before Values) error {
	primaries := len(after.Proxies.Primaries())
	allowed := min(len(p.Holder.Proxies.Primaries()), len(before.Proxies.Primaries()))
	if primaries > max(1, allowed) {
		return p.changedSince("there would be %d primaries (%s)", primaries, list(after.Proxies.Primaries()))
	}
	if lacksPrimary(after) && !lacksPrimary(before) {
		return p.changedSince("%s would be left without a primary", list(after.Proxies.SMTP()))
	}
	return nil
}

func lacksPrimary(v Values) bool { return len(v.Proxies.SMTP()) > 0 && len(v.Proxies.Primaries()) == 0 }

func (p *planner) changedSince(format string, args ...any) error {
	refusal := cause.Refuse(cause.ChangedSince, format, args...)
	refusal.Cause.Message = "the addresses of " + p.name() + " were changed since: " + refusal.Cause.Message +
		": look at the holder and ask for what is meant"
	return refusal
}

// wantUndone adds what an address must be once the change is taken back. One that goes may stay in the cloud for another
// reason: the UPN stays, and a primary that we had only named rests on mail again.
func (p *planner) wantUndone(a Address) {
	role := p.role(p.target.Proxies, a)
	isMail := Address(p.target.Mail).Equal(a) && len(p.target.Proxies.Primaries()) == 0
	switch {
	case role != RoleAbsent:
		p.want(a, role)
	case isMail && len(p.target.Proxies.SMTP()) == 0:
		p.want(a, RolePrimary)
	case isMail, p.isUPN(a):
		return
	default:
		p.want(a, RoleAbsent)
	}
}
