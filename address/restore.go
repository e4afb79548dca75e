package address

import (
	"fmt"
	"slices"
)

// Restore joins a plan that was made anew after a crash with the intent that was stored before it. An address that the intent
// took out of mail, where it stood alone, is wanted still: who overwrote the alias that was made of it may never have seen it.
// Other values that it moved are wanted where they are there; where they are not, somebody took them away afterwards, for a
// modify is done as a whole. current is what the plan was made from. Where the directory shows no trace of the intent, it was
// not written, and the plan stays as it is.
func (p Plan) Restore(current Values, intent Change) Plan {
	if !intent.leftTrace(current) {
		return p
	}
	p.Wants, p.Notes = slices.Clone(p.Wants), slices.Clone(p.Notes)
	for _, v := range Set(intent.Add).SMTP() {
		p.restore(v.Address(), intent.tookFromMail(v.Address()))
	}
	p.Change = Between(current, p.After)
	return p
}

// tookFromMail says whether an address stood in mail alone before the change, which wrote another one there.
func (c Change) tookFromMail(a Address) bool {
	return c.Mail != nil && a.Equal(Address(c.Mail.Old)) && len(Set(c.Delete).Find(a)) == 0
}

// leftTrace says whether some of the change shows: a value that it added, or the mail that it wrote. An alias that it made of a
// primary is no trace: whoever else chose another primary made the same one.
func (c Change) leftTrace(v Values) bool {
	demoted := Set(c.Delete).Primaries()
	return slices.ContainsFunc(c.Add, func(p Proxy) bool { return v.Proxies.Has(p) && !slices.Contains(demoted, Primary(p.Address())) }) ||
		c.Mail != nil && c.Mail.New != c.Mail.Old && v.Mail == c.Mail.New
}

func (p *Plan) restore(a Address, mustStay bool) {
	there := len(p.After.Proxies.Find(a)) > 0
	if wanted(p.Wants, a) == RoleAbsent || !there && !mustStay {
		return
	}
	if !there {
		p.After.Proxies = p.After.Proxies.With(Secondary(a))
		p.Notes = append(p.Notes, fmt.Sprintf("an earlier try of this request had moved %q; it is put back as an alias", a))
	}
	if !discarded(a) {
		p.Wants = withWant(p.Wants, Want{a, roleIn(p.After.Proxies, a)})
	}
}
