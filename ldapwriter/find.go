package ldapwriter

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// maxCandidates is how many objects an ambiguous identity is answered with.
const maxCandidates = 20

// Find finds the one user, group or contact that an identity names: objectGUID (in braces or not), DN, DOMAIN\account,
// UPN or any SMTP address, sAMAccountName, and when none of these fits, the display name (or cn, where there is no
// display name). Everything is compared without case. Errors: unknown_holder, ambiguous_holder with the candidates, and
// Wait(directory_unavailable); Wait(dc_unavailable) where only another DC than the pinned one could be asked and does not
// show it, since it may not have replicated. Who is not below the base DN is nobody, however named.
func (d *Directory) Find(ctx context.Context, identity string) (Entry, error) {
	wanted := strings.TrimSpace(identity)
	if wanted == "" {
		return Entry{}, unknown(identity)
	}
	domains, err := d.domainNames(ctx, wanted)
	if err != nil {
		return Entry{}, err
	}
	probes := append(precise(wanted, domains), byName(identity))
	var behind *server // it may be: what it does not show is not known
	for i, p := range probes {
		if isName := i == len(probes)-1; isName && behind != nil && !strings.Contains(wanted, " ") {
			break // it may be an account or an address that has not replicated, and somebody else's display name
		}
		hits, from, err := d.lookUp(ctx, p)
		if err != nil {
			return Entry{}, err
		}
		switch {
		case len(hits) == 1:
			return hits[0], nil
		case len(hits) > 1:
			return Entry{}, ambiguous(identity, hits)
		case !d.pinned(from):
			behind = from
		}
	}
	if behind != nil {
		return Entry{}, d.perhapsLater(behind)
	}
	return Entry{}, unknown(identity)
}

