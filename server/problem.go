package server

import (
	"encoding/json"
	"net/http"

	"github.com/aliasd/aliasd/cause"
)

// Code is the stable code of a problem. Where a request is refused it is the cause's code (package cause); these are
// the others. They are a contract: a code is never renamed.
type Code string

// The codes of problems that are no cause.
const (
	Unauthenticated      Code = "unauthenticated"        // 401: no token, or not one of ours, or revoked
	Forbidden            Code = "forbidden"              // 403: the token's scopes do not allow it
	NotFound             Code = "not_found"              // 404: there is no such request
	NoSuchRoute          Code = "no_such_route"          // 404: there is no such path
	MethodNotAllowed     Code = "method_not_allowed"     // 405: Allow names the methods
	BodyTimeout          Code = "body_timeout"           // 408: the body came too slowly
	NotPossible          Code = "not_possible"           // 409: the request is not in a state that allows it
	NothingToUndo        Code = "nothing_to_undo"        // 409: the request wrote nothing
	BodyTooLarge         Code = "body_too_large"         // 413: more than 64 KiB
	UnsupportedMediaType Code = "unsupported_media_type" // 415: the body is not application/json
	MalformedJSON        Code = "malformed_json"         // 422: the body is no JSON object
	InvalidRequest       Code = "invalid_request"        // 422: `errors` says what is wrong
	UnknownField         Code = "unknown_field"          // 422: in `errors`: a field that there is not
	DuplicateField       Code = "duplicate_field"        // 422: in `errors`: a field that is there twice
	InvalidField         Code = "invalid_field"          // 422: in `errors`: a value that cannot be
	IdempotencyKeyReused Code = "idempotency_key_reused" // 422: the key came before with another body
	TooManyCalls         Code = "too_many_calls"         // 429: the token makes more calls than it may; Retry-After says when to come back
	TooCostly            Code = "too_costly"             // 429: explain and validate cost more than they may; Retry-After says when to come back
	TooManyFailures      Code = "too_many_failures"      // 429: too many calls without a token in force came from this address
	Internal             Code = "internal"               // 500: the log says more under `incident`
	Unavailable          Code = "unavailable"            // 503: the store could not be asked
	Busy                 Code = "busy"                   // 503: too many calls are being answered; nothing was done
	Timeout              Code = "timeout"                // 504: it took too long
	StoreFull            Code = "store_full"             // 507: the store cannot be written; nothing was stored
	StoreAway            Code = "store_away"             // 503: the database cannot be reached just now, is too slow, or is kept locked
)

// problemType is the media type of RFC 9457.
const problemType = "application/problem+json"

// Problem is an RFC 9457 problem document. Its type is about:blank throughout: the code tells problems apart.
type Problem struct {
	Type       string            `json:"type" doc:"Always about:blank; the code tells problems apart."`
	Title      string            `json:"title" doc:"The status in words."`
	Status     int               `json:"status"`
	Detail     string            `json:"detail" doc:"What is wrong and what to do, in a sentence or two."`
	Code       Code              `json:"code" doc:"Stable: a cause code, or one of this API's own."`
	Conflict   *cause.Conflict   `json:"conflict,omitempty" doc:"The object that stands in the way."`
	Candidates []cause.Candidate `json:"candidates,omitempty" nullable:"false" doc:"What an ambiguous identity fits."`
	Errors     []FieldError      `json:"errors,omitempty" nullable:"false" doc:"Each thing that is wrong with the call."`
	Incident   string            `json:"incident,omitempty" doc:"Where the log says more, for the administrator."`

	header http.Header
}

// FieldError is one thing that is wrong with a call.
type FieldError struct {
	Location string `json:"location" doc:"Where: body.address, query.limit, header.Idempotency-Key."`
	Message  string `json:"message"`
	Code     Code   `json:"code"`
}

func newProblem(status int, code Code, detail string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: code}
}

// with adds a header that belongs to the answer.
func (p *Problem) with(name, value string) *Problem {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(name, value)
	return p
}

// Error gives the code and what is wrong.
func (p *Problem) Error() string { return string(p.Code) + ": " + p.Detail }

// GetStatus tells huma the status.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders tells huma the headers.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType tells huma the media type.
func (p *Problem) ContentType(string) string { return problemType }

// write answers with the problem where huma does not.
func (p *Problem) write(w http.ResponseWriter) {
	for name, values := range p.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	// A client that has gone away is nobody's problem.
	_ = json.NewEncoder(w).Encode(p)
}
