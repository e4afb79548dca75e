package directory

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"unicode/utf16"

	"github.com/aliasd/aliasd/lab/directory/store"
	"github.com/aliasd/aliasd/lab/directory/wire"
	"github.com/aliasd/aliasd/lab/site"
)

// fill makes the store, with the units and accounts of every site and the objects that the options name.
func (d *Directory) fill() error {
	var outside []string
	if d.options.ProxiesOutsideCatalog {
		outside = []string{"proxyAddresses"}
	}
	var err error
	d.store, err = store.New(store.Options{BaseDN: site.BaseDN, Domain: site.Domain, NetBIOS: netBIOS, Now: d.options.Now, GUID: d.options.GUID,
		OutsideCatalog: outside})
	if err != nil {
		return err
	}
	for _, unit := range []string{site.People, site.Sales, site.Support, site.Locked} {
		if err := d.add(unit, map[string][]string{"objectClass": {"organizationalUnit"}}); err != nil {
			return err
		}
	}
	for _, object := range slices.Concat(accounts(), d.options.Objects) {
		if err := d.add(object.RelativeDN(), object.Values()); err != nil {
			return err
		}
	}
	return nil
}

// add makes an object without asking anybody.
func (d *Directory) add(relativeDN string, values map[string][]string) error {
	var attributes []wire.Attribute
	for _, name := range slices.Sorted(maps.Keys(values)) {
		attributes = append(attributes, wire.Attribute{Name: name, Values: values[name]})
	}
	dn := relativeDN + "," + site.BaseDN
	if err := d.store.Add(dn, attributes, everything); err != nil {
		return fmt.Errorf("add %s: %w", dn, err)
	}
	return nil
}

// everything is the guard of the directory itself.
func everything(store.Target, []*store.Attribute) error { return nil }

// accounts are the administrator, who is protected by AdminSDHolder, and the account that aliasd binds with.
func accounts() []site.Object {
	return []site.Object{
		{Kind: site.User, Name: "Administrator", OU: "CN=Users", Attributes: map[string][]string{
			"adminCount": {"1"}, "isCriticalSystemObject": {"TRUE"}, "userAccountControl": {"66048"},
			"unicodePwd": {encodePassword(adminPassword)}}},
		{Kind: site.User, Name: site.ServiceAccount, UPN: site.ServiceAccount + "@" + site.Domain, OU: "CN=Users",
			Attributes: map[string][]string{"userAccountControl": {"66048"}, "unicodePwd": {encodePassword(servicePassword)}}},
	}
}

// encodePassword writes a password as unicodePwd wants it (MS-ADTS 3.1.1.3.1.5.1).
func encodePassword(password string) string {
	var raw []byte
	for _, unit := range utf16.Encode([]rune(`"` + password + `"`)) {
		raw = binary.LittleEndian.AppendUint16(raw, unit)
	}
	return string(raw)
}