// domainNames are the names of our domain that may stand before a backslash; they are only read where one stands there.
func (d *Directory) domainNames(ctx context.Context, identity string) ([]string, error) {
	if !strings.Contains(identity, `\`) {
		return nil, nil
	}
	f, err := d.forestNow(ctx)
	if err != nil {
		return nil, err
	}
	return []string{f.own.netBIOS, f.own.dns}, nil
}

// lookUp gives the holders that a probe finds, and the server that was asked.
func (d *Directory) lookUp(ctx context.Context, p probe) (hits []Entry, from *server, err error) {
	err = d.first(ctx, func(s *server, c *session) error {
		from, hits = s, nil
		found, err := c.fetch(p, d.options.BaseDN)
		if p.base == "" && notHere(err) {
			return &awayError{url: s.url, why: notBase(d.options.BaseDN), err: err}
		}
		if err != nil {
			return err
		}
		for _, e := range found {
			entry, ok, err := newEntry(e, s.url)
			if err != nil {
				return err
			}
			if ok && p.bears(entry.Holder) && !known(hits, entry) {
				hits = append(hits, entry)
			}
		}
		if p.base != "" && len(hits) > 0 {
			return d.mustBeBelow(c, hits[0].Holder, s.url)
		}
		return nil
	})
	return hits, from, err
}

// mustBeBelow refuses a holder that is not below the base DN: who named a part of the directory there means that part alone. The
// directory is asked, for it knows when two names are the same; where the base is the whole domain, everybody is below it.
func (d *Directory) mustBeBelow(c *session, h address.Holder, url string) error {
	if address.EqualFold(d.options.BaseDN, c.facts.domain) {
		return nil
	}
	found, err := c.search(d.options.BaseDN, ldap.ScopeWholeSubtree, guidFilter([]address.GUID{h.GUID}), []string{"1.1"})
	if notHere(err) { // without the answer, which would pass for the holder's
		return &awayError{url: url, why: notBase(d.options.BaseDN)}
	}
	if err != nil || len(found) > 0 {
		return err
	}
	return cause.Refuse(cause.UnknownHolder, "%s is not below %s (directory.base_dn), and nothing is written elsewhere: choose a holder there, or let an administrator widen the setting",
		h.DN, d.options.BaseDN)
}

// known says whether an entry is among some. Samba shows one with case twins twice.
func known(among []Entry, entry Entry) bool {
	return slices.ContainsFunc(among, func(e Entry) bool { return e.GUID == entry.GUID })
}

// fetch runs a probe; nothing found is no error.
func (c *session) fetch(p probe, base string) ([]*ldap.Entry, error) {
	found, err := c.find(p, base)
	if p.base != "" && (notHere(err) || c.stumblesOver(p, base, err)) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for i, e := range found {
		if found[i], err = c.complete(e); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// stumblesOver says whether an error is about the name alone that a probe reads: Samba answers a DN that begins with some attributes with
// operationsError, which would pass for a server that serves nobody, and everybody would wait behind one name. The server reads its
// base over the same connection, and fails at the name again.
func (c *session) stumblesOver(p probe, base string, err error) bool {
	name := func(err error) bool {
		return ldap.IsErrorAnyOf(err, ldap.LDAPResultOperationsError, ldap.LDAPResultOther, ldap.LDAPResultProtocolError)
	}
	if !name(err) || strings.HasPrefix(p.base, "<") { // an objectGUID is no name that a server stumbles over
		return false
	}
	if _, err := c.base(base, []string{attrClass}); err != nil {
		return false
	}
	_, err = c.find(p, base)
	return name(err)
}

func (c *session) find(p probe, base string) ([]*ldap.Entry, error) {
	if p.base != "" {
		return c.search(p.base, ldap.ScopeBaseObject, "(objectClass=*)", holderInFull())
	}
	return c.search(base, ldap.ScopeWholeSubtree, p.filter, holderInFull())
}

func unknown(identity string) error {
	return cause.Refuse(cause.UnknownHolder,
		"no user, group or contact on-premises is known as %q (an object that is only in the cloud is not found); give its UPN, an address, account name, display name, DN or objectGUID", identity)
}

func ambiguous(identity string, hits []Entry) error {
	slices.SortFunc(hits, func(a, b Entry) int { return strings.Compare(string(a.DN), string(b.DN)) })
	var candidates []cause.Candidate
	for _, h := range hits[:min(len(hits), maxCandidates)] {
		candidates = append(candidates, cause.Candidate{ObjectGUID: h.GUID.String(), Kind: string(h.Kind), Name: h.Name,
			DN: string(h.DN), UPN: h.UPN, Mail: h.Mail})
	}
	return cause.Refuse(cause.AmbiguousHolder, "%d objects are known as %q; ask again with the objectGUID of the one that is meant",
		len(hits), identity).WithCandidates(candidates)
}

// perhapsLater is the answer where something is not shown by a server that may be behind the pinned one.
func (d *Directory) perhapsLater(from *server) error {
	return cause.Wait(cause.DCUnavailable, "%s cannot be used, and %s does not show the holder, perhaps because it has not replicated yet; this is tried again by itself",
		d.servers[0].url, from.url)
}

func notBase(dn string) plain { return plain{"it does not hold " + dn, "correct directory.base_dn"} }

// notHere says whether err is the server's word that it does not hold a DN: no such object, no DN, another server's.
func notHere(err error) bool {
	return ldap.IsErrorAnyOf(err, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInvalidDNSyntax, ldap.LDAPResultReferral)
}

// gone says whether err is the server's word that an object is not there.
func gone(err error) bool { return ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) }

// errNoHolder says that an object is there but is no user, group or contact.
var errNoHolder = errors.New("the object is no user, group or contact")

// holder reads one holder by its objectGUID, all values included. gone(err) or errNoHolder where there is none.
func (c *session) holder(guid address.GUID, dc string) (Entry, error) {
	e, err := c.base(guidDN(guid[:]), holderInFull())
	if err != nil {
		return Entry{}, err
	}
	if e, err = c.complete(e); err != nil {
		return Entry{}, err
	}
	entry, ok, err := newEntry(e, dc)
	if err == nil && !ok {
		err = errNoHolder
	}
	return entry, err
}
