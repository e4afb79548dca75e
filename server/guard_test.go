package server_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/server"
	"github.com/aliasd/aliasd/server/token"
)

// place fills a route's wildcards in.
func place(path string) string {
	return strings.NewReplacer("{id}", "0190b0d2-0000-7000-8000-000000000001", "{identity}", "jdoe").Replace(path)
}

// TestEveryRouteNeedsItsScope enumerates the routes from the router itself.
func TestEveryRouteNeedsItsScope(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	routes := f.server.Routes()
	if len(routes) < 15 {
		t.Fatalf("only %d routes: %v", len(routes), routes)
	}
	bearers := map[token.Scope]token.Secret{}
	for _, s := range token.Scopes() {
		bearers[s] = f.tokens.add("only-"+string(s), s)
	}
	for _, r := range routes {
		t.Run(r.Method+" "+r.Path, func(t *testing.T) {
			t.Parallel()
			f := f.in(t)
			c := call{method: r.Method, path: place(r.Path)}
			if r.Path == "/healthz" || r.Path == "/readyz" {
				if got := f.do(c); got.status != http.StatusOK {
					t.Errorf("not open: %+v", got)
				}
				return
			}
			checkRefused(t, f, c)
			for scope, bearer := range bearers {
				c.token = bearer
				may := scope == r.Scope || scope == token.Admin || r.Path == "/openapi.json"
				if got := f.do(c); (got.status != http.StatusForbidden) != may {
					t.Errorf("scope %s: status %d, may %v", scope, got.status, may)
				}
			}
		})
	}
}

// checkRefused: without a token that is ours nobody passes, whatever they send.
func checkRefused(t *testing.T, f *fixture, c call) {
	t.Helper()
	known := f.all.Reveal()
	for _, header := range []string{"", "Bearer", "Bearer ", "Bearer aliasd_", "Bearer " + token.New().Reveal(), "Basic " + known, known,
		"Bearer " + known[:len(known)-1], "Bearer " + known + "A", "Bearer " + strings.ToUpper(known), "Bearer x " + known} {
		c.header = map[string]string{"Authorization": header}
		if header == "" {
			c.header = nil
		}
		got := f.do(c)
		p := got.problem(t)
		if p.Status != http.StatusUnauthorized || p.Code != server.Unauthenticated || !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("Authorization %q: %+v", header, p)
		}
	}
}

func TestForbiddenNamesTheScope(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	got := f.post("/v1/pause", "")
	p := got.problem(t)
	if p.Code != server.Forbidden || !strings.Contains(p.Detail, `"helpdesk" lacks the scope admin`) ||
		!strings.Contains(got.header.Get("WWW-Authenticate"), `error="insufficient_scope", scope="admin"`) {
		t.Errorf("got %+v, %v", p, got.header)
	}
}

// TestRoutesAreDocumented: the router and the OpenAPI document name the same operations with the same scopes.
func TestRoutesAreDocumented(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var document struct {
		Paths map[string]map[string]struct {
			Security []map[string][]string `json:"security"`
		} `json:"paths"`
	}
	if err := json.Unmarshal([]byte(f.get("/openapi.json").body), &document); err != nil {
		t.Fatal(err)
	}
	var documented, routed []string
	for path, item := range document.Paths {
		for method, op := range item {
			scope := "open"
			if len(op.Security) > 0 {
				scope = cmp.Or(strings.Join(op.Security[0]["bearer"], ","), "token")
			}
			documented = append(documented, strings.ToUpper(method)+" "+path+" "+scope)
		}
	}
	for _, r := range f.server.Routes() {
		routed = append(routed, r.Method+" "+r.Path+" "+string(r.Scope))
	}
	slices.Sort(documented)
	slices.Sort(routed)
	if !slices.Equal(documented, routed) {
		t.Errorf("documented %v\nrouted %v", documented, routed)
	}
}

