package server_test

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/server"
	"github.com/aliasd/aliasd/server/token"
)

// documentedScopes reads the table of docs/api.md: which scope each call needs.
func documentedScopes(t *testing.T) map[string]token.Scope {
	t.Helper()
	page, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	scopes := map[string]token.Scope{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`(submit|read|approve|admin)`|any|none needed) \\| (.*) \\|$").FindAllStringSubmatch(string(page), -1) {
		scope := token.Scope(row[2])
		switch row[1] {
		case "any":
			scope = "token"
		case "none needed":
			scope = "open"
		}
		for _, call := range regexp.MustCompile("`([A-Z]+ /[^`]*)`").FindAllStringSubmatch(row[3], -1) {
			scopes[call[1]] = scope
		}
	}
	return scopes
}

// subsets are all sets of scopes, the empty one too.
func subsets() [][]token.Scope {
	sets := [][]token.Scope{nil}
	for _, s := range token.Scopes() {
		for _, smaller := range slices.Clone(sets) {
			sets = append(sets, append(slices.Clone(smaller), s))
		}
	}
	return sets
}

// TestScopeMatrix makes each call of the router with each set of scopes. What is allowed stands in docs/api.md, not in the
// router: a route that was given the wrong scope is found.
func TestScopeMatrix(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	documented, calls := documentedScopes(t), 0
	for _, r := range f.server.Routes() {
		need, there := documented[r.Method+" "+r.Path]
		if !there || need != r.Scope {
			t.Errorf("%s %s needs %q, and %q by docs/api.md", r.Method, r.Path, r.Scope, need)
		}
		for _, have := range subsets() {
			bearer := f.tokens.add("some", have...)
			allowed := need == "open" || need == "token" || slices.Contains(have, need) || slices.Contains(have, token.Admin)
			got := f.do(call{method: r.Method, path: place(r.Path), token: bearer})
			if refused := got.status == http.StatusForbidden; refused == allowed || got.status == http.StatusUnauthorized {
				t.Errorf("%s %s with %v: status %d", r.Method, r.Path, have, got.status)
			}
			if !allowed && got.problem(t).Code != server.Forbidden {
				t.Errorf("%s %s with %v: %s", r.Method, r.Path, have, got.body)
			}
			calls++
		}
	}
	if len(documented) != len(f.server.Routes()) || calls != 16*len(documented) {
		t.Errorf("%d calls are documented, %d routes are there, %d calls were made", len(documented), len(f.server.Routes()), calls)
	}
}

// TestEveryMethodOfEveryPath: without a token nothing passes by another method, a slash more, or another spelling, and
// what the library that the routes are made with would add (pages, schemas) is not there.
func TestEveryMethodOfEveryPath(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	paths := map[string]bool{"/": true, "/docs": true, "/openapi": true, "/openapi.yaml": true, "/openapi-3.0.json": true, "/schemas/Request.json": true,
		"/schemas/Problem": true, "/debug/pprof/": true, "/favicon.ico": true, "/.well-known/x": true}
	for _, r := range f.server.Routes() {
		paths[place(r.Path)], paths[place(r.Path)+"/"], paths["/"+place(r.Path)], paths[strings.ToUpper(place(r.Path))] = true, true, true, true
	}
	for path := range paths {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "POST1", "QUERY", "PROPFIND"} {
			r, err := http.NewRequestWithContext(t.Context(), method, f.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.URL.Opaque = path // as it is, "//" too
			got := f.send(r)
			open := (path == "/healthz" || path == "/readyz") && (method == "GET" || method == "HEAD")
			if open != (got.status == http.StatusOK) || !open && got.status != http.StatusUnauthorized {
				t.Errorf("%s %s: status %d", method, path, got.status)
			}
		}
	}
	if len(f.queue.asked)+len(f.queue.by) > 0 {
		t.Errorf("something was done: %v, %v", f.queue.asked, f.queue.by)
	}
}
