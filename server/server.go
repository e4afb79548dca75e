package server

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server/token"
)

// Intake takes requests in; queue.Service does. Its errors are the queue's, or a *cause.Error where the submission is
// refused at once. All methods may be called concurrently.
type Intake interface {
	// Submit stores a submission; created is false where an earlier request answers it.
	Submit(ctx context.Context, s queue.Submission, key string) (r queue.Request, created bool, err error)
	// Undo stores a request that takes back what another one wrote.
	Undo(ctx context.Context, id queue.RequestID, s queue.Submission, key string) (r queue.Request, created bool, err error)
	// Validate says what would become of a submission now, and stores nothing.
	Validate(ctx context.Context, s queue.Submission) (queue.Preview, error)
}

// Steering moves requests that are there; queue.Service does. `by` is the caller's token's name. Where the request's
// state does not allow it, the error is queue.ErrStale and the request, if it is returned, shows the state.
type Steering interface {
	Cancel(ctx context.Context, id queue.RequestID, by string) (queue.Request, error)
	Recheck(ctx context.Context, id queue.RequestID, by string) (queue.Request, error)
	Release(ctx context.Context, id queue.RequestID, by string) (queue.Request, error)
}

// Switch stops and starts all writing; queue.Service does. Doing it twice is harmless.
type Switch interface {
	Pause(ctx context.Context, by string) error
	Resume(ctx context.Context, by string) error
}

// Archive shows requests; queue.Shown does.
type Archive interface {
	// Get returns one request, queue.ErrNotFound where there is none.
	Get(ctx context.Context, id queue.RequestID) (queue.Request, error)
	// List returns a page, newest first, and the cursor of the next one, empty at the end.
	List(ctx context.Context, f queue.Filter) (page []queue.Request, next string, err error)
	// Events returns a part of a request's events, oldest first.
	Events(ctx context.Context, id queue.RequestID, of queue.Part) ([]queue.Event, error)
	// Paused tells since when all writing is stopped and by whom; the zero time when it is not.
	Paused(ctx context.Context) (since time.Time, by string, err error)
	// Stats counts requests, those among them that are being written.
	Stats(ctx context.Context) (queue.Stats, error)
}

// Holders shows a holder on both sides.
type Holders interface {
	// Show finds the holder that an identity names: unknown_holder, ambiguous_holder with its candidates, or a waiting
	// where the directory is away. A cloud that is away is no error: HolderView.CloudCause says so.
	Show(ctx context.Context, identity string) (HolderView, error)
}

// Service is all that the server asks of the queue's service.
type Service interface {
	Intake
	Steering
	Switch
}

// The queue's service is what the server is made for.
var _ Service = (*queue.Service)(nil)

// Metrics answers scrapes and is told of each call.
type Metrics interface {
	http.Handler
	// Served notes one call; route is its pattern, empty where there is none.
	Served(method, route string, status int, took time.Duration)
}

// Limits bound what one call may cost. Zero fields take the default.
type Limits struct {
	// Header and Read bound how slowly a call may come in: its header (5 s), and all of it (15 s).
	Header, Read time.Duration
	// Handle bounds the work on a call (30 s), Write the time until its answer is out (45 s).
	Handle, Write time.Duration
	// Idle is how long a connection may wait for its next call (2 min).
	Idle time.Duration
	// Drain is how long calls may take to end when the server stops (15 s).
	Drain time.Duration
	// Calls are how many calls with a token are answered at a time (256), CallsPerToken how many of one token (64).
	Calls, CallsPerToken int
}

func (l Limits) orDefaults() Limits {
	return Limits{
		Header: cmp.Or(l.Header, 5*time.Second), Read: cmp.Or(l.Read, 15*time.Second),
		Handle: cmp.Or(l.Handle, 30*time.Second), Write: cmp.Or(l.Write, 45*time.Second),
		Idle: cmp.Or(l.Idle, 2*time.Minute), Drain: cmp.Or(l.Drain, 15*time.Second),
		Calls: cmp.Or(l.Calls, 256), CallsPerToken: cmp.Or(l.CallsPerToken, 64),
	}
}

// Options are what a server is made from. All but Local, Dependencies, DryRun, Room, Limits and Rates are needed.
type Options struct {
	Service Service
	Archive Archive
	Holders Holders
	Tokens  Tokens
	Metrics Metrics
	// Local is the hash of the local administrator's token (token.LocalToken); empty where there is none.
	Local token.Hash
	// Dependencies are what /readyz reports.
	Dependencies []Dependency
	// DryRun says that this node writes nothing; /readyz tells.
	DryRun bool
	// Room says how long writes and sweeps need Microsoft Graph for themselves, 0 where not now; nil: never. Meanwhile nobody has
	// a holder looked up.
	Room   func() time.Duration
	Limits Limits
	Rates  Rates
	Logger *slog.Logger
	Now    func() time.Time
}

func (o Options) check() error {
	if o.Service == nil || o.Archive == nil || o.Holders == nil || o.Tokens == nil || o.Metrics == nil || o.Logger == nil || o.Now == nil {
		return errors.New("server: Service, Archive, Holders, Tokens, Metrics, Logger and Now are needed")
	}
	return nil
}

// Server answers the REST API. It may serve many listeners and is safe for concurrent use.
type Server struct {
	service Service
	archive Archive
	holders Holders
	metrics Metrics
	log     *slog.Logger
	now     func() time.Time
	limits  Limits
	ready   *readiness
	guard   *guard
	reads   *spending
	api     huma.API
	handler http.Handler
}

// New makes a server; it listens to nothing before Serve.
func New(o Options) (*Server, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o.Limits = o.Limits.orDefaults()
	s := &Server{service: o.Service, archive: o.Archive, holders: o.Holders, metrics: o.Metrics, log: o.Logger, now: o.Now,
		limits: o.Limits, guard: newGuard(o), reads: newSpending(o),
		ready: &readiness{dependencies: o.Dependencies, archive: o.Archive, dryRun: o.DryRun, now: o.Now}}
	s.api = newAPI(s.guard.mux)
	s.register()
	if err := s.registerDocument(); err != nil {
		return nil, err
	}
	s.handler = s.observe(s.guard)
	return s, nil
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Routes lists every way in, as the router has them.
func (s *Server) Routes() []Route {
	routes := make([]Route, 0, len(s.guard.routes))
	for _, r := range s.guard.routes {
		routes = append(routes, r)
	}
	return routes
}
