package ldapwriter

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/cause"
)

// notSingle is ERROR_DS_SINGLE_VALUE_CONSTRAINT (0x2081): AD answers a second value for mail with constraintViolation
// and this number, where Samba answers attributeOrValueExists.
const notSingle = "00002081"

// overtaken says whether a refused modify means that somebody was faster: a value to delete is not there any more, one
// to add is there already, or mail has a value by now.
func overtaken(answer *ldap.Error) bool {
	switch answer.ResultCode {
	case ldap.LDAPResultNoSuchAttribute, ldap.LDAPResultAttributeOrValueExists:
		return true
	case ldap.LDAPResultConstraintViolation:
		return strings.Contains(diagnostic(answer), notSingle)
	}
	return false
}

// busy says whether an answer means "not now": the server is there and did nothing, and will do it later.
func busy(code uint16) bool {
	switch code {
	case ldap.LDAPResultOperationsError, ldap.LDAPResultTimeLimitExceeded, ldap.LDAPResultBusy,
		ldap.LDAPResultUnavailable, ldap.LDAPResultOther:
		return true
	}
	return false
}

// refused turns the answer to a modify that wrote nothing into what becomes of the request. No rights are the
// caller's to word.
func refused(answer *ldap.Error, url string) error {
	switch code := answer.ResultCode; {
	case overtaken(answer):
		return fmt.Errorf("%w: %s", ErrConflict, resultWords(answer))
	case code == ldap.LDAPResultNoSuchObject:
		return cause.Refuse(cause.UnknownHolder, "the holder was deleted on %s meanwhile", url).Because(answer)
	case code == ldap.LDAPResultReferral:
		return cause.Wait(cause.DCUnavailable, "%s passes writes on to another server, as a read-only domain controller does; name a writable one first in directory.servers",
			url).Because(answer)
	case busy(code):
		return cause.Wait(cause.DirectoryUnavailable, "%s does not write just now: %s; this is tried again by itself",
			url, resultWords(answer)).Because(answer)
	}
	return cause.Fail(cause.DirectoryRefused, "%s refused the change: %s", url, resultWords(answer)).Because(answer)
}

// resultWords says in words what an LDAP result code means here, with the number and what the server said.
func resultWords(answer *ldap.Error) string {
	words, known := codeWords()[answer.ResultCode]
	if !known {
		words = strings.ToLower(ldap.LDAPResultCodeMap[answer.ResultCode])
	}
	said := diagnostic(answer)
	if said == "" {
		return fmt.Sprintf("%s (LDAP result %d)", words, answer.ResultCode)
	}
	return fmt.Sprintf("%s (LDAP result %d, %s)", words, answer.ResultCode, said)
}

// diagnostic is the server's own text, on one line.
func diagnostic(answer *ldap.Error) string {
	if answer.Err == nil {
		return ""
	}
	return strings.Trim(strings.Join(strings.Fields(strings.ReplaceAll(answer.Err.Error(), "\x00", "")), " "), " .")
}

// tidied is err, but where it is a server's answer, with the server's text on one line: AD ends it with a line break and a
// NUL, which would stand raw in the log.
func tidied(err error) error {
	answer, ok := err.(*ldap.Error) // one that is wrapped keeps its wrapping
	if !ok || answer.Err == nil || answer.ResultCode >= ldap.ErrorNetwork {
		return err
	}
	clean := *answer
	clean.Err = errors.New(diagnostic(answer))
	return &clean
}

// codeWords are the result codes that are met here (RFC 4511, A.2; AD's use of them in MS-ADTS 3.1.1.5.3), in words
// that say what to do where something can be done.
func codeWords() map[uint16]string {
	return map[uint16]string{
		ldap.LDAPResultOperationsError:          "it could not do it in its present state, perhaps because the sign-in was lost",
		ldap.LDAPResultTimeLimitExceeded:        "it ran into its own time limit",
		ldap.LDAPResultStrongAuthRequired:       "it demands a stronger sign-in",
		ldap.LDAPResultAdminLimitExceeded:       "a limit of the directory was reached; an object takes some 1,200 values at most, so remove old ones",
		ldap.LDAPResultNoSuchAttribute:          "a value to remove is not there",
		ldap.LDAPResultUndefinedAttributeType:   "its schema does not know the attribute",
		ldap.LDAPResultConstraintViolation:      "a value is too long or breaks another rule of the schema",
		ldap.LDAPResultAttributeOrValueExists:   "a value to add is there already",
		ldap.LDAPResultInvalidAttributeSyntax:   "a value is too long or not of the attribute's syntax",
		ldap.LDAPResultNoSuchObject:             "the object is not there",
		ldap.LDAPResultInvalidDNSyntax:          "it does not take the DN",
		ldap.LDAPResultInsufficientAccessRights: "the account has no right to do it",
		ldap.LDAPResultBusy:                     "it is busy",
		ldap.LDAPResultUnavailable:              "it is not available, perhaps shutting down",
		ldap.LDAPResultUnwillingToPerform:       "it is unwilling to; some rule or program on the server forbids it",
		ldap.LDAPResultObjectClassViolation:     "the object's class does not allow the attribute",
		ldap.LDAPResultOther:                    "something went wrong inside it",
	}
}

// answerOf finds the server's answer in err.
func answerOf(err error) (*ldap.Error, bool) {
	var answer *ldap.Error
	ok := errors.As(err, &answer) && answer.ResultCode < ldap.ErrorNetwork
	return answer, ok
}
