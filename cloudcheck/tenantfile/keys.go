package tenantfile

import (
	"hash/maphash"
	"slices"
	"strings"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/cloudcheck/hashindex"
)

// key is a hash of one thing that an object is found by. Two things may share one, so what is found is compared.
type key uint64

// What an object is found by; the letter keeps an anchor from being taken for an address.
const (
	byAnchor  = 'a'
	bySID     = 's'
	byAddress = '@'
)

func (f *File) keyOf(what byte, value string) key {
	var h maphash.Hash
	h.SetSeed(f.seed)
	_ = h.WriteByte(what)
	_, _ = h.WriteString(value)
	return key(h.Sum64() >> (64 - hashindex.Bits))
}

func (f *File) keyOfSID(sid string) key { return f.keyOf(bySID, strings.ToUpper(sid)) }

func (f *File) keyOfAddress(a address.Address) key { return f.keyOf(byAddress, string(a.Key())) }

// keysOf are an object's keys, each once: what a holder is matched by, and every address that it holds.
func (f *File) keysOf(o *cloudcheck.Object) []key {
	var keys []key
	if o.ImmutableID != "" {
		keys = append(keys, f.keyOf(byAnchor, o.ImmutableID))
	}
	if o.SID != "" {
		keys = append(keys, f.keyOfSID(o.SID))
	}
	for _, p := range o.Proxies.SMTP() {
		keys = append(keys, f.keyOfAddress(p.Address()))
	}
	for _, bare := range []string{o.Mail, o.UPN} {
		if bare != "" {
			keys = append(keys, f.keyOfAddress(address.Address(bare)))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// keysOfHolder are the keys under which a holder's object stands as a rule, if the tenant has it.
func (f *File) keysOfHolder(h address.Holder) []key {
	var keys []key
	switch {
	case h.Kind == address.Contact:
		for _, p := range h.Proxies.SMTP() {
			keys = append(keys, f.keyOfAddress(p.Address()))
		}
		if h.Mail != "" {
			keys = append(keys, f.keyOfAddress(address.Address(h.Mail)))
		}
	case h.Kind == address.Group && h.SID != "":
		keys = append(keys, f.keyOfSID(h.SID))
	case h.Kind == address.User && h.Anchor != "":
		keys = append(keys, f.keyOf(byAnchor, h.Anchor))
	}
	return keys
}

// otherKeysOfHolder are those under which a user stands whom its anchor does not lead to: in a tenant with another source
// anchor.
func (f *File) otherKeysOfHolder(h address.Holder) []key {
	var keys []key
	if h.Kind != address.User {
		return nil
	}
	if other := cloudcheck.OtherAnchor(h); other != "" {
		keys = append(keys, f.keyOf(byAnchor, other))
	}
	if h.SID != "" {
		keys = append(keys, f.keyOfSID(h.SID))
	}
	return keys
}
