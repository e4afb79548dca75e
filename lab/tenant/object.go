package tenant

import (
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
)

// Plan is one entry of assignedPlans.
type Plan struct {
	Service  string // exchange
	ID       string // servicePlanId
	Status   string // Enabled, Suspended, Deleted, …
	Assigned time.Time
}

// Service plans of Microsoft's list of product names and service plan identifiers. MyAnalytics is of the service
// "exchange" too, and gives nobody a mailbox.
const (
	ExchangePlan    = "efb87545-963c-4e0d-99df-69c6916d9eb0" // EXCHANGE_S_ENTERPRISE
	MyAnalyticsPlan = "34c0d7a0-a70f-4668-9238-47f9fc208882" // EXCHANGE_ANALYTICS
)

// provisioningError is one entry of onPremisesProvisioningErrors.
type provisioningError struct {
	property string
	value    string
	occurred time.Time
}

// object is a user, group or contact in the cloud.
type object struct {
	id      string
	seq     int64 // the order in which objects came; pages go by it
	kind    address.Kind
	name    string
	created time.Time
	deleted time.Time // zero while it lives

	// The values that Graph shows. Those of a synchronised object are calculated.
	upn, nickname string
	address.Values
	mailEnabled bool
	errors      []provisioningError
	plans       []Plan

	// What the sync engine exported, kept as the shadow. synced is false for a cloud-only object and for one that was
	// moved to the cloud; that one keeps its anchor.
	synced   bool
	moved    bool
	lastSync time.Time
	shadow   address.Holder

	calculation calculationState
}

// calculationState is what the proxy calculation keeps of an object between its runs.
type calculationState struct {
	done     bool
	upn      string // the AD UPN of the last run
	licensed bool   // the licence at the last run
	due      time.Time
	waiting  bool
	// quarantined are the addresses that stay out until the release task runs, with the time they got there.
	quarantined map[address.Key]time.Time
}

// flows says that values come from on-premises.
func (o *object) flows() bool { return o.synced && !o.moved }

// licensed says that an Exchange plan is enabled. MyAnalytics does not count.
func (o *object) licensed() bool {
	for _, p := range o.plans {
		if p.Service == "exchange" && p.Status == "Enabled" && p.ID != MyAnalyticsPlan {
			return true
		}
	}
	return false
}

// previous is the state that the last calculation left, nil before the first.
func (o *object) previous() *proxycalc.Previous {
	if !o.calculation.done {
		return nil
	}
	return &proxycalc.Previous{
		Mail: o.Mail, Nickname: o.nickname, UPN: o.upn, OnPremUPN: o.calculation.upn, Proxies: o.Proxies,
		ExchangeLicensed: o.calculation.licensed,
	}
}

// folded is text in the case in which the tenant compares it.
func folded(text string) string { return string(address.Address(text).Key()) }

// keys are what the object is found by: each a property, a colon and a value in lower case.
func (o *object) keys() []string {
	keys := []string{"id:" + folded(o.id)}
	for name, value := range map[string]string{"upn": o.upn, "mail": o.Mail, "sid": o.shadow.SID} {
		if value != "" {
			keys = append(keys, name+":"+folded(value))
		}
	}
	if o.shadow.Anchor != "" {
		keys = append(keys, "anchor:"+o.shadow.Anchor)
	}
	for _, p := range o.Proxies {
		keys = append(keys, "proxy:"+string(p.Key()))
		if p.IsSMTP() {
			keys = append(keys, "address:"+string(p.Address().Key()))
		}
	}
	return keys
}
