package cloudcheck

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// conflicts names the objects that hold one of the addresses, one entry for each object and address, live ones first.
func conflicts(objects []Object, addrs []address.Address, exceptID string) []cause.Conflict {
	var found []cause.Conflict
	for _, o := range objects {
		if o.ID == exceptID {
			continue
		}
		for _, a := range addrs {
			if held := o.holds(a); held != "" {
				found = append(found, conflict(o, held))
			}
		}
	}
	slices.SortStableFunc(found, func(a, b cause.Conflict) int {
		return cmp.Compare(len(deletedPrefix(a.Kind)), len(deletedPrefix(b.Kind)))
	})
	return found
}

// holds gives the value in which an object holds an address, "" where it does not.
func (o *Object) holds(a address.Address) string {
	if values := o.Proxies.Find(a); len(values) > 0 {
		return string(values[0])
	}
	for _, bare := range []string{o.Mail, o.UPN} {
		if bare != "" && a.Equal(address.Address(bare)) {
			return bare
		}
	}
	return ""
}

func conflict(o Object, held string) cause.Conflict {
	kind := string(o.Kind)
	if o.Deleted {
		kind = "deleted_" + kind
	}
	return cause.Conflict{Kind: kind, ID: o.ID, Name: o.Called(), Address: held,
		CloudOnly: !o.Deleted && !o.synced()}
}

func deletedPrefix(kind string) string {
	if strings.HasPrefix(kind, "deleted_") {
		return "deleted_"
	}
	return ""
}

// holderIn finds the conflict about one address that stands in the way most: a live one before a deleted one.
func holderIn(objects []Object, a address.Address, exceptID string) *cause.Conflict {
	found := conflicts(objects, []address.Address{a}, exceptID)
	if len(found) == 0 {
		return nil
	}
	return &found[0]
}

// inWords names a conflict in a sentence: the deleted user Ann Other (smtp:ann@contoso.com).
func inWords(c cause.Conflict) string {
	return "the " + strings.ReplaceAll(c.Kind, "_", " ") + " " + c.Name + " (" + c.Address + ")"
}
