package tenant

import (
	"strings"
	"time"

	"github.com/aliasd/aliasd/address"
)

// property is one property of an object as JSON has it; nil where it is null or the lab has no such value.
func (t *Tenant) property(o *object, name string) any {
	switch name {
	case "id":
		return o.id
	case "displayName":
		return orNull(o.name)
	case "mail":
		return orNull(o.Mail)
	case "mailNickname":
		return orNull(o.nickname)
	case "userPrincipalName":
		return orNull(o.upn)
	case "proxyAddresses":
		return stringsOf(o.Proxies)
	case "createdDateTime":
		return orNullTime(o.created)
	case "deletedDateTime":
		return orNullTime(o.deleted)
	case "mailEnabled":
		return o.mailEnabled
	case "accountEnabled", "securityEnabled":
		return true
	case "userType":
		return "Member"
	case "assignedPlans":
		return plansOf(o.plans)
	}
	return onPremises(o, name)
}

// onPremises are the properties that synchronisation fills. Those that say where an object comes from stay when it moves
// to the cloud.
func onPremises(o *object, name string) any {
	switch name {
	case "onPremisesSyncEnabled":
		if o.flows() {
			return true
		}
		return nil
	case "onPremisesLastSyncDateTime":
		return orNullTime(o.lastSync)
	case "onPremisesImmutableId":
		return orNull(o.shadow.Anchor)
	case "onPremisesDistinguishedName":
		return orNull(string(o.shadow.DN))
	case "onPremisesSecurityIdentifier":
		return orNull(o.shadow.SID)
	case "onPremisesSamAccountName":
		return orNull(o.shadow.Account)
	case "onPremisesUserPrincipalName":
		return orNull(o.shadow.UPN)
	case "onPremisesDomainName":
		return orNull(domainOf(o.shadow.DN))
	case "onPremisesProvisioningErrors":
		return errorsOf(o.errors)
	}
	return nil
}

// domainOf reads the DNS name of the domain off the DC components of a DN.
func domainOf(dn address.DN) string {
	var labels []string
	for _, rdn := range strings.Split(string(dn), ",") {
		if kind, label, ok := strings.Cut(rdn, "="); ok && strings.EqualFold(strings.TrimSpace(kind), "DC") {
			labels = append(labels, label)
		}
	}
	return strings.Join(labels, ".")
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func orNullTime(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return graphTime(at)
}

// graphTime prints a time as Graph does: UTC, whole seconds.
func graphTime(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05Z") }

func stringsOf(set address.Set) []string {
	values := make([]string, 0, len(set))
	for _, p := range set {
		values = append(values, string(p))
	}
	return values
}

func plansOf(plans []Plan) []record {
	list := make([]record, 0, len(plans))
	for _, p := range plans {
		list = append(list, record{
			{"assignedDateTime", orNullTime(p.Assigned)}, {"capabilityStatus", p.Status}, {"service", p.Service}, {"servicePlanId", p.ID},
		})
	}
	return list
}

func errorsOf(errors []provisioningError) []record {
	list := make([]record, 0, len(errors))
	for _, e := range errors {
		list = append(list, record{
			{"category", "PropertyConflict"}, {"propertyCausingError", e.property}, {"value", e.value},
			{"occurredDateTime", orNullTime(e.occurred)},
		})
	}
	return list
}

// organization is one property of the organization. full says that the token may read it; else the state of the
// synchronisation comes back null.
func (t *Tenant) organization(name string, full bool) any {
	switch name {
	case "id":
		return t.TenantID
	case "displayName":
		return "Contoso"
	case "tenantType":
		return "AAD"
	case "mobileDeviceManagementAuthority":
		return "unknown"
	case "verifiedDomains":
		return t.verifiedDomains()
	case "onPremisesSyncEnabled":
		if full && t.world.everSynced {
			return t.world.syncEnabled
		}
	case "onPremisesLastSyncDateTime":
		if full {
			return orNullTime(t.world.lastSync)
		}
	}
	return nil
}

func (t *Tenant) verifiedDomains() []record {
	var list []record
	for _, d := range t.world.domains {
		if d.verified {
			initial := t.isInitial(d)
			list = append(list, record{
				{"capabilities", "Email, OfficeCommunicationsOnline"}, {"isDefault", initial}, {"isInitial", initial}, {"name", d.name},
				{"type", "Managed"},
			})
		}
	}
	return list
}

func (t *Tenant) isInitial(d domain) bool { return strings.EqualFold(d.name, t.world.initial) }

// domainProperty is one property of a domain.
func (t *Tenant) domainProperty(d domain, name string) any {
	switch name {
	case "id":
		return d.name
	case "authenticationType":
		return "Managed"
	case "isAdminManaged", "isRoot":
		return true
	case "isDefault", "isInitial":
		return t.isInitial(d)
	case "isVerified":
		return d.verified
	case "supportedServices":
		if d.verified {
			return []string{"Email", "OfficeCommunicationsOnline"}
		}
		return []string{}
	}
	return nil
}
