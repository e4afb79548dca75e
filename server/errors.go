package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
)

// retryAfter is what a caller is told to wait, in seconds, where a dependency is away.
const retryAfter = "30"

// problemFor is the one mapping from errors to HTTP. What it does not know is 500 and says nothing of itself: the log
// has it under the incident.
func problemFor(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	if e, ok := cause.As(err); ok {
		return problemOfCause(e)
	}
	switch {
	case errors.Is(err, queue.ErrNotFound):
		return newProblem(http.StatusNotFound, NotFound, "There is no request with this id.")
	case errors.Is(err, queue.ErrStale):
		return newProblem(http.StatusConflict, NotPossible, "The request moved on meanwhile; read it again to see where it is.")
	case errors.Is(err, queue.ErrNothingToUndo):
		return newProblem(http.StatusConflict, NothingToUndo, "The request wrote nothing that could be taken back.")
	case errors.Is(err, queue.ErrKeyReused):
		return newProblem(http.StatusUnprocessableEntity, IdempotencyKeyReused,
			"This Idempotency-Key came before with another body; use a new key for a new request.")
	case errors.Is(err, queue.ErrBadCursor):
		return invalid([]FieldError{{Location: "query.cursor", Code: InvalidField, Message: "not a next_cursor of this list; start without one"}})
	case errors.Is(err, queue.ErrInvalid):
		return newProblem(http.StatusUnprocessableEntity, InvalidRequest, err.Error())
	case errors.Is(err, queue.ErrStoreFull):
		return newProblem(http.StatusInsufficientStorage, StoreFull,
			"The store cannot be written (is the disk full?); nothing was stored, and what was accepted before stays. Try again later.").
			with("Retry-After", retryAfter)
	case errors.Is(err, queue.ErrStoreAway):
		return newProblem(http.StatusServiceUnavailable, StoreAway,
			"The database cannot be reached just now, has too much to do, or is kept locked by another process; nothing was stored, and what was accepted before stays. Try again later.").
			with("Retry-After", retryAfter)
	case errors.Is(err, queue.ErrStoreUnsure):
		return newProblem(http.StatusServiceUnavailable, StoreAway,
			"The database went away before it said whether this was stored. Send it again as it was, with the same Idempotency-Key if it had one: it is stored once.").
			with("Retry-After", retryAfter)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return newProblem(http.StatusGatewayTimeout, Timeout,
			"It took too long. The request may have been stored: send it again with the same Idempotency-Key.")
	}
	return newProblem(http.StatusInternalServerError, Internal, "Something went wrong in aliasd; its log says more under this incident.")
}

// problemOfCause shows a refusal as the caller's problem and a waiting as a dependency's.
func problemOfCause(e *cause.Error) *Problem {
	p := newProblem(statusOfCause(e), Code(e.Cause.Code), e.Cause.Message)
	p.Conflict, p.Candidates = e.Cause.Conflict, e.Cause.Candidates
	if p.Status == http.StatusServiceUnavailable {
		p.with("Retry-After", retryAfter)
	}
	return p
}

func statusOfCause(e *cause.Error) int {
	switch {
	case e.Kind == cause.Waiting:
		return http.StatusServiceUnavailable
	case e.Kind != cause.Refusal:
		return http.StatusBadGateway
	case e.Cause.Code == cause.UnknownHolder:
		return http.StatusNotFound
	case e.Cause.Code == cause.AmbiguousHolder, e.Cause.Code == cause.ChangedSince:
		return http.StatusConflict
	}
	return http.StatusUnprocessableEntity
}

// staleProblem says where the request is that a step was not possible for.
func staleProblem(r queue.Request, err error, step, states string) error {
	if !errors.Is(err, queue.ErrStale) || r.State == "" {
		return err
	}
	return newProblem(http.StatusConflict, NotPossible, fmt.Sprintf("The request is %s; only one that is %s can be %s.", r.State, states, step))
}

// ownProblems turns huma's own errors (parameters that cannot be) into problems of ours. Values are left out: a
// problem does not echo what was sent.
func ownProblems(ctx huma.Context, _ string, v any) (any, error) {
	model, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	fields := make([]FieldError, 0, len(model.Errors))
	for _, e := range model.Errors {
		fields = append(fields, FieldError{Location: e.Location, Message: e.Message, Code: InvalidField})
	}
	p := invalid(fields)
	p.Status, p.Title = model.Status, http.StatusText(model.Status)
	exchangeOf(ctx.Context()).code = p.Code
	return p, nil
}

// maxErrors is how many mistakes one problem names.
const maxErrors = 20

// invalid makes the problem of a call with at least one thing wrong. Where all of it has one code, that is the problem's.
func invalid(fields []FieldError) *Problem {
	fields = fields[:min(len(fields), maxErrors)]
	p := newProblem(http.StatusUnprocessableEntity, InvalidRequest, "")
	p.Errors = fields
	if code, same := commonCode(fields); same && cause.Codes()[cause.Code(code)] != nil {
		p.Code = code
	}
	sentences := make([]string, 0, len(fields))
	for _, f := range fields {
		sentences = append(sentences, f.Location+": "+f.Message)
	}
	p.Detail = strings.Join(sentences, "; ")
	return p
}

func commonCode(fields []FieldError) (code Code, same bool) {
	for i, f := range fields {
		if i > 0 && f.Code != code {
			return "", false
		}
		code = f.Code
	}
	return code, len(fields) > 0
}
