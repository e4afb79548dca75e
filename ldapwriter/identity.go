package ldapwriter

import (
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/address"
)

// probe is one way to look a holder up: where to search, and whether a hit really bears the identity. AD compares more
// loosely than people do (it takes ü for u), and the wrong person must not be written to.
type probe struct {
	base   string // one entry, by DN
	filter string // or a search under the base DN
	bears  func(address.Holder) bool
}

// precise gives the ways that the shape of an identity allows and that name one holder; none where it has no such shape.
// domains are the names that may stand before the backslash.
func precise(identity string, domains []string) []probe {
	if guid, err := address.ParseGUID(identity); err == nil {
		return []probe{{base: guidDN(guid[:]), bears: anyHolder}}
	}
	if strings.Contains(identity, "=") {
		if dn, err := canonicalDN(identity); err == nil {
			return []probe{{base: dn, bears: anyHolder}}
		}
	}
	if domain, account, found := strings.Cut(identity, `\`); found {
		return byAccountIn(domain, account, domains)
	}
	if mail, found := mailShape(identity); found {
		return []probe{byAddress(mail)}
	}
	return []probe{byAccount(identity)}
}

// Bears says whether an identity, in any form that Find takes, names the entry by what it shows. DOMAIN\account is compared by the account
// alone, and a DN as it stands now.
func (e Entry) Bears(identity string) bool {
	wanted := strings.TrimSpace(identity)
	if guid, err := address.ParseGUID(wanted); err == nil {
		return guid == e.GUID
	}
	if _, account, found := strings.Cut(wanted, `\`); found {
		wanted = account
	}
	probes := []probe{byAccount(wanted), byName(identity)}
	if mail, found := mailShape(wanted); found {
		probes = append(probes, byAddress(mail))
	}
	isHere := slices.ContainsFunc(probes, func(p probe) bool { return p.bears(e.Holder) })
	return isHere || sameDN(wanted, string(e.DN))
}

func sameDN(a, b string) bool {
	one, err := ldap.ParseDN(a)
	if err != nil || len(one.RDNs) == 0 {
		return false
	}
	other, err := ldap.ParseDN(b)
	return err == nil && one.EqualFold(other)
}

func anyHolder(address.Holder) bool { return true }

// mailShape gives the bare address of something@somewhere; an smtp: prefix is left off.
func mailShape(identity string) (address.Address, bool) {
	if p := address.Proxy(identity); p.IsSMTP() {
		identity = string(p.Address())
	}
	local, domain, found := strings.Cut(identity, "@")
	return address.Address(identity), found && local != "" && domain != ""
}

// byAddress finds by UPN, primary and any other SMTP address; mail counts where it is all that a holder has.
func byAddress(a address.Address) probe {
	return probe{
		filter: anyOf(equals(attrUPN, string(a)), equals(attrProxies, string(address.Secondary(a))), equals(attrMail, string(a))),
		bears: func(h address.Holder) bool {
			return a.Equal(address.Address(h.UPN)) || a.Equal(address.Address(h.Mail)) || len(h.Proxies.Find(a)) > 0
		},
	}
}

// byAccount finds by sAMAccountName.
func byAccount(account string) probe {
	return probe{
		filter: equals(attrAccount, account),
		bears:  func(h address.Holder) bool { return address.EqualFold(h.Account, account) },
	}
}

// byAccountIn finds DOMAIN\account; another domain's account of the same name is somebody else.
func byAccountIn(domain, account string, domains []string) []probe {
	for _, d := range domains {
		if d != "" && account != "" && strings.EqualFold(d, domain) {
			return []probe{byAccount(account)}
		}
	}
	return nil
}

// byName finds by display name, or by cn where there is none. Names need not be unique. A name may begin or end with a
// space, so it is looked for as it was given too.
func byName(given string) probe {
	name := strings.TrimSpace(given)
	parts := []string{equals(attrName, name), equals(attrCN, name)}
	if given != name {
		parts = append(parts, equals(attrName, given), equals(attrCN, given))
	}
	return probe{
		filter: anyOf(parts...),
		bears:  func(h address.Holder) bool { return address.EqualFold(squeeze(h.Name), squeeze(name)) },
	}
}

// squeeze leaves out spaces that do not count when the directory compares names: at the ends, and all but one in between.
func squeeze(name string) string { return strings.Join(strings.Fields(name), " ") }
