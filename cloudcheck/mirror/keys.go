package mirror

import (
	"hash/fnv"
	"slices"
	"strings"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
)

// key is a hash of one thing that an object is found by. Two things may share one, so what is found is compared.
type key int64

// What an object is found by; the letter keeps an id from being taken for an anchor.
const (
	byID      = "i"
	byAnchor  = "a"
	bySID     = "s"
	byAddress = "@"
)

func keyOf(what, value string) key {
	h := fnv.New64a()
	_, _ = h.Write([]byte(what))
	_, _ = h.Write([]byte(value))
	return key(h.Sum64())
}

func keyOfID(id string) key { return keyOf(byID, strings.ToLower(id)) }

func keyOfSID(sid string) key { return keyOf(bySID, strings.ToUpper(sid)) }

func keyOfAddress(a address.Address) key { return keyOf(byAddress, string(a.Key())) }

// keysOf are an object's keys, each once: its id, what a holder is matched by, and every address that it holds.
func keysOf(o *cloudcheck.Object) []key {
	keys := []key{keyOfID(o.ID)}
	if o.ImmutableID != "" {
		keys = append(keys, keyOf(byAnchor, o.ImmutableID))
	}
	if o.SID != "" {
		keys = append(keys, keyOfSID(o.SID))
	}
	for _, p := range o.Proxies.SMTP() {
		keys = append(keys, keyOfAddress(p.Address()))
	}
	for _, bare := range []string{o.Mail, o.UPN} {
		if bare != "" {
			keys = append(keys, keyOfAddress(address.Address(bare)))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// keysOfHolder are the keys under which a holder's object stands as a rule, if the tenant has it.
func keysOfHolder(h address.Holder) []key {
	var keys []key
	switch {
	case h.Kind == address.Contact:
		for _, p := range h.Proxies.SMTP() {
			keys = append(keys, keyOfAddress(p.Address()))
		}
		if h.Mail != "" {
			keys = append(keys, keyOfAddress(address.Address(h.Mail)))
		}
	case h.Kind == address.Group && h.SID != "":
		keys = append(keys, keyOfSID(h.SID))
	case h.Kind == address.User && h.Anchor != "":
		keys = append(keys, keyOf(byAnchor, h.Anchor))
	}
	return keys
}

// otherKeysOfHolder are those under which a user stands whom its anchor does not lead to: in a tenant with another source
// anchor.
func otherKeysOfHolder(h address.Holder) []key {
	var keys []key
	if h.Kind != address.User {
		return nil
	}
	if other := cloudcheck.OtherAnchor(h); other != "" {
		keys = append(keys, keyOf(byAnchor, other))
	}
	if h.SID != "" {
		keys = append(keys, keyOfSID(h.SID))
	}
	return keys
}
