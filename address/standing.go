package address

import "fmt"

// Standing says in words, without a full stop, why nothing has to be written for an ask: how both sides have it
// already. It is true where the plan's change is empty, and only there.
func (s Situation) Standing(a Ask) string {
	values := s.Holder.Proxies
	switch {
	case a.Action == RemoveAlias:
		return fmt.Sprintf("%s has no alias %s on-premises", s.name(), a.Address)
	case a.Action == Undo:
		return fmt.Sprintf("%s has on-premises what the undo would bring back", s.name())
	case a.Action == SetPrimary:
		return fmt.Sprintf("%s is the primary of %s on-premises already", a.Address, s.name())
	case len(values.Find(a.Address)) == 0:
		return fmt.Sprintf("%s is the primary of %s already, though proxyAddresses does not name it", a.Address, s.name())
	}
	return fmt.Sprintf("%s already has %s on-premises", s.name(), values.Find(a.Address)[0])
}
