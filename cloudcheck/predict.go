package cloudcheck

import (
	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
)

// PredictWith says what the cloud will show of a holder whose on-premises values become v, given what it shows now. Whether
// people sign in with mail is told by the values as they stand. Who else holds an address is not known here, so a collision
// is not predicted.
func PredictWith(h address.Holder, v address.Values, s Snapshot) address.Values {
	in := holderOf(h, s.Object)
	if in.UPN != h.UPN {
		in.UPN = v.Mail
	}
	in.Mail, in.Proxies = v.Mail, v.Proxies
	result := proxycalc.Calculate(tenantOf(s.Tenant), in, previousOf(s.Object))
	return address.Values{Mail: result.Mail, Proxies: result.Proxies}
}

func calculate(h address.Holder, t Tenant, o *Object) proxycalc.Result {
	return proxycalc.Calculate(tenantOf(t), holderOf(h, o), previousOf(o))
}

// mailSurvives says whether a holder's AD mail would arrive if it were the only address.
func mailSurvives(h address.Holder, t Tenant, o *Object) bool {
	return proxycalc.MailSurvives(tenantOf(t), holderOf(h, o))
}

// holderOf makes the calculation's holder of the directory's, with the licence that the cloud shows. Where people sign in
// with mail, the sync engine exports that as the UPN.
func holderOf(h address.Holder, o *Object) proxycalc.Holder {
	if o == nil {
		return proxycalc.Of(h, false)
	}
	if h.Kind == address.User && h.SignsInWithMail(address.Address(o.UPN)) {
		h.UPN = h.Mail
	}
	return proxycalc.Of(h, o.ExchangeLicensed)
}

// tenantOf makes the calculation's tenant of what Graph says.
func tenantOf(t Tenant) proxycalc.Tenant {
	return proxycalc.Tenant{InitialDomain: t.InitialDomain, Verified: t.Verifies}
}

// previousOf makes the calculation's earlier state of what the cloud shows; nil where the holder is not there.
func previousOf(o *Object) *proxycalc.Previous {
	if o == nil {
		return nil
	}
	return &proxycalc.Previous{
		Mail: o.Mail, Nickname: o.Nickname, UPN: o.UPN, OnPremUPN: o.OnPremUPN,
		Proxies: o.Proxies, ExchangeLicensed: o.ExchangeLicensed,
	}
}
