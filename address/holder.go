package address

import (
	"cmp"
	"time"
)

// Kind is what a holder is.
type Kind string

// The kinds of holders that Entra gives addresses to.
const (
	User    Kind = "user"
	Group   Kind = "group"
	Contact Kind = "contact"
)

// DN is an LDAP distinguished name (RFC 4514) as the directory gave it.
type DN string

// Parent is the DN without its first component, the whole where it has only one. A comma that is escaped ends none.
func (dn DN) Parent() string {
	for i := 0; i < len(dn); i++ {
		switch dn[i] {
		case '\\':
			i++
		case ',':
			return string(dn[i+1:])
		}
	}
	return string(dn)
}

// Values are the two attributes that aliasd writes. Proxies keep the directory's spelling, byte for byte.
type Values struct {
	Mail    string `json:"mail"`
	Proxies Set    `json:"proxy_addresses"`
}

// Holder is a directory object that holds addresses, as it stands on-premises. Absent attributes are zero.
type Holder struct {
	// GUID is objectGUID, the holder's only lasting name.
	GUID GUID
	// Anchor is the source anchor: base64 of the 16 raw bytes of mS-DS-ConsistencyGuid, else of objectGUID. It is
	// onPremisesImmutableId in Graph.
	Anchor string
	DN     DN
	Kind   Kind
	// Name is displayName, else the object's cn.
	Name    string
	UPN     string // userPrincipalName
	Account string // sAMAccountName
	SID     string // objectSid in its S-1-… form; empty for contacts
	Values
	Nickname      string // mailNickname
	TargetAddress string
	// RemoteRecipient says that msExchRemoteRecipientType is set; it makes a user an Exchange recipient.
	RemoteRecipient bool
	// RecipientTypeDetails is msExchRecipientTypeDetails; 0 where it is not set. 4 is a shared mailbox,
	// 34359738368 a remote shared one.
	RecipientTypeDetails int64
	// PolicyOwned says that an Exchange e-mail address policy owns the addresses: msExchPoliciesIncluded names one and
	// msExchPoliciesExcluded lacks {26491CFC-9E50-4857-861B-0CB8DF22B5D7} (KB318072).
	PolicyOwned bool
	// Critical is isCriticalSystemObject: such an object never syncs.
	Critical bool
	// Changed is whenChanged, in seconds, of the DC that was read.
	Changed time.Time
	// AddressesChanged is when anything was last changed that decides the holder's addresses in the cloud; zero where the directory was
	// not asked or does not tell.
	AddressesChanged time.Time
}

// AddressesSince is since when the holder's addresses stand as they do. Where that is not known it is the last change of all, which may
// be one of something else.
func (h Holder) AddressesSince() time.Time {
	if h.AddressesChanged.IsZero() {
		return h.Changed
	}
	return h.AddressesChanged
}

// SignsInWithMail says that the cloud UPN comes from AD mail and not from the AD UPN (alternate login ID).
func (h Holder) SignsInWithMail(cloudUPN Address) bool {
	return h.Mail != "" && cloudUPN.Equal(Address(h.Mail)) && !cloudUPN.Equal(Address(h.UPN))
}

// Called is what people call the holder: its name, else its UPN, else its DN.
func (h Holder) Called() string { return cmp.Or(h.Name, h.UPN, string(h.DN)) }

// CloudView is what planning needs to know of the holder in the cloud. The zero value means: not in the cloud.
type CloudView struct {
	InCloud bool
	UPN     string
	Values
}

// Allowance is something risky that a request says it wants all the same.
type Allowance string

// What a request can allow, each passing the refusal it names.
const (
	AllowDeletedHolder Allowance = "deleted_holder" // held_by_deleted
	AllowMailEnable    Allowance = "mail_enable"    // would_mail_enable
	AllowSignInChange  Allowance = "sign_in_change" // sign_in_change
)

// Action is what a request asks for.
type Action string

// The actions. Undo is made by the service out of an earlier request; the others come from outside.
const (
	AddAlias    Action = "add_alias"
	RemoveAlias Action = "remove_alias"
	SetPrimary  Action = "set_primary"
	Undo        Action = "undo"
)
