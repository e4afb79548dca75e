package address

import (
	"encoding/json"
	"fmt"
	"slices"
)

// MailChange is the change of mail in a Change; "" is an absent attribute.
type MailChange struct {
	Old string `json:"old"`
	New string `json:"new"`
}

// Change names exactly the values to delete and to add, and the change of mail. It is one LDAP modify.
type Change struct {
	Delete []Proxy     `json:"delete"`
	Add    []Proxy     `json:"add"`
	Mail   *MailChange `json:"mail,omitempty"`
}

// Between gives the change that makes before into after: exactly the values that differ in any byte, and mail where
// it differs in any byte.
func Between(before, after Values) Change {
	c := Change{
		Delete: before.Proxies.Without(after.Proxies...),
		Add:    after.Proxies.Without(before.Proxies...),
	}
	if before.Mail != after.Mail {
		c.Mail = &MailChange{Old: before.Mail, New: after.Mail}
	}
	return c
}

// Empty says whether there is nothing to write.
func (c Change) Empty() bool {
	return len(c.Delete) == 0 && len(c.Add) == 0 && (c.Mail == nil || c.Mail.Old == c.Mail.New)
}

// Equal says whether two changes are the same modify, whatever the order of their values.
func (c Change) Equal(d Change) bool {
	return Set(c.Delete).Equal(d.Delete) && Set(c.Add).Equal(d.Add) && c.Mail.equal(d.Mail)
}

// equal takes a change of mail to what it was for none.
func (m *MailChange) equal(n *MailChange) bool {
	none := func(m *MailChange) bool { return m == nil || m.Old == m.New }
	return none(m) && none(n) || !none(m) && !none(n) && *m == *n
}

// Apply gives the values after the change. It fails where the modify would: a value to delete is not there exactly, one
// to add is there exactly, or mail is not Mail.Old. Unlike Windows AD it takes a value whose case twin stays, so that
// what was read from a lenient directory can be written back. v is left as it is.
func (c Change) Apply(v Values) (Values, error) {
	after := Values{Mail: v.Mail, Proxies: v.Proxies.Without()}
	for _, p := range c.Delete {
		if !after.Proxies.Has(p) {
			return Values{}, fmt.Errorf("apply change: %q is not there to delete", p)
		}
		after.Proxies = after.Proxies.Without(p)
	}
	for _, p := range c.Add {
		if after.Proxies.Has(p) {
			return Values{}, fmt.Errorf("apply change: %q is there already", p)
		}
		after.Proxies = append(after.Proxies, p)
	}
	if c.Mail != nil {
		if v.Mail != c.Mail.Old {
			return Values{}, fmt.Errorf("apply change: mail is %q and not %q", v.Mail, c.Mail.Old)
		}
		after.Mail = c.Mail.New
	}
	return after, nil
}

// Onto is what the change makes of values, whatever of it stands there already: what it deletes is gone, what it adds is there, and mail is as
// it says. Apply is for values that it must fit.
func (c Change) Onto(v Values) Values {
	after := Values{Mail: v.Mail, Proxies: v.Proxies.Without(c.Delete...).With(c.Add...)}
	if c.Mail != nil {
		after.Mail = c.Mail.New
	}
	return after
}

// Stands says whether values show all of c: what it adds is there to the letter, what it deletes is in no spelling but one that it
// adds, mail is as written. A value that somebody has only spelled otherwise was not deleted.
func (c Change) Stands(v Values) bool {
	for _, p := range c.Add {
		if !v.Proxies.Has(p) {
			return false
		}
	}
	for _, there := range v.Proxies {
		if Set(c.Delete).Spells(there) && !Set(c.Add).Has(there) {
			return false
		}
	}
	return c.Mail == nil || c.Mail.New == v.Mail
}

// Net is what changes leave behind that were made one after the other, oldest first: of each value, and of mail, what the last one
// that named it did. It is for Stands; a value that was added and deleted again is among those to delete.
func Net(changes ...Change) Change {
	var net Change
	for _, c := range changes {
		net.Delete = Set(net.Delete).Without(c.Add...).With(c.Delete...)
		net.Add = Set(net.Add).Without(c.Delete...).With(c.Add...)
		if c.Mail != nil {
			net.Mail = c.Mail
		}
	}
	return net
}

// Invert gives the change that takes c back.
func (c Change) Invert() Change {
	inverse := Change{Delete: Set(c.Add).Without(), Add: Set(c.Delete).Without()}
	if c.Mail != nil {
		inverse.Mail = &MailChange{Old: c.Mail.New, New: c.Mail.Old}
	}
	return inverse
}

// Addresses gives every address that an SMTP value in c has, without doubles, deletions first. mail is not among them
// unless a value has it too.
func (c Change) Addresses() []Address {
	var touched []Address
	seen := map[Key]bool{}
	for _, p := range append(Set(c.Delete).SMTP(), Set(c.Add).SMTP()...) {
		if key := p.Address().Key(); !seen[key] {
			seen[key] = true
			touched = append(touched, p.Address())
		}
	}
	return touched
}

// Touches says whether two changes have an address in common, mail's old and new one too, or both change mail.
func (c Change) Touches(d Change) bool {
	theirs := d.named()
	return c.Mail != nil && d.Mail != nil || slices.ContainsFunc(c.named(), func(a Address) bool { return slices.ContainsFunc(theirs, a.Equal) })
}

// named are the addresses of the values, and those that mail had and gets.
func (c Change) named() []Address {
	all := c.Addresses()
	if c.Mail == nil {
		return all
	}
	for _, m := range []string{c.Mail.Old, c.Mail.New} {
		if m != "" {
			all = append(all, Address(m))
		}
	}
	return all
}

// MarshalJSON gives lists always: nothing to delete is [], never null.
func (c Change) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Delete Set         `json:"delete"`
		Add    Set         `json:"add"`
		Mail   *MailChange `json:"mail,omitempty"`
	}{c.Delete, c.Add, c.Mail})
}
