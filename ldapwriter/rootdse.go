package ldapwriter

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// rootDSE is what a server says about itself (MS-ADTS 3.1.1.3.2).
type rootDSE struct {
	domain, configuration, schema string // naming contexts
	controls, capabilities        []string
	time                          time.Time // of the server, when it was read
}

// partialSecrets is LDAP_CAP_ACTIVE_DIRECTORY_PARTIAL_SECRETS_OID (MS-ADTS 3.1.1.3.4.3.7): a read-only DC.
const partialSecrets = "1.2.840.113556.1.4.1920"

// readRootDSE asks a server about itself.
func readRootDSE(conn *ldap.Conn) (*rootDSE, error) {
	result, err := conn.Search(ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=*)", []string{"defaultNamingContext", "configurationNamingContext", "schemaNamingContext",
			"supportedControl", "supportedCapabilities", "currentTime"}, nil))
	if err != nil {
		return nil, fmt.Errorf("read the rootDSE: %w", verdict(err))
	}
	if len(result.Entries) != 1 {
		return nil, fmt.Errorf("read the rootDSE: %d entries", len(result.Entries))
	}
	facts := newRootDSE(result.Entries[0])
	if facts.domain == "" || facts.configuration == "" || facts.schema == "" {
		return nil, errors.New("it is no domain controller of Active Directory: it names no domain")
	}
	return facts, nil
}

func newRootDSE(e *ldap.Entry) *rootDSE {
	return &rootDSE{
		domain:        e.GetEqualFoldAttributeValue("defaultNamingContext"),
		configuration: e.GetEqualFoldAttributeValue("configurationNamingContext"),
		schema:        e.GetEqualFoldAttributeValue("schemaNamingContext"),
		controls:      e.GetEqualFoldAttributeValues("supportedControl"),
		capabilities:  e.GetEqualFoldAttributeValues("supportedCapabilities"),
		time:          generalizedTime(e.GetEqualFoldAttributeValue("currentTime")),
	}
}

// supports says whether the server knows a control. An undecodable critical control makes a search hang, so this is
// looked up before one is sent.
func (r *rootDSE) supports(control string) bool { return slices.Contains(r.controls, control) }

// readOnly says whether it is a read-only DC.
func (r *rootDSE) readOnly() bool { return slices.Contains(r.capabilities, partialSecrets) }