func TestNoSuchRoute(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, path := range []string{"/", "/v1", "/v1/requests/", "/v1/requests/a/b", "/docs", "/openapi.yaml", "/schemas/Request.json", "/debug/pprof/", "/V1/requests"} {
		if p := f.get(path).problem(t); p.Status != http.StatusNotFound || p.Code != server.NoSuchRoute {
			t.Errorf("%s: %+v", path, p)
		}
		if p := f.do(call{method: "GET", path: path}).problem(t); p.Status != http.StatusUnauthorized {
			t.Errorf("%s tells without a token whether it is there: %+v", path, p)
		}
	}
	got := f.do(call{method: http.MethodDelete, path: "/v1/requests", token: f.all})
	if p := got.problem(t); p.Status != http.StatusMethodNotAllowed || p.Code != server.MethodNotAllowed || got.header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("got %+v, %v", p, got.header)
	}
}

func TestRevokedTokenIsNoToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if got := f.get("/v1/requests"); got.status != http.StatusOK {
		t.Fatalf("before: %+v", got)
	}
	f.tokens.revoke(f.all)
	if p := f.get("/v1/requests").problem(t); p.Status != http.StatusUnauthorized {
		t.Errorf("after: %+v", p)
	}
}

func TestTokensAwayIsNotUnauthenticated(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.tokens.failWith(errors.New("disk I/O error"))
	got := f.get("/v1/requests")
	if p := got.problem(t); p.Status != http.StatusServiceUnavailable || p.Code != server.Unavailable || p.Incident == "" || got.header.Get("Retry-After") == "" {
		t.Errorf("got %+v", p)
	}
	if got := f.do(call{method: "GET", path: "/v1/requests", token: f.local}); got.status != http.StatusOK {
		t.Errorf("the local administrator needs no store: %+v", got)
	}
}

func TestNoLocalToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *server.Options) { o.Local = "" })
	if p := f.do(call{method: "GET", path: "/v1/requests", token: f.local}).problem(t); p.Status != http.StatusUnauthorized {
		t.Errorf("got %+v", p)
	}
}

func TestHEAD(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if got := f.do(call{method: http.MethodHead, path: "/v1/requests"}); got.status != http.StatusUnauthorized {
		t.Errorf("HEAD passes without a token: %+v", got)
	}
	if got := f.do(call{method: http.MethodHead, path: "/v1/requests", token: f.all}); got.status != http.StatusOK || got.body != "" {
		t.Errorf("got %+v", got)
	}
}

// TestAccessLog: one line per call with the route and the token's name, and nothing that anybody sent.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.post("/v1/requests", with("note", `"marked-body"`))
	f.post("/v1/requests?marked-query=1", with("marked-field", `"marked-body"`))
	f.get("/v1/holders/marked-holder")
	f.do(call{method: "MARKED", path: "/marked-path", header: map[string]string{"Authorization": "Bearer aliasd_marked-token"}})
	lines := f.logs.lines(t, 4)
	for i, want := range []map[string]any{
		{"method": "POST", "route": "/v1/requests", "status": 202.0, "token": "helpdesk"},
		{"method": "POST", "route": "/v1/requests", "status": 422.0, "token": "helpdesk", "code": "invalid_request"},
		{"method": "GET", "route": "/v1/holders/{identity}", "status": 404.0, "token": "helpdesk", "code": "unknown_holder"},
		{"method": "MARKED", "route": "", "status": 401.0, "token": "", "code": "unauthenticated"},
	} {
		for key, value := range want {
			if lines[i][key] != value {
				t.Errorf("line %d: %s is %v, want %v", i, key, lines[i][key], value)
			}
		}
		if d, _ := lines[i]["duration"].(float64); d <= 0 || lines[i]["id"] == "" {
			t.Errorf("line %d: %v", i, lines[i])
		}
	}
	for _, secret := range []string{"marked-", f.all.Reveal(), f.all.Reveal()[len("aliasd_"):], string(f.all.Hash())} {
		if strings.Contains(f.logs.String(), secret) {
			t.Errorf("the log holds %q:\n%s", secret, f.logs)
		}
	}
}
