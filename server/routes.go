package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server/token"
)

const metricsPath = "/metrics"

// register registers every route but the document's.
func (s *Server) register() {
	s.registerRequests()
	s.registerValidate()
	s.registerSwitch("pause", "Stop all writing, on every node", Switch.Pause)
	s.registerSwitch("resume", "Start all writing again", Switch.Resume)
	operation(s, token.Read, huma.Operation{OperationID: "show-holder", Method: http.MethodGet, Path: "/v1/holders/{identity}",
		Summary: "Show a holder's addresses on-premises, as predicted, and in the cloud",
		Errors:  []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}, s.holder)
	s.registerHealth()
	s.describe(token.Read, metricsPath, "Give Prometheus its metrics", "text/plain", huma.TypeString)
	s.describe(anyToken, documentPath, "Give this document", "application/openapi+json", huma.TypeObject)
	s.guard.allow(Route{Method: http.MethodGet, Path: metricsPath, Scope: token.Read})
	s.guard.mux.HandleFunc("GET "+metricsPath, func(w http.ResponseWriter, r *http.Request) { s.metrics.ServeHTTP(w, r) })
}

type bodyInput struct{ Payload }

type previewOutput struct{ Body PreviewJSON }

type pauseOutput struct{ Body PauseJSON }

type holderInput struct {
	Identity string `path:"identity" maxLength:"1024" doc:"Any identity, percent-encoded."`
}

type holderOutput struct{ Body HolderView }

// registerValidate: a body that is wrong in itself is a problem, as everywhere; a refusal of the address is what the
// caller wants to know, like every other refusal.
func (s *Server) registerValidate() {
	op := huma.Operation{OperationID: "validate-request", Method: http.MethodPost, Path: "/v1/validate",
		Summary: "Say what would become of a request now; nothing is stored", Errors: []int{http.StatusServiceUnavailable}}
	bodyOperation(s, token.Submit, op, false, func(ctx context.Context, _ *bodyInput, sent SubmissionJSON) (*previewOutput, error) {
		submission, wrong := submissionOf(sent, exchangeOf(ctx).caller.Name)
		if refusal, only := onlyAddress(wrong); only {
			return &previewOutput{Body: previewOf(queue.Preview{Refusals: refusal})}, nil
		}
		if len(wrong) > 0 {
			return nil, invalid(wrong)
		}
		var preview queue.Preview
		err := s.reads.read(ctx, exchangeOf(ctx).caller, submission.Requester, func(ctx context.Context) (err error) {
			preview, err = s.service.Validate(ctx, submission)
			return err
		})
		if err != nil {
			return nil, err
		}
		return &previewOutput{Body: previewOf(preview)}, nil
	})
}

// onlyAddress gives the refusal where the address is all that is wrong.
func onlyAddress(wrong []FieldError) (refusal []cause.Cause, only bool) {
	if len(wrong) != 1 || cause.Codes()[cause.Code(wrong[0].Code)] == nil {
		return nil, false
	}
	return []cause.Cause{{Code: cause.Code(wrong[0].Code), Message: wrong[0].Message}}, true
}

func (s *Server) registerSwitch(name, summary string, flip func(to Switch, ctx context.Context, by string) error) {
	op := huma.Operation{OperationID: name, Method: http.MethodPost, Path: "/v1/" + name, Summary: summary}
	s.guard.urgent[op.Path] = true
	bodyOperation(s, token.Admin, op, true, func(ctx context.Context, _ *bodyInput, _ NothingJSON) (*pauseOutput, error) {
		if err := flip(s.service, ctx, exchangeOf(ctx).caller.Name); err != nil {
			return nil, err
		}
		return s.paused(ctx)
	})
}

// paused tells how the switch stands, and how much is still on its way to the directory.
func (s *Server) paused(ctx context.Context) (*pauseOutput, error) {
	since, by, err := s.archive.Paused(ctx)
	if err != nil {
		return nil, err
	}
	stats, err := s.archive.Stats(ctx)
	if err != nil {
		return nil, err
	}
	return &pauseOutput{Body: PauseOf(since, by, stats.InFlight)}, nil
}

func (s *Server) holder(ctx context.Context, in *holderInput) (*holderOutput, error) {
	if wrong := checkLine("path.identity", in.Identity); len(wrong) > 0 {
		return nil, invalid(wrong)
	}
	out := &holderOutput{}
	err := s.reads.read(ctx, exchangeOf(ctx).caller, "", func(ctx context.Context) (err error) {
		out.Body, err = s.holders.Show(ctx, in.Identity)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
