package ldapwriter

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/address"
)

// The attributes that holders are made of (MS-ADA1 to MS-ADA3; those of the Exchange schema where it is there).
const (
	attrClass            = "objectClass"
	attrGUID             = "objectGUID"
	attrAnchor           = "mS-DS-ConsistencyGuid"
	attrSID              = "objectSid"
	attrName             = "displayName"
	attrCN               = "cn"
	attrUPN              = "userPrincipalName"
	attrAccount          = "sAMAccountName"
	attrMail             = "mail"
	attrProxies          = "proxyAddresses"
	attrNickname         = "mailNickname"
	attrTarget           = "targetAddress"
	attrRemoteRecipient  = "msExchRemoteRecipientType"
	attrRecipientDetails = "msExchRecipientTypeDetails"
	attrPoliciesIn       = "msExchPoliciesIncluded"
	attrPoliciesOut      = "msExchPoliciesExcluded"
	attrCritical         = "isCriticalSystemObject"
	attrChanged          = "whenChanged"
	attrUSN              = "uSNChanged"
)

// holderAttributes are what a holder is read with; a server leaves out those that its schema does not know.
func holderAttributes() []string {
	return []string{attrClass, attrGUID, attrAnchor, attrSID, attrName, attrCN, attrUPN, attrAccount, attrMail,
		attrProxies, attrNickname, attrTarget, attrRemoteRecipient, attrRecipientDetails, attrPoliciesIn,
		attrPoliciesOut, attrCritical, attrChanged, attrUSN}
}

// holderInFull are the same with the stamps of the attributes, which make an entry of few values twice as large.
func holderInFull() []string { return append(holderAttributes(), attrStamps) }

// noPolicy is the value of msExchPoliciesExcluded that switches e-mail address policies off for a holder (KB318072).
const noPolicy = "26491CFC-9E50-4857-861B-0CB8DF22B5D7"

// kindOf says what an object is by its classes; ok is false for all that Entra gives no addresses to, computers among
// them although they are users by inheritance.
func kindOf(classes []string) (kind address.Kind, ok bool) {
	has := func(class string) bool {
		return slices.ContainsFunc(classes, func(c string) bool { return strings.EqualFold(c, class) })
	}
	switch {
	case has("computer"):
		return "", false
	case has("group"):
		return address.Group, true
	case has("contact"):
		return address.Contact, true
	case has("user"):
		return address.User, true
	}
	return "", false
}

// newEntry maps an LDAP entry whose values are complete. ok is false where it is no holder.
func newEntry(e *ldap.Entry, dc string) (entry Entry, ok bool, err error) {
	kind, ok := kindOf(values(e, attrClass))
	if !ok {
		return Entry{}, false, nil
	}
	guid, err := address.GUIDFromBytes(raw(e, attrGUID))
	if err != nil {
		return Entry{}, false, fmt.Errorf("objectGUID of %s: %w", e.DN, err)
	}
	entry = Entry{
		DC:         dc,
		USNChanged: number(value(e, attrUSN)),
		Holder: address.Holder{
			GUID:                 guid,
			Anchor:               anchor(raw(e, attrAnchor), guid),
			DN:                   address.DN(e.DN),
			Kind:                 kind,
			Name:                 nameOf(e),
			UPN:                  value(e, attrUPN),
			Account:              value(e, attrAccount),
			SID:                  sidText(raw(e, attrSID)),
			Values:               address.Values{Mail: value(e, attrMail), Proxies: proxies(e)},
			Nickname:             value(e, attrNickname),
			TargetAddress:        value(e, attrTarget),
			RemoteRecipient:      value(e, attrRemoteRecipient) != "",
			RecipientTypeDetails: number(value(e, attrRecipientDetails)),
			PolicyOwned:          policyOwned(values(e, attrPoliciesIn), values(e, attrPoliciesOut)),
			Critical:             strings.EqualFold(value(e, attrCritical), "TRUE"),
			Changed:              generalizedTime(value(e, attrChanged)),
		},
	}
	entry.AddressesChanged, entry.Stamps = addressesChanged(raw(e, attrStamps), entry.Changed), addressStamps(raw(e, attrStamps))
	return entry, true, nil
}

func values(e *ldap.Entry, name string) []string { return e.GetEqualFoldAttributeValues(name) }

func value(e *ldap.Entry, name string) string { return e.GetEqualFoldAttributeValue(name) }

func raw(e *ldap.Entry, name string) []byte { return e.GetEqualFoldRawAttributeValue(name) }

// nameOf is displayName, else cn.
func nameOf(e *ldap.Entry) string {
	if name := value(e, attrName); name != "" {
		return name
	}
	return value(e, attrCN)
}

func proxies(e *ldap.Entry) address.Set {
	var set address.Set
	for _, v := range values(e, attrProxies) {
		set = append(set, address.Proxy(v))
	}
	return set
}

// anchor is the source anchor: mS-DS-ConsistencyGuid where it is set, else objectGUID (Microsoft Entra Connect, "Design
// concepts", sourceAnchor).
func anchor(consistency []byte, guid address.GUID) string {
	if len(consistency) > 0 {
		return base64.StdEncoding.EncodeToString(consistency)
	}
	return guid.Anchor()
}

// policyOwned says whether an Exchange e-mail address policy owns the addresses (KB318072).
func policyOwned(included, excluded []string) bool {
	names := func(v string) bool {
		rest := strings.ReplaceAll(strings.ToUpper(v), noPolicy, "")
		return strings.Trim(rest, "{}, ") != ""
	}
	off := func(v string) bool { return strings.Contains(strings.ToUpper(v), noPolicy) }
	return slices.ContainsFunc(included, names) && !slices.ContainsFunc(excluded, off)
}

// number reads an INTEGER or LargeInteger; what is none counts as absent.
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// generalizedTime reads 20251121020304.0Z (MS-ADTS 3.1.1.2.2.2.11); what is none is the zero time.
func generalizedTime(s string) time.Time {
	const form = "20060102150405.0Z"
	t, err := time.Parse(form, s)
	if err != nil || t.Format(form) != s { // Parse takes ",+Z" for an end too
		return time.Time{}
	}
	return t
}

// sidText gives the text form S-1-… of a binary SID (MS-DTYP 2.4.2.2); "" where it is none.
func sidText(sid []byte) string {
	const head, sub = 8, 4
	if len(sid) < head || len(sid) != head+sub*int(sid[1]) {
		return ""
	}
	authority := uint64(binary.BigEndian.Uint16(sid[2:4]))<<32 | uint64(binary.BigEndian.Uint32(sid[4:8]))
	var text strings.Builder
	fmt.Fprintf(&text, "S-%d-%d", sid[0], authority)
	for rest := sid[head:]; len(rest) > 0; rest = rest[sub:] {
		fmt.Fprintf(&text, "-%d", binary.LittleEndian.Uint32(rest))
	}
	return text.String()
}
