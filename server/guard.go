package server

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
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
}

func newGuard(tokens Tokens, local token.Hash) *guard {
	return &guard{mux: http.NewServeMux(), tokens: tokens, local: local, routes: map[string]Route{}}
}

// allow says what a route asks for; its handler is registered at the mux under the same method and path.
func (g *guard) allow(r Route) { g.routes[r.Method+" "+r.Path] = r }

// ServeHTTP answers 401 before it says whether a path exists.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	handler, pattern := g.mux.Handler(r)
	route, known := g.routes[pattern]
	caller, err := g.identify(r)
	x := exchangeOf(r.Context())
	x.caller, x.route = caller, route.Path
	switch {
	case err != nil:
		x.fail(w, err)
	case route.Scope == nobodyNeeded:
		g.mux.ServeHTTP(w, r)
	case !caller.Known():
		x.fail(w, unauthenticated("This call needs a token: send Authorization: Bearer aliasd_…"))
	case pattern == "":
		x.fail(w, noRoute(handler, r))
	case !known || route.Scope != anyToken && !caller.Allows(route.Scope):
		x.fail(w, forbidden(caller, route.Scope))
	default:
		g.mux.ServeHTTP(w, r)
	}
}

// identify finds whose token a call carries: nobody's where it carries none, a problem where it is not one of ours.
func (g *guard) identify(r *http.Request) (token.Identity, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return token.Identity{}, nil
	}
	scheme, text, _ := strings.Cut(header, " ")
	secret, err := token.Parse(strings.TrimSpace(text))
	if err != nil || !strings.EqualFold(scheme, "Bearer") {
		return token.Identity{}, unauthenticated("The Authorization header holds no aliasd token: send Authorization: Bearer aliasd_…")
	}
	return g.lookUp(r.Context(), secret.Hash())
}

func (g *guard) lookUp(ctx context.Context, hash token.Hash) (token.Identity, error) {
	if subtle.ConstantTimeCompare([]byte(hash), []byte(g.local)) == 1 {
		return token.Identity{Name: token.LocalName, Scopes: []token.Scope{token.Admin}}, nil
	}
	caller, err := g.tokens.TokenByHash(ctx, hash)
	switch {
	case errors.Is(err, token.ErrUnknown):
		return token.Identity{}, unauthenticated("This token is not known, or was revoked.")
	case err != nil:
		return token.Identity{}, &unavailableError{fmt.Errorf("look a token up: %w", err)}
	}
	return caller, nil
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
