package store

import (
	"fmt"

	"github.com/go-ldap/ldap/v3"
)

// Refusal says why an operation was refused, in the codes and nearly the words of a Windows domain controller. Nothing was
// changed.
type Refusal struct {
	// Code is the LDAP result code.
	Code uint16
	// Text begins with the Windows error in eight hexadecimal digits (MS-ERREF), as a domain controller's text does.
	Text string
	// MatchedDN is the deepest object that exists on the way to one that does not.
	MatchedDN string
	// Referrals are LDAP URLs of where to ask instead.
	Referrals []string
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("LDAP result %d: %s", r.Code, r.Text)
}

// Windows errors behind the refusals (MS-ERREF 2.2).
const (
	winInvalidParameter  = 0x57
	winAccessDenied      = 0x2098
	winNoAttribute       = 0x2084
	winNoValue           = 0x2085
	winSecondValue       = 0x2081
	winOutOfRange        = 0x2082
	winValueExists       = 0x2083
	winNotInClass        = 0x207D
	winSystemOnly        = 0x20B1
	winNotOnRDN          = 0x2016
	winNoObject          = 0x208D
	winBadName           = 0x208F
	winObjectExists      = 0x2071
	winNotOnNonLeaf      = 0x2015
	winNaming            = 0x2099
	winUPNNotUnique      = 0x21C8
	winAccountExists     = 0x0524
	winNoClass           = 0x2094
	winReferral          = 0x202B
	winUnwillingToChange = 0x2035
)

// refuse makes a refusal with a text in the style of a domain controller.
func refuse(code uint16, windows uint32, format string, arguments ...any) *Refusal {
	return &Refusal{Code: code, Text: fmt.Sprintf("%08X: %s, data 0", windows, fmt.Sprintf(format, arguments...))}
}

// aboutValue refuses because of a value: AtrErr in a domain controller's words.
func aboutValue(code uint16, windows uint32, problem string, a *Attribute) *Refusal {
	return refuse(code, windows, "AtrErr: DSID-03151904, problem (%s), Att (%s)", problem, a.Name)
}

func noAttribute(a *Attribute) *Refusal {
	return aboutValue(ldap.LDAPResultNoSuchAttribute, winNoAttribute, "NO_ATTRIBUTE_OR_VAL", a)
}

func noValue(a *Attribute) *Refusal {
	return aboutValue(ldap.LDAPResultNoSuchAttribute, winNoValue, "NO_ATTRIBUTE_OR_VAL", a)
}

func valueExists(a *Attribute) *Refusal {
	return aboutValue(ldap.LDAPResultAttributeOrValueExists, winValueExists, "ATT_OR_VALUE_EXISTS", a)
}

func secondValue(a *Attribute) *Refusal {
	return aboutValue(ldap.LDAPResultConstraintViolation, winSecondValue, "CONSTRAINT_ATT_TYPE", a)
}

func outOfRange(a *Attribute) *Refusal {
	return aboutValue(ldap.LDAPResultConstraintViolation, winOutOfRange, "CONSTRAINT_ATT_TYPE", a)
}

func systemOnly(a *Attribute) *Refusal {
	return aboutValue(ldap.LDAPResultConstraintViolation, winSystemOnly, "CONSTRAINT_ATT_TYPE", a)
}

func badSyntax(name string) *Refusal {
	return refuse(ldap.LDAPResultInvalidAttributeSyntax, winInvalidParameter,
		"LdapErr: DSID-0C090D11, comment: Error in attribute conversion operation, Att (%s)", name)
}

func unknownAttribute(name string) *Refusal {
	return refuse(ldap.LDAPResultNoSuchAttribute, winInvalidParameter,
		"LdapErr: DSID-0C090D11, comment: Error in attribute conversion operation, Att (%s)", name)
}

func noObject(matched string) *Refusal {
	r := refuse(ldap.LDAPResultNoSuchObject, winNoObject,
		"NameErr: DSID-0310028C, problem 2001 (NO_OBJECT), best match of: '%s'", matched)
	r.MatchedDN = matched
	return r
}

func badName(name string) *Refusal {
	return refuse(ldap.LDAPResultInvalidDNSyntax, winBadName,
		"NameErr: DSID-03100225, problem 2006 (BAD_NAME), best match of: '%s'", name)
}

// Denied is the refusal for want of rights (code 50).
func Denied() *Refusal {
	return refuse(ldap.LDAPResultInsufficientAccessRights, winAccessDenied,
		"SecErr: DSID-031514A0, problem 4003 (INSUFF_ACCESS_RIGHTS)")
}
