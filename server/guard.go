package server

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/aliasd/aliasd/server/token"
)

// Tokens finds tokens; the store does.
type Tokens interface {
	// TokenByHash returns whose token has the hash: token.ErrUnknown, wrapped or not, where none has or it was revoked.
	// It may be called concurrently.
	TokenByHash(ctx context.Context, hash token.Hash) (token.Identity, error)
}

// What a route asks for besides the scopes of package token.
const (
	nobodyNeeded token.Scope = "open"  // passes without a token
	anyToken     token.Scope = "token" // any token of ours passes
)

// Route is one way into the server.
type Route struct {
	Method, Path string
	// Scope is what the token has to allow: one of package token's, "token" for any token, "open" for none.
	Scope token.Scope
}

// guard stands before the router: it finds out who calls, and whether the route that the call goes to lets them.
// Routes are registered through it alone; one that was registered without a scope lets nobody in.
type guard struct {
	mux    *http.ServeMux
	tokens Tokens
	// local is the hash of the local administrator's token; empty where there is none.
	local  token.Hash
	routes map[string]Route
	meters *meters
	crowd  *crowd
	// urgent are the routes of the stop switch, and switching the calls of them that are being answered: they wait for no others.
	urgent    map[string]bool
	switching *crowd
}

func newGuard(o Options) *guard {
	return &guard{mux: http.NewServeMux(), tokens: o.Tokens, local: o.Local, routes: map[string]Route{},
		meters: newMeters(o.Rates, o.Now), crowd: newCrowd(o.Limits),
		urgent: map[string]bool{}, switching: newCrowd(Limits{Calls: maxSwitching, CallsPerToken: maxSwitching})}
}

// allow says what a route asks for; its handler is registered at the mux under the same method and path.
func (g *guard) allow(r Route) { g.routes[r.Method+" "+r.Path] = r }

// ServeHTTP answers 401 before it says whether a path exists.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	handler, pattern := g.mux.Handler(r)
	if unclean(r) {
		pattern = "" // the mux would send the caller to the path that it takes it for
	}
	route, known := g.routes[pattern]
	caller, err := g.identify(r)
	x := exchangeOf(r.Context())
	x.caller, x.route = caller, route.Path
	conn := connectionIn(r.Context())
	if caller.Known() {
		conn.know(caller.Name)
	} else if !conn.isKnown() {
		// A stranger's connection is not kept: there are only so many. One that a proxy shares among its callers is.
		w.Header().Set("Connection", "close")
	}
	switch {
	case err != nil:
		x.fail(w, err)
	case route.Scope == nobodyNeeded:
		g.mux.ServeHTTP(w, r)
	case !caller.Known():
		x.fail(w, g.meters.stranger(r, unauthenticated("This call needs a token: send Authorization: Bearer aliasd_…")))
	case pattern == "":
		x.fail(w, noRoute(handler, r))
	case !known || route.Scope != anyToken && !caller.Allows(route.Scope):
		x.fail(w, forbidden(caller.Identity, route.Scope))
	default:
		g.admit(w, r, route, caller)
	}
}

// unclean says whether a path holds empty segments or dots.
func unclean(r *http.Request) bool {
	given := r.URL.EscapedPath()
	return path.Clean(given) != given
}

// identify finds whose token a call carries: nobody's where it carries none, a problem where it is not one of ours.
func (g *guard) identify(r *http.Request) (caller, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) == 0 || len(headers) == 1 && headers[0] == "" {
		return caller{}, nil
	}
	scheme, text, _ := strings.Cut(headers[0], " ")
	secret, err := token.Parse(strings.TrimSpace(text))
	// Of two headers a proxy may have looked at the other one.
	if err != nil || !strings.EqualFold(scheme, "Bearer") || len(headers) > 1 {
		return caller{}, g.meters.stranger(r, unauthenticated("The Authorization header holds no aliasd token: send Authorization: Bearer aliasd_… once"))
	}
	hash := secret.Hash()
	if subtle.ConstantTimeCompare([]byte(hash), []byte(g.local)) == 1 {
		return caller{Identity: token.Identity{Name: token.LocalName, Scopes: []token.Scope{token.Admin}}, hash: hash, local: true}, nil
	}
	if err := g.meters.mayGuess(r, hash); err != nil {
		return caller{}, err
	}
	found, err := g.lookUp(r.Context(), hash)
	if err != nil && problemFor(err).Code == Unauthenticated {
		err = g.meters.stranger(r, err)
	}
	return caller{Identity: found, hash: hash}, err
}

func unauthenticated(detail string) *Problem {
	return newProblem(http.StatusUnauthorized, Unauthenticated, detail).with("WWW-Authenticate", `Bearer realm="aliasd"`)
}

func forbidden(caller token.Identity, need token.Scope) *Problem {
	return newProblem(http.StatusForbidden, Forbidden, fmt.Sprintf("The token %q lacks the scope %s.", caller.Name, need)).
		with("WWW-Authenticate", fmt.Sprintf(`Bearer realm="aliasd", error="insufficient_scope", scope="%s"`, need))
}

// noRoute asks the mux's own answer whether the path or only the method is wrong.
func noRoute(handler http.Handler, r *http.Request) *Problem {
	answer := headerCatcher{header: http.Header{}}
	handler.ServeHTTP(&answer, r)
	if answer.status == http.StatusMethodNotAllowed {
		allowed := answer.header.Get("Allow")
		return newProblem(answer.status, MethodNotAllowed, "This path takes "+allowed+".").with("Allow", allowed)
	}
	return newProblem(http.StatusNotFound, NoSuchRoute, "There is no such path; /openapi.json lists them.")
}

// headerCatcher keeps an answer's status and headers.
type headerCatcher struct {
	header http.Header
	status int
}

func (c *headerCatcher) Header() http.Header         { return c.header }
func (c *headerCatcher) WriteHeader(status int)      { c.status = status }
func (c *headerCatcher) Write(b []byte) (int, error) { return len(b), nil }
