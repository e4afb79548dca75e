package tenant

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
)

// Calculate runs every calculation that is outstanding, due or not.
func (t *Tenant) Calculate() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.runWaiting(func(*object) bool { return true })
}

// Release runs the task that releases quarantined values: those whose conflict is over arrive.
func (t *Tenant) Release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.release()
}

// settle does what has become due by the tenant's clock. Everything that looks at the tenant calls it first, so that no
// goroutine has to.
func (t *Tenant) settle() {
	now := t.now()
	if !t.options.ManualCalculation {
		t.runWaiting(func(o *object) bool { return !now.Before(o.calculation.due) })
	}
	if t.options.ReleaseEvery <= 0 {
		return
	}
	if t.world.nextRelease.IsZero() {
		t.world.nextRelease = now.Add(t.options.ReleaseEvery)
	}
	if !now.Before(t.world.nextRelease) {
		t.release()
		t.world.nextRelease = now.Add(t.options.ReleaseEvery)
	}
}

// schedule has an object calculated: now, after the delay, or when Calculate is called.
func (t *Tenant) schedule(o *object) {
	if o.calculation.waiting {
		return
	}
	if !t.calculatesLater() {
		t.recalculate(o)
		return
	}
	o.calculation.waiting = true
	o.calculation.due = t.now().Add(t.options.CalculationDelay)
	t.world.waiting = append(t.world.waiting, o)
}

func (t *Tenant) calculatesLater() bool {
	return t.options.CalculationDelay > 0 || t.options.ManualCalculation
}

func (t *Tenant) runWaiting(due func(*object) bool) {
	waiting := t.world.waiting
	t.world.waiting = nil
	for _, o := range waiting {
		switch {
		case !o.calculation.waiting:
		case due(o):
			o.calculation.waiting = false
			t.recalculate(o)
		default:
			t.world.waiting = append(t.world.waiting, o)
		}
	}
}

// recalculateAll has every synchronised object calculated, as after a change of the verified domains.
func (t *Tenant) recalculateAll() {
	for _, kind := range kinds() {
		for _, o := range slices.Clone(t.world.live[kind].rows) {
			if o.synced {
				t.schedule(o)
			}
		}
	}
}

// release lifts every quarantine and calculates again: what is still in conflict goes straight back.
func (t *Tenant) release() {
	for _, kind := range kinds() {
		for _, o := range slices.Clone(t.world.live[kind].rows) {
			if len(o.calculation.quarantined) == 0 {
				continue
			}
			since := o.calculation.quarantined
			o.calculation.quarantined = nil
			t.recalculateAfter(o, since)
		}
	}
}

// recalculate runs the calculation of one object and shows its result.
func (t *Tenant) recalculate(o *object) { t.recalculateAfter(o, o.calculation.quarantined) }

// recalculateAfter is told which values were in quarantine before: those that still are keep the time they got there.
func (t *Tenant) recalculateAfter(o *object, before map[address.Key]time.Time) {
	if !o.synced || o.moved || !o.deleted.IsZero() {
		return
	}
	result := t.calculate(o)
	t.world.change(o, func() {
		o.Mail, o.Proxies = result.Mail, t.withCloudValues(o, result)
		o.upn, o.nickname, o.mailEnabled = result.UPN, result.Nickname, result.MailEnabled
		o.calculation.done, o.calculation.upn, o.calculation.licensed = true, o.shadow.UPN, o.licensed()
		t.quarantine(o, result.Discarded, before)
	})
}

func (t *Tenant) calculate(o *object) proxycalc.Result {
	return proxycalc.Calculate(proxycalc.Tenant{
		InitialDomain:   t.world.initial,
		VerifiedDomains: t.world.verifiedDomains(),
		Taken: func(a address.Address) bool {
			_, quarantined := o.calculation.quarantined[a.Key()]
			return quarantined || t.world.heldByOther(o, a)
		},
		Digits: t.digits,
	}, proxycalc.Of(o.shadow, o.licensed()), o.previous())
}

// digits draws four digits that make a prefix unique in the initial domain.
func (t *Tenant) digits(prefix string) string {
	for {
		digits := fmt.Sprintf("%04d", rand.IntN(10000))
		if len(t.world.holders(address.Address(prefix+digits+"@"+t.world.initial))) == 0 {
			return digits
		}
	}
}

// quarantine shows the values that somebody else holds as provisioning errors and keeps them out until the release.
func (t *Tenant) quarantine(o *object, discarded []proxycalc.Discarded, before map[address.Key]time.Time) {
	o.errors, o.calculation.quarantined = nil, map[address.Key]time.Time{}
	for _, d := range discarded {
		if d.Reason != proxycalc.Taken {
			continue
		}
		key := quarantineKey(d.Value)
		at, known := before[key]
		if !known {
			at = t.now()
		}
		o.calculation.quarantined[key] = at
		o.errors = append(o.errors, provisioningError{property: "ProxyAddresses", value: errorValue(d.Value), occurred: at})
	}
}

// quarantineKey is the bare address of a discarded value.
func quarantineKey(value string) address.Key {
	if p := address.Proxy(value); p.IsSMTP() {
		return p.Address().Key()
	}
	return address.Address(value).Key()
}

// errorValue is how onPremisesProvisioningErrors names a value: with its prefix.
func errorValue(value string) string {
	if strings.Contains(value, ":") {
		return value
	}
	return string(address.Primary(address.Address(value)))
}

// withCloudValues adds the SIP: and SPO: values that the cloud gives a licensed user by itself.
func (t *Tenant) withCloudValues(o *object, result proxycalc.Result) address.Set {
	set := result.Proxies
	if o.kind != address.User || !o.licensed() || result.Mail == "" {
		return set
	}
	types := map[string]bool{}
	for _, p := range set {
		types[strings.ToUpper(p.Type())] = true
	}
	if !types["SIP"] {
		set = set.With(address.Proxy("SIP:" + result.Mail))
	}
	if !types["SPO"] {
		set = set.With(address.Proxy("SPO:SPO_" + o.id + "@SPO_" + t.TenantID))
	}
	return set
}

// compact is an id without its hyphens, as it stands in front of a deleted user's UPN.
func compact(id string) string { return strings.ReplaceAll(id, "-", "") }

func withoutID(o *object) string { return strings.TrimPrefix(o.upn, compact(o.id)) }
