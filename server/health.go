package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/aliasd/aliasd/cause"
)

const (
	healthPath = "/healthz"
	readyPath  = "/readyz"
)

// readyFor is how long an answer of /readyz is given again: anybody may ask, so asking costs next to nothing.
const readyFor = 2 * time.Second

// checkLimit is how long one dependency may take to say how it is.
const checkLimit = 3 * time.Second

// Dependency is something that the daemon needs.
type Dependency struct {
	// Name is store, directory or cloud.
	Name string
	// Required says that the daemon is not ready without it. Only the store is: with the directory or the cloud away,
	// requests are still taken in durably and wait, and a load balancer that turned callers away would lose them.
	Required bool
	// Check returns nil where the dependency is usable, else why not; a *cause.Error shows its cause to callers with a
	// token. It may be called concurrently, should answer from what is known already, and must not try a password.
	Check func(ctx context.Context) error
}

// ReadyJSON says whether the daemon can take requests in, and how what it needs is.
type ReadyJSON struct {
	Ready        bool             `json:"ready"`
	Paused       bool             `json:"paused" doc:"All writing is stopped; requests are still taken in."`
	DryRun       bool             `json:"dry_run" doc:"This node was started with --dry-run: requests are taken in, checked and planned, and nothing is written."`
	Dependencies []DependencyJSON `json:"dependencies" nullable:"false"`
}

// DependencyJSON is how one dependency is. Cause is shown to callers with a token.
type DependencyJSON struct {
	Name  string       `json:"name" example:"directory"`
	State string       `json:"state" enum:"up,down"`
	Cause *cause.Cause `json:"cause,omitempty"`
}

// HealthJSON says that the process is alive.
type HealthJSON struct {
	Status string `json:"status" enum:"ok"`
	DryRun bool   `json:"dry_run,omitempty" doc:"true where this node was started with --dry-run and writes nothing. Absent otherwise."`
}

type healthOutput struct{ Body HealthJSON }

type readyOutput struct {
	Status int
	Body   ReadyJSON
}

func (s *Server) registerHealth() {
	operation(s, nobodyNeeded, huma.Operation{OperationID: "health", Method: http.MethodGet, Path: healthPath,
		Summary: "Say that the process is alive"}, func(context.Context, *struct{}) (*healthOutput, error) {
		return &healthOutput{Body: HealthJSON{Status: "ok", DryRun: s.ready.dryRun}}, nil
	})
	operation(s, nobodyNeeded, huma.Operation{OperationID: "ready", Method: http.MethodGet, Path: readyPath,
		Summary:     "Say whether requests can be taken in, and how the store, the directory and the cloud are",
		Description: "503 only where the store is not usable: a directory or a cloud that is away is reported, and requests wait for it.",
		Responses:   map[string]*huma.Response{"503": {Description: "The store is not usable; the body is the same."}},
	}, s.readyNow)
}

func (s *Server) readyNow(ctx context.Context, _ *struct{}) (*readyOutput, error) {
	answer := s.ready.ask(ctx)
	out := &readyOutput{Status: http.StatusOK, Body: answer}
	if !answer.Ready {
		out.Status = http.StatusServiceUnavailable
	}
	if !exchangeOf(ctx).caller.Known() {
		out.Body.Dependencies = withoutCauses(answer.Dependencies)
	}
	return out, nil
}

func withoutCauses(list []DependencyJSON) []DependencyJSON {
	out := make([]DependencyJSON, 0, len(list))
	for _, d := range list {
		out = append(out, DependencyJSON{Name: d.Name, State: d.State})
	}
	return out
}
