package site

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// Kind is what an object is: its last object class.
type Kind string

// The kinds of objects that a site can be populated with.
const (
	User    Kind = "user"
	Group   Kind = "group"
	Contact Kind = "contact"
	OU      Kind = "organizationalUnit"
)

// Object is an object to be made. What is empty is not set.
type Object struct {
	Kind Kind
	// Name is the cn (of an OU: the ou), and displayName where Attributes give no other.
	Name string
	// Account is sAMAccountName; users and groups without one get their name's.
	Account string
	UPN     string // userPrincipalName
	// OU is the parent relative to the base DN; empty means People.
	OU       string
	Mail     string
	Nickname string   // mailNickname
	Proxies  []string // proxyAddresses, spelled as they shall stand
	// Attributes are further ones; they win over the fields above.
	Attributes map[string][]string
}

// RelativeDN is the object's DN relative to the base DN of its site.
func (o Object) RelativeDN() string {
	rdn := "CN="
	if o.Kind == OU {
		rdn = "OU="
	}
	// ldap.EscapeDN leaves "=" as it is, which Samba does not read.
	return rdn + strings.ReplaceAll(ldap.EscapeDN(o.Name), "=", `\=`) + "," + cmp.Or(o.OU, People)
}

// Values are the attributes of the object as it is added, object class included. Users are enabled and need no password
// (userAccountControl 544), so that they can be made without one.
func (o Object) Values() map[string][]string {
	values := map[string][]string{"objectClass": o.classes()}
	set := func(name, value string) {
		if value != "" {
			values[name] = []string{value}
		}
	}
	if o.Kind != OU {
		set("displayName", o.Name)
	}
	if o.Kind == User || o.Kind == Group {
		set("sAMAccountName", cmp.Or(o.Account, o.Name))
	}
	if o.Kind == User {
		set("userAccountControl", "544")
	}
	set("userPrincipalName", o.UPN)
	set("mail", o.Mail)
	set("mailNickname", o.Nickname)
	if len(o.Proxies) > 0 {
		values["proxyAddresses"] = o.Proxies
	}
	maps.Copy(values, o.Attributes)
	return values
}

func (o Object) classes() []string {
	switch o.Kind {
	case User, Contact:
		return []string{"top", "person", "organizationalPerson", string(o.Kind)}
	default:
		return []string{"top", string(o.Kind)}
	}
}

// DNOf is the full DN that an object has, or will have, in this site.
func (s *Site) DNOf(o Object) string { return s.DN(o.RelativeDN()) }

// Populate adds objects in their order, as the administrator; it stops at the first that is refused.
func (s *Site) Populate(ctx context.Context, objects []Object) error {
	return s.asAdmin(ctx, func(conn *ldap.Conn) error {
		for _, o := range objects {
			if err := conn.Add(addRequest(s.DNOf(o), o.Values())); err != nil {
				return fmt.Errorf("add %s: %w", s.DNOf(o), err)
			}
		}
		return nil
	})
}

func addRequest(dn string, values map[string][]string) *ldap.AddRequest {
	request := ldap.NewAddRequest(dn, nil)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		request.Attribute(name, values[name])
	}
	return request
}

// Changes is one modify, applied as a whole or not at all: values to delete, to add, and attributes to replace (with no
// values: to remove).
type Changes struct {
	Delete, Add, Replace map[string][]string
}

// Modify changes the object at dn in one LDAP modify, as the administrator.
func (s *Site) Modify(ctx context.Context, dn string, changes Changes) error {
	request := ldap.NewModifyRequest(dn, nil)
	for _, name := range slices.Sorted(maps.Keys(changes.Delete)) {
		request.Delete(name, changes.Delete[name])
	}
	for _, name := range slices.Sorted(maps.Keys(changes.Add)) {
		request.Add(name, changes.Add[name])
	}
	for _, name := range slices.Sorted(maps.Keys(changes.Replace)) {
		request.Replace(name, changes.Replace[name])
	}
	return s.asAdmin(ctx, func(conn *ldap.Conn) error { return conn.Modify(request) })
}

// Remove deletes the object at dn, as the administrator.
func (s *Site) Remove(ctx context.Context, dn string) error {
	return s.asAdmin(ctx, func(conn *ldap.Conn) error { return conn.Del(ldap.NewDelRequest(dn, nil)) })
}

// Move gives the object at dn a new RDN ("CN=New Name") and a new parent (a full DN; empty keeps the old one).
func (s *Site) Move(ctx context.Context, dn, rdn, parent string) error {
	return s.asAdmin(ctx, func(conn *ldap.Conn) error {
		return conn.ModifyDN(ldap.NewModifyDNRequest(dn, rdn, true, parent))
	})
}

// ErrNotFound says that no object stands at the DN that was read.
var ErrNotFound = errors.New("no such object")

// Read gives the object at dn (a DN, or <GUID=…>) with the attributes named, all of them when none is, as the administrator.
// The error is ErrNotFound when there is none.
func (s *Site) Read(ctx context.Context, dn string, attributes ...string) (*ldap.Entry, error) {
	var entry *ldap.Entry
	err := s.asAdmin(ctx, func(conn *ldap.Conn) error {
		result, err := conn.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false,
			"(objectClass=*)", attributes, nil))
		if ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) || err == nil && len(result.Entries) == 0 {
			return fmt.Errorf("read %s: %w", dn, ErrNotFound)
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", dn, err)
		}
		entry = result.Entries[0]
		return nil
	})
	return entry, err
}

// GUID gives the raw objectGUID of the object at dn.
func (s *Site) GUID(ctx context.Context, dn string) ([16]byte, error) {
	var guid [16]byte
	entry, err := s.Read(ctx, dn, "objectGUID")
	if err != nil {
		return guid, err
	}
	if n := copy(guid[:], entry.GetRawAttributeValue("objectGUID")); n != len(guid) {
		return guid, fmt.Errorf("objectGUID of %s has %d bytes", dn, n)
	}
	return guid, nil
}
