// Package wire reads LDAP requests from a connection and writes the answers (RFC 4511). It knows the encoding only: what a
// request means, and who may make it, is for the directory that uses it. All operations are decoded, those too that ready-made
// LDAP servers for Go leave out (rename, compare, abandon, referrals in an answer), and an unknown one is handed on as
// such, so that it can be answered.
package wire

import (
	ber "github.com/go-asn1-ber/asn1-ber"
)

// Message is one request of a client.
type Message struct {
	ID int64
	// Operation is a *Bind, *Unbind, *Search, *Modify, *Add, *Delete, *ModifyDN, *Compare, *Abandon, *Extended or *Unknown.
	Operation Operation
	Controls  []Control
}

// Operation is what a message asks for.
type Operation interface {
	// response is the tag of the answer; 0 for operations that have none.
	response() ber.Tag
}

// Control is a control of a request or of an answer (RFC 4511, 4.1.11). Value is its raw encoding, nil when there is none.
type Control struct {
	OID      string
	Critical bool
	Value    []byte
}

// Bind is a simple bind, or, when Mechanism is not empty, a SASL one, whose credentials are not kept.
type Bind struct {
	Version              int64
	Name, Password       string
	Mechanism            string
	UnknownAuthenticator bool
}

// Unbind ends a connection; it has no answer.
type Unbind struct{}

// Scope says how far below its base a search goes.
type Scope int64

// The scopes of RFC 4511.
const (
	Base Scope = iota
	One
	Subtree
)

// Search is a search request. Filter is the filter as it was encoded.
type Search struct {
	Base       string
	Scope      Scope
	SizeLimit  int64
	TypesOnly  bool
	Filter     *ber.Packet
	Attributes []string
}

// Operator says what a change does with its values.
type Operator int64

// The operators of RFC 4511; others are refused.
const (
	AddValues Operator = iota
	DeleteValues
	ReplaceValues
)

// Change is one change of a modify.
type Change struct {
	Operator  Operator
	Attribute string
	Values    []string
}

// Modify is a modify request.
type Modify struct {
	DN      string
	Changes []Change
}

// Attribute is an attribute with its values, in a request to add or in an entry.
type Attribute struct {
	Name   string
	Values []string
}

// Add is a request to add an object.
type Add struct {
	DN         string
	Attributes []Attribute
}

// Delete is a request to delete an object.
type Delete struct{ DN string }

// ModifyDN is a request to rename an object, and, when NewParent is not empty, to move it.
type ModifyDN struct {
	DN, NewRDN   string
	DeleteOldRDN bool
	NewParent    string
}

// Compare is a compare request.
type Compare struct{ DN, Attribute, Value string }

// Abandon asks to forget an earlier request; it has no answer.
type Abandon struct{ ID int64 }

// Extended is an extended operation, named by its object identifier.
type Extended struct {
	Name  string
	Value []byte
}

// Unknown is an operation that RFC 4511 does not know.
type Unknown struct{ Tag ber.Tag }

// Tags of LDAP's operations (RFC 4511, 4.2 to 4.12).
const (
	tagBind ber.Tag = iota
	tagBindResponse
	tagUnbind
	tagSearch
	tagSearchEntry
	tagSearchDone
	tagModify
	tagModifyResponse
	tagAdd
	tagAddResponse
	tagDelete
	tagDeleteResponse
	tagModifyDN
	tagModifyDNResponse
	tagCompare
	tagCompareResponse
	tagAbandon
	tagSearchReference ber.Tag = 19
	tagExtended        ber.Tag = 23
	tagExtendedAnswer  ber.Tag = 24
)

func (*Bind) response() ber.Tag     { return tagBindResponse }
func (*Unbind) response() ber.Tag   { return 0 }
func (*Search) response() ber.Tag   { return tagSearchDone }
func (*Modify) response() ber.Tag   { return tagModifyResponse }
func (*Add) response() ber.Tag      { return tagAddResponse }
func (*Delete) response() ber.Tag   { return tagDeleteResponse }
func (*ModifyDN) response() ber.Tag { return tagModifyDNResponse }
func (*Compare) response() ber.Tag  { return tagCompareResponse }
func (*Abandon) response() ber.Tag  { return 0 }
func (*Extended) response() ber.Tag { return tagExtendedAnswer }
func (*Unknown) response() ber.Tag  { return tagExtendedAnswer }

// Result is how an operation ended (RFC 4511, 4.1.9).
type Result struct {
	Code uint16
	// MatchedDN is the deepest object on the way to one that is not there.
	MatchedDN string
	// Text is the diagnostic message.
	Text      string
	Referrals []string
	Controls  []Control
}
