package directory

import (
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/lab/directory/store"
	"github.com/aliasd/aliasd/lab/site"
)

// role is what an account may do.
type role int

const (
	anonymous     role = iota // the root entry only
	ordinary                  // read
	delegated                 // and write the delegated attributes in OU=People
	administrator             // everything in the domain
)

// account is who a connection is bound as.
type account struct {
	name string // sAMAccountName
	role role
}

func roleOf(name string) role {
	switch {
	case strings.EqualFold(name, "Administrator"):
		return administrator
	case strings.EqualFold(name, site.ServiceAccount):
		return delegated
	default:
		return ordinary
	}
}

// guard lets the bound account change what it may.
func (s *session) guard() store.Guard {
	return func(target store.Target, attributes []*store.Attribute) error {
		if s.account.role == administrator && !target.Name.Under(s.directory.base()) || inConfiguration(target.Name) {
			return &store.Refusal{Code: ldap.LDAPResultUnwillingToPerform,
				Text: "00002035: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0"}
		}
		if s.account.role == administrator {
			return nil
		}
		for _, a := range attributes {
			if !s.mayWrite(target, a.Name) {
				return store.Denied()
			}
		}
		if len(attributes) == 0 {
			return store.Denied()
		}
		return nil
	}
}

// inConfiguration says that a name is in a naming context that the lab does not change.
func inConfiguration(name store.Name) bool {
	return slices.ContainsFunc(name, func(rdn store.RDN) bool {
		return rdn.Type == "CN" && strings.EqualFold(rdn.Value, "Configuration")
	})
}

// effective are the attributes that the bound account may write on an object.
func (s *session) effective(target store.Target) []string {
	switch {
	case s.account.role == administrator:
		return s.directory.store.Schema().Writable()
	case s.account.role == delegated && s.directory.delegates(target):
		return slices.Clone(s.directory.options.Delegated)
	default:
		return nil
	}
}

func (s *session) mayWrite(target store.Target, attribute string) bool {
	return slices.ContainsFunc(s.effective(target), func(name string) bool { return strings.EqualFold(name, attribute) })
}

// delegates says whether the rights of the service account reach an object: users, groups and contacts in OU=People and
// below (inherit only, so not the unit itself), but for those that AdminSDHolder protects.
func (d *Directory) delegates(target store.Target) bool {
	people, err := store.ParseName(site.People + "," + site.BaseDN)
	if err != nil || !target.Name.Under(people) || target.Protected {
		return false
	}
	return slices.Contains([]string{"user", "group", "contact"}, target.Classes[len(target.Classes)-1])
}
