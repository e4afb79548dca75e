package ldapwriter

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/cause"
)

// rangeTries is how often values in ranges are read from the start because somebody changed the entry in between.
const rangeTries = 5

// complete fetches the values that a server gave a first range of only ("proxyAddresses;range=0-1499", MS-ADTS
// 3.1.1.3.1.3.3), so that no value is ever missed. All ranges come from one version of the entry.
func (c *session) complete(e *ldap.Entry) (*ldap.Entry, error) {
	for range rangeTries {
		if firstRanged(e) == nil {
			return e, nil
		}
		whole, err := c.ranges(e)
		if !errors.Is(err, errMoved) {
			return whole, err
		}
		if e, err = c.base(guidDN(raw(e, attrGUID)), holderInFull()); err != nil {
			return nil, err
		}
	}
	return nil, cause.Wait(cause.DirectoryUnavailable, "%s keeps changing while its values are read; this is tried again by itself",
		e.DN).Because(errMoved)
}

// errMoved says that an entry changed while its values were read in ranges.
var errMoved = errors.New("the entry kept changing while it was read")

// ranges reads every attribute of e that came as a range to its end.
func (c *session) ranges(e *ldap.Entry) (*ldap.Entry, error) {
	whole := &ldap.Entry{DN: e.DN}
	for _, a := range e.Attributes {
		if len(a.Values) == 0 {
			continue // AD sends the bare name too, without values
		}
		name, last, ranged := parseRange(a.Name)
		if ranged && last == badRange {
			return nil, strangeRange(a.Name, e.DN)
		}
		full := &ldap.EntryAttribute{Name: name, Values: a.Values, ByteValues: a.ByteValues}
		whole.Attributes = append(whole.Attributes, full)
		for ranged && last >= 0 {
			next, err := c.nextRange(e, name, last+1)
			if err != nil {
				return nil, err
			}
			full.Values = append(full.Values, next.Values...)
			full.ByteValues = append(full.ByteValues, next.ByteValues...)
			given, end, more := parseRange(next.Name)
			if !more || !strings.EqualFold(given, name) || end == badRange || end >= 0 && end <= last {
				return nil, strangeRange(next.Name, e.DN)
			}
			last = end
		}
	}
	return whole, nil
}

// nextRange reads the values from one index on; errMoved where e is another version by now.
func (c *session) nextRange(e *ldap.Entry, name string, from int) (*ldap.EntryAttribute, error) {
	next, err := c.base(guidDN(raw(e, attrGUID)), []string{fmt.Sprintf("%s;range=%d-*", name, from), attrUSN})
	if err != nil {
		return nil, err
	}
	if value(next, attrUSN) != value(e, attrUSN) {
		return nil, errMoved
	}
	a := firstRanged(next)
	if a == nil || len(a.Values) == 0 {
		return nil, fmt.Errorf("read %s of %s from value %d on: the server gave none", name, e.DN, from)
	}
	return a, nil
}

func firstRanged(e *ldap.Entry) *ldap.EntryAttribute {
	for _, a := range e.Attributes {
		if _, _, ranged := parseRange(a.Name); ranged {
			return a
		}
	}
	return nil
}

// strangeRange is the error for a range that is none: whoever believed it would take some of the values for all of them.
func strangeRange(option, dn string) error {
	return fmt.Errorf("read the values of %s: the server gave the range %q", dn, option)
}

// badRange is the end of a range that is none.
const badRange = -2

// parseRange reads "name;range=0-1499" and "name;range=1500-*". last is the index of the last value given, -1 where it
// is the very last, badRange where it is neither.
func parseRange(option string) (name string, last int, ranged bool) {
	name, bounds, found := strings.Cut(option, ";")
	if !found {
		return option, -1, false
	}
	bounds, found = strings.CutPrefix(strings.ToLower(bounds), "range=")
	if !found {
		return option, -1, false
	}
	start, end, _ := strings.Cut(bounds, "-")
	first, err := strconv.ParseUint(start, 10, 31)
	if err == nil && end == "*" {
		return name, -1, true
	}
	until, wrong := strconv.ParseUint(end, 10, 31)
	if err != nil || wrong != nil || until < first {
		return name, badRange, true
	}
	return name, int(until), true
}

// base reads one entry by its DN; where there is none, the error is an *ldap.Error with noSuchObject.
func (c *session) base(dn string, attributes []string) (*ldap.Entry, error) {
	entries, err := c.search(dn, ldap.ScopeBaseObject, "(objectClass=*)", attributes)
	if err != nil {
		return nil, err
	}
	if len(entries) != 1 {
		return nil, ldap.NewError(ldap.LDAPResultNoSuchObject, errors.New("the entry is not shown"))
	}
	return entries[0], nil
}
