package server

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server/token"
	"github.com/aliasd/aliasd/strictjson"
)

const (
	requestsPath = "/v1/requests"
	requestPath  = requestsPath + "/{id}"
)

const keyHeader = "Idempotency-Key"

// KeyHeader is the header that makes sending twice harmless. It is exported because huma looks into no other fields.
type KeyHeader struct {
	Key string `header:"Idempotency-Key" maxLength:"255" pattern:"^[ -~]*$" patternDescription:"printable ASCII" doc:"Printable ASCII, kept per token for 7 days: the same key returns the same request, with another body it is refused."`
}

var _ huma.Resolver = (*KeyHeader)(nil)

// Resolve implements huma.Resolver. An empty key is a client's mistake that would take its protection away unseen, and
// of two keys only one could count.
func (k *KeyHeader) Resolve(ctx huma.Context) []error {
	keys := 0
	ctx.EachHeader(func(name, _ string) {
		if http.CanonicalHeaderKey(name) == keyHeader {
			keys++
		}
	})
	switch {
	case keys > 1:
		return []error{&huma.ErrorDetail{Location: "header." + keyHeader, Message: "the header is there twice"}}
	case keys == 1 && k.Key == "":
		return []error{&huma.ErrorDetail{Location: "header." + keyHeader, Message: "is empty; send a key, or leave the header out"}}
	}
	return nil
}

type submitInput struct {
	KeyHeader
	Payload
}

type undoInput struct {
	ID queue.RequestID `path:"id"`
	KeyHeader
	Payload
}

type stepInput struct {
	ID queue.RequestID `path:"id"`
	Payload
}

type getInput struct {
	ID           queue.RequestID `path:"id"`
	EventsLimit  int             `query:"events_limit" minimum:"1" maximum:"500" default:"100" doc:"How many events at most, the newest first to be shown."`
	EventsCursor int64           `query:"events_cursor" minimum:"1" doc:"The events_cursor of the answer before: the events that stand before those."`
}

var _ huma.Resolver = (*getInput)(nil)

// Resolve implements huma.Resolver.
func (in *getInput) Resolve(ctx huma.Context) []error { return checkQuery(ctx) }

