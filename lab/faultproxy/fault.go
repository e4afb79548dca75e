package faultproxy

import (
	"sync/atomic"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/lab/directory/wire"
)

// Direction is which way a message goes.
type Direction string

// The two directions.
const (
	ToServer Direction = "to server"
	ToClient Direction = "to client"
)

// Kind is what a message is.
type Kind string

// The kinds of messages: of LDAP, of HTTP, and the chunks of a raw connection.
const (
	Bind           Kind = "bind"
	BindAnswer     Kind = "bind answer"
	Unbind         Kind = "unbind"
	Search         Kind = "search"
	SearchEntry    Kind = "search entry"
	SearchLink     Kind = "search reference"
	SearchDone     Kind = "search done"
	Modify         Kind = "modify"
	ModifyAnswer   Kind = "modify answer"
	Add            Kind = "add"
	AddAnswer      Kind = "add answer"
	Delete         Kind = "delete"
	DeleteAnswer   Kind = "delete answer"
	Rename         Kind = "rename"
	RenameAnswer   Kind = "rename answer"
	Compare        Kind = "compare"
	CompareAnswer  Kind = "compare answer"
	Abandon        Kind = "abandon"
	Extended       Kind = "extended"
	ExtendedAnswer Kind = "extended answer"
	OtherLDAP      Kind = "other LDAP"
	Call           Kind = "HTTP request"
	Reply          Kind = "HTTP answer"
	Bytes          Kind = "bytes"
)

// Message is one message on its way, as a hook sees it before it is passed.
type Message struct {
	// Conn numbers the connections in the order in which they were taken, from 1.
	Conn      int64
	Direction Direction
	Kind      Kind
	// ID is LDAP's message id; an answer has the one of its request.
	ID int64
	// Operation is an LDAP request decoded; nil in all other messages, and where it could not be.
	Operation wire.Operation
	// Code is the result code of an LDAP answer, or the status of an HTTP answer.
	Code int
	// Method and Path are those of an HTTP request; its answer has them too.
	Method, Path string
	// Size is how many bytes it has.
	Size int
}

// Action is what becomes of a message and of its connection.
type Action int

// The actions. Cut and Reset are abrupt: no TLS alert and no LDAP notice goes before.
const (
	// Pass passes the message on.
	Pass Action = iota
	// Cut closes the connection; the message is not passed. At a request: the server never saw it. At an answer: the server did
	// it, and the client never learns.
	Cut
	// PassAndCut passes the message and closes the connection. At a request the client's side alone is closed at first, and the
	// server's once it has begun to answer: it did what was asked.
	PassAndCut
	// Reset is Cut with a TCP reset.
	Reset
	// PassAndReset is PassAndCut with a TCP reset.
	PassAndReset
	// Hold makes the connection half-open: it stays up, and from this message on nothing passes in either direction.
	Hold
	// PassAndHold passes the message, and nothing after it.
	PassAndHold
	// Truncate passes the first half of the message (of an HTTP message: all headers and half of the body) and closes.
	Truncate
	// TruncateAndHold passes the first half, and nothing after it.
	TruncateAndHold
)

// Fault says what becomes of a message. The zero value passes it.
type Fault struct {
	// Before, when not nil, runs first.
	Before func()
	// Delay is waited then; it ends early when the connection does. Messages behind it in the same direction wait too.
	Delay time.Duration
	// Answer, when not nil, is given to an LDAP request in place of the server, who does not see it. Action is not looked at.
	Answer *wire.Result
	Action Action
	// After, when not nil, runs when the action is done.
	After func()
}

// Hook decides what becomes of each message. It is called by several goroutines, one for each connection and direction, without
// any lock: it may use the proxy (all but Close), and it may block.
type Hook func(Message) Fault

// Times makes a hook that does a fault to the first n messages that fit, to all where n is less than 0, and passes the others.
func Times(n int, fits func(Message) bool, fault Fault) Hook {
	var hits atomic.Int64
	return func(m Message) Fault {
		if !fits(m) || n >= 0 && hits.Add(1) > int64(n) {
			return Fault{}
		}
		return fault
	}
}

// Is fits messages of a kind.
func Is(kind Kind) func(Message) bool {
	return func(m Message) bool { return m.Kind == kind }
}

// kindOf names LDAP's operations by their tags (RFC 4511, 4.2 to 4.12).
func kindOf(tag int) Kind {
	kind, known := map[int]Kind{
		ldap.ApplicationBindRequest: Bind, ldap.ApplicationBindResponse: BindAnswer, ldap.ApplicationUnbindRequest: Unbind,
		ldap.ApplicationSearchRequest: Search, ldap.ApplicationSearchResultEntry: SearchEntry,
		ldap.ApplicationSearchResultReference: SearchLink, ldap.ApplicationSearchResultDone: SearchDone,
		ldap.ApplicationModifyRequest: Modify, ldap.ApplicationModifyResponse: ModifyAnswer,
		ldap.ApplicationAddRequest: Add, ldap.ApplicationAddResponse: AddAnswer,
		ldap.ApplicationDelRequest: Delete, ldap.ApplicationDelResponse: DeleteAnswer,
		ldap.ApplicationModifyDNRequest: Rename, ldap.ApplicationModifyDNResponse: RenameAnswer,
		ldap.ApplicationCompareRequest: Compare, ldap.ApplicationCompareResponse: CompareAnswer,
		ldap.ApplicationAbandonRequest:  Abandon,
		ldap.ApplicationExtendedRequest: Extended, ldap.ApplicationExtendedResponse: ExtendedAnswer,
	}[tag]
	if !known {
		return OtherLDAP
	}
	return kind
}
