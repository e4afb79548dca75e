package cloudcheck

import (
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
)

// examination is one diagnosis under way: both sides, and the findings so far.
type examination struct {
	holder    *address.Holder
	tenant    *Tenant // nil: not asked, and nothing is predicted
	object    *Object // nil: not in the cloud
	predicted proxycalc.Result
	now       time.Time
	timing    timing
	findings  []Finding
	// late are, in words, the differences that the cloud may still need time for.
	late []string
}

func (e *examination) name() string { return nameOf(*e.holder) }

func (e *examination) find(s Severity, value string, c *cause.Cause) {
	e.findings = append(e.findings, Finding{Severity: s, Cause: *c, Value: value})
}

// examineOnPremises finds what is wrong whatever the sync does.
func (e *examination) examineOnPremises() {
	e.examinePrimary()
	e.examineDiscarded()
	if n := len(e.holder.Proxies); n > proxycalc.MaxAddresses {
		e.find(Notice, "", say(cause.TooManyAddresses,
			"%s has %d values in proxyAddresses; above about %d the sync server may fail to export the holder (LargeObject), so remove what nobody uses",
			e.name(), n, proxycalc.MaxAddresses))
	}
}

// examinePrimary: where proxyAddresses has SMTP values, exactly one of them is the primary, and mail is its address.
func (e *examination) examinePrimary() {
	mail := address.Address(e.holder.Mail)
	smtp, primaries, mailIsPrimary := 0, 0, false
	for _, p := range e.holder.Proxies {
		if p.IsSMTP() {
			smtp++
		}
		if p.IsPrimary() {
			primaries++
			mailIsPrimary = mailIsPrimary || mail.Equal(p.Address())
		}
	}
	if primaries > 1 {
		e.find(Wrong, "", e.twoPrimaries())
	}
	switch {
	case primaries == 0 && smtp > 0 && e.tenant != nil:
		e.examineMissingPrimary(mail)
	case primaries > 0 && mail != "" && !mailIsPrimary:
		e.find(Wrong, string(mail), e.mailDiffers())
	}
}

func (e *examination) mailDiffers() *cause.Cause {
	return say(cause.MailDiffers,
		"mail of %s is %s and its primary is %s; in the cloud the primary wins and mail follows it, so make the right one of them the primary: mail is written with it",
		e.name(), e.holder.Mail, listed(sortedValues(e.holder.Proxies.Primaries())))
}

func (e *examination) twoPrimaries() *cause.Cause {
	return say(cause.TwoPrimaries,
		"%s has more than one primary (%s), and which of them wins in the cloud is not documented; say which one it is, the others stay as aliases",
		e.name(), listed(sortedValues(e.holder.Proxies.Primaries())))
}

// examineMissingPrimary: aliases alone are right where the MOERA is meant to be the primary. A mail says that it is not.
func (e *examination) examineMissingPrimary(mail address.Address) {
	predicted := address.Address(e.predicted.Mail)
	switch {
	case mail != "" && !mail.Equal(predicted):
		e.find(Wrong, string(mail), say(cause.NoPrimary,
			"%s has aliases and no primary (SMTP: in upper case), so its mail %s does not count, and the primary in the cloud is %s; say which address is the primary",
			e.name(), mail, orNothing(string(predicted))))
	case predicted == "":
		e.find(Notice, "", say(cause.NoPrimary,
			"%s has aliases, but no primary (SMTP: in upper case), no mail and no address of the tenant's own; what the cloud makes of that is not documented, so say which address is the primary",
			e.name()))
	}
}

// examineDiscarded finds what the cloud does not take over. Nobody misses what the cloud has anyway, or what never was an
// address people write to.
func (e *examination) examineDiscarded() {
	for _, d := range e.predicted.Discarded {
		a := address.Proxy(d.Value).Address()
		if d.Value == e.holder.Mail && a == "" {
			a = address.Address(d.Value)
		}
		switch {
		case d.Reason == proxycalc.Taken:
		case d.Reason == proxycalc.UnverifiedDomain:
			e.find(Wrong, d.Value, unverifiedDomain(e.name(), a))
		case d.Reason == proxycalc.LegacyType, d.Reason == proxycalc.CloudX500, a != "" && hasAddress(e.predicted.Proxies, a):
			e.find(Notice, d.Value, discardedHarmlessly(e.name(), d))
		default:
			e.find(Wrong, d.Value, discardedValue(e.name(), d))
		}
	}
}

func discardedHarmlessly(name string, d proxycalc.Discarded) *cause.Cause {
	return say(cause.ValueDiscarded,
		"the cloud discards %s of %s (%s: %s), and nothing is missing without it; it may stay, or be removed",
		d.Value, name, d.Reason, discardInWords(d.Reason))
}