type listInput struct {
	State  string `query:"state" enum:"accepted,queued,held,writing,written,verified,mismatched,superseded,refused,failed,cancelled"`
	Holder string `query:"holder" maxLength:"1024" doc:"As the request named the holder, whole and in any case, or an objectGUID. Other names of the same holder do not match."`
	Ticket string `query:"ticket" maxLength:"128"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor string `query:"cursor" maxLength:"512" doc:"The next_cursor of the page before."`
}

var _ huma.Resolver = (*listInput)(nil)

// Resolve implements huma.Resolver.
func (in *listInput) Resolve(ctx huma.Context) []error { return checkQuery(ctx) }

// checkQuery refuses what huma would pass over: it takes the first of two values, and leaves out what it cannot read.
func checkQuery(ctx huma.Context) []error {
	u := ctx.URL()
	given, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return []error{&huma.ErrorDetail{Location: "query", Message: "cannot be read; percent-encode the values"}}
	}
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if len(given[name]) > 1 {
			wrong = append(wrong, &huma.ErrorDetail{Location: "query." + strictjson.ClipName(name), Message: "the parameter is there twice"})
		}
	}
	return wrong
}

// acceptedOutput is a request that was taken in, now or before.
type acceptedOutput struct {
	Location string `header:"Location" doc:"Where the request is shown."`
	Replayed string `header:"Idempotency-Replayed" doc:"true where an earlier request answers this call."`
	Body     RequestJSON
}

type requestOutput struct{ Body RequestJSON }

type pageOutput struct{ Body PageJSON }

func (s *Server) registerRequests() {
	s.registerSubmit()
	s.registerUndo()
	operation(s, token.Read, huma.Operation{OperationID: "get-request", Method: http.MethodGet, Path: requestPath,
		Summary: "Show a request with its newest events", Errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity}}, s.get)
	operation(s, token.Read, huma.Operation{OperationID: "list-requests", Method: http.MethodGet, Path: requestsPath,
		Summary: "List requests, newest first", Errors: []int{http.StatusUnprocessableEntity}}, s.list)
	s.registerStep("cancel", token.Submit, "Cancel a request that is accepted, queued or held",
		step{do: Steering.Cancel, done: "cancelled", states: "accepted, queued or held"})
	s.registerStep("recheck", token.Submit, "Look now at what a request waits for: the cloud, or its next try",
		step{do: s.recheck, done: "rechecked", states: "accepted, queued, written or mismatched"})
	s.registerStep("release", token.Approve, "Let a held request go",
		step{do: Steering.Release, done: "released", states: "held"})
}

func (s *Server) registerSubmit() {
	op := huma.Operation{OperationID: "submit-request", Method: http.MethodPost, Path: requestsPath,
		Summary: "Ask for a change of a holder's addresses", DefaultStatus: http.StatusAccepted,
		Description: "The request is durable when it is answered. What needs the directory or the cloud is checked later and ends the request as refused.",
		Errors:      []int{http.StatusInsufficientStorage}}
	bodyOperation(s, token.Submit, op, false, func(ctx context.Context, in *submitInput, sent SubmissionJSON) (*acceptedOutput, error) {
		submission, wrong := submissionOf(sent, exchangeOf(ctx).caller.Name)
		if len(wrong) > 0 {
			return nil, invalid(wrong)
		}
		return accepted(s.service.Submit(ctx, submission, in.Key))
	})
}

func (s *Server) registerUndo() {
	op := huma.Operation{OperationID: "undo-request", Method: http.MethodPost, Path: requestPath + "/undo",
		Summary: "Take back exactly what a request wrote, by a new request", DefaultStatus: http.StatusAccepted,
		Errors: []int{http.StatusNotFound, http.StatusConflict, http.StatusInsufficientStorage}}
	bodyOperation(s, token.Submit, op, true, func(ctx context.Context, in *undoInput, sent UndoJSON) (*acceptedOutput, error) {
		if err := checkID(in.ID); err != nil {
			return nil, err
		}
		submission, wrong := undoOf(sent, exchangeOf(ctx).caller.Name)
		if len(wrong) > 0 {
			return nil, invalid(wrong)
		}
		return accepted(s.service.Undo(ctx, in.ID, submission, in.Key))
	})
}

func accepted(r queue.Request, created bool, err error) (*acceptedOutput, error) {
	if err != nil {
		return nil, err
	}
	out := &acceptedOutput{Location: requestsPath + "/" + string(r.ID), Body: RequestOf(r, nil)}
	if !created {
		out.Replayed = "true"
	}
	return out, nil
}

// step is one way of moving a request that is there.
type step struct {
	do     func(to Steering, ctx context.Context, id queue.RequestID, by string) (queue.Request, error)
	done   string // as in "can be cancelled"
	states string // that allow it
}

func (s *Server) registerStep(name string, scope token.Scope, summary string, step step) {
	op := huma.Operation{OperationID: name + "-request", Method: http.MethodPost, Path: requestPath + "/" + name, Summary: summary,
		Errors: []int{http.StatusNotFound, http.StatusConflict}}
	bodyOperation(s, scope, op, true, func(ctx context.Context, in *stepInput, _ NothingJSON) (*requestOutput, error) {
		if err := checkID(in.ID); err != nil {
			return nil, err
		}
		r, err := step.do(s.service, ctx, in.ID, exchangeOf(ctx).caller.Name)
		if err != nil {
			return nil, staleProblem(r, err, step.done, step.states)
		}
		return &requestOutput{Body: RequestOf(r, nil)}, nil
	})
}

// recheck bounds how often one request is looked at again.
func (s *Server) recheck(to Steering, ctx context.Context, id queue.RequestID, by string) (queue.Request, error) {
	return s.guard.meters.recheck(exchangeOf(ctx).caller, id, func() (queue.Request, error) { return to.Recheck(ctx, id, by) })
}

func (s *Server) get(ctx context.Context, in *getInput) (*requestOutput, error) {
	if err := checkID(in.ID); err != nil {
		return nil, err
	}
	r, err := s.archive.Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	events, err := s.archive.Events(ctx, in.ID, queue.Part{Before: in.EventsCursor, Most: in.EventsLimit + 1})
	if err != nil {
		return nil, err
	}
	return &requestOutput{Body: withEvents(r, events, in.EventsLimit)}, nil
}

// maxID is how long a request's id may be, in bytes.
const maxID = 64

// checkID keeps from the store what cannot be an id, NUL above all: not every store can be asked for that.
func checkID(id queue.RequestID) error {
	if len(id) > maxID || strings.ContainsFunc(string(id), unprintable) {
		return queue.ErrNotFound
	}
	return nil
}

func (s *Server) list(ctx context.Context, in *listInput) (*pageOutput, error) {
	wrong := slices.Concat(checkLine("query.holder", in.Holder), checkLine("query.ticket", in.Ticket), checkLine("query.cursor", in.Cursor))
	if len(wrong) > 0 {
		return nil, invalid(wrong)
	}
	if strings.HasPrefix(in.Cursor, "-") { // a number below every request: the store would give an empty page
		return nil, queue.ErrBadCursor
	}
	page, next, err := s.archive.List(ctx, queue.Filter{State: queue.State(in.State), Holder: in.Holder, Ticket: in.Ticket,
		Limit: in.Limit, Cursor: in.Cursor})
	if err != nil {
		return nil, err
	}
	return &pageOutput{Body: pageOf(page, next)}, nil
}
