package address

import (
	"encoding/json"
	"slices"
)

// Set is the values of proxyAddresses, in the order the directory gave them; order means nothing.
type Set []Proxy

// Primaries gives every SMTP: value; a sound set has one, a wrong one none or several.
func (s Set) Primaries() []Proxy { return s.filter(Proxy.IsPrimary) }

// SMTP gives every value of type smtp, in any case.
func (s Set) SMTP() []Proxy { return s.filter(Proxy.IsSMTP) }

// Find gives every SMTP value of the address, compared without case. More than one: they are case twins.
func (s Set) Find(a Address) []Proxy {
	key := a.Key()
	return s.filter(func(p Proxy) bool { return p.IsSMTP() && p.Address().Key() == key })
}

// Has says whether exactly this value is there; case counts.
func (s Set) Has(p Proxy) bool { return slices.Contains(s, p) }

// Spells says whether the value is there in any spelling, primary or not.
func (s Set) Spells(p Proxy) bool {
	return slices.ContainsFunc(s, func(own Proxy) bool { return own.Key() == p.Key() })
}

// Equal compares as sets: without order, exact in every byte.
func (s Set) Equal(t Set) bool {
	return len(s.Without(t...)) == 0 && len(t.Without(s...)) == 0
}

// Without gives a new set that lacks exactly these values; what is not there is no matter.
func (s Set) Without(gone ...Proxy) Set {
	drop := make(map[Proxy]bool, len(gone))
	for _, p := range gone {
		drop[p] = true
	}
	return s.filter(func(p Proxy) bool { return !drop[p] })
}

// With gives a new set that has these values too, at its end; one that is there exactly is not doubled.
func (s Set) With(more ...Proxy) Set {
	with := slices.Clone(s)
	for _, p := range more {
		if !with.Has(p) {
			with = append(with, p)
		}
	}
	return with
}

// MarshalJSON gives a list always: an absent attribute is [], never null.
func (s Set) MarshalJSON() ([]byte, error) {
	if s == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]Proxy(s))
}

// filter gives a new set of the values that pass; nil where none does.
func (s Set) filter(pass func(Proxy) bool) Set {
	var passed Set
	for _, p := range s {
		if pass(p) {
			passed = append(passed, p)
		}
	}
	return passed
}
