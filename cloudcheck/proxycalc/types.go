package proxycalc

import "github.com/aliasd/aliasd/address"

// Tenant is what the calculation needs to know of the tenant.
type Tenant struct {
	// InitialDomain is the first domain, contoso.onmicrosoft.com. It counts as verified without being listed, and so
	// does the hybrid coexistence domain made from it, contoso.mail.onmicrosoft.com.
	InitialDomain string `json:"initial_domain"`
	// VerifiedDomains are the verified domains, in any case. A subdomain counts only when it is listed itself.
	VerifiedDomains []string `json:"verified_domains"`
	// Verified says whether a domain, in lower case, is verified, beside VerifiedDomains; for who has them in a set
	// already. May be nil.
	Verified func(domain string) bool `json:"-"`
	// TakenAddresses are the bare addresses that other users, groups and contacts hold.
	TakenAddresses []address.Address `json:"taken_addresses"`
	// Taken says whether somebody else holds an address, beside TakenAddresses; for tenants too big to list. May be nil.
	Taken func(address.Address) bool `json:"-"`
	// Digits gives the four random digits of an address that collides, for the prefix they are appended to. Nil gives
	// Unknown.
	Digits func(prefix string) string `json:"-"`
}

// Unknown stands for the four random digits that nobody can predict.
const Unknown = "####"

// Holder is the on-premises side, and the licence. Absent attributes are "" or empty.
type Holder struct {
	Kind     address.Kind `json:"kind"`
	UPN      string       `json:"user_principal_name"`
	Mail     string       `json:"mail"`
	Nickname string       `json:"mail_nickname"`
	Proxies  address.Set  `json:"proxy_addresses"`
	// ExchangeLicensed says that a plan of Exchange Online is enabled; MyAnalytics does not count.
	ExchangeLicensed bool `json:"exchange_licensed"`
	// RemoteRecipient says that msExchRemoteRecipientType is set.
	RemoteRecipient bool `json:"remote_recipient"`
	// SharedMailbox says that the object is a shared resource: a shared, room or equipment mailbox.
	SharedMailbox bool `json:"shared_mailbox"`
}

// Previous is the earlier cloud state. There is none on a first sync.
type Previous struct {
	Mail     string `json:"mail"`
	Nickname string `json:"mail_nickname"`
	UPN      string `json:"user_principal_name"`
	// OnPremUPN is the AD UPN that this state was calculated from (onPremisesUserPrincipalName in Graph).
	OnPremUPN        string      `json:"on_premises_user_principal_name"`
	Proxies          address.Set `json:"proxy_addresses"`
	ExchangeLicensed bool        `json:"exchange_licensed"`
}

// Result is what the cloud shows once the calculation is through. Its lists are never nil.
type Result struct {
	Mail        string      `json:"mail"`
	Nickname    string      `json:"mail_nickname"`
	UPN         string      `json:"user_principal_name"`
	Proxies     address.Set `json:"proxy_addresses"`
	MailEnabled bool        `json:"mail_enabled"`
	Discarded   []Discarded `json:"discarded"`
	// Assumptions are sentences on what the documents leave open here and what was assumed.
	Assumptions []string `json:"assumptions"`
}

// Discarded is an on-premises value that does not arrive: a value of proxyAddresses byte for byte, or a bare mail or UPN.
type Discarded struct {
	Value  string `json:"value"`
	Reason Reason `json:"reason"`
}

// Reason is why a value does not arrive.
type Reason string

// The reasons, as they stand in JSON.
const (
	ReservedSuffix   Reason = "reserved_suffix"
	LegacyType       Reason = "legacy_type"
	CloudX500        Reason = "cloud_x500"
	Malformed        Reason = "malformed"
	TooLong          Reason = "too_long"
	UnverifiedDomain Reason = "unverified_domain"
	Taken            Reason = "taken"
)

// sharedResource knows the values of msExchRecipientTypeDetails of shared, room and equipment mailboxes, on-premises and
// remote.
func sharedResource(typeDetails int64) bool {
	switch typeDetails {
	case 4, 16, 32, 1 << 33, 1 << 34, 1 << 35:
		return true
	}
	return false
}

// Of makes the input of a calculation from a holder as the directory shows it and its licence.
func Of(h address.Holder, licensed bool) Holder {
	return Holder{
		Kind:             h.Kind,
		UPN:              h.UPN,
		Mail:             h.Mail,
		Nickname:         h.Nickname,
		Proxies:          h.Proxies,
		ExchangeLicensed: licensed,
		RemoteRecipient:  h.RemoteRecipient,
		SharedMailbox:    sharedResource(h.RecipientTypeDetails),
	}
}

// Next makes of a result the earlier state of the calculation after it.
func (r Result) Next(h Holder) Previous {
	return Previous{
		Mail:             r.Mail,
		Nickname:         r.Nickname,
		UPN:              r.UPN,
		OnPremUPN:        h.UPN,
		Proxies:          r.Proxies,
		ExchangeLicensed: h.ExchangeLicensed,
	}
}
