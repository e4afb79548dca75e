package server

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aliasd/aliasd/server/token"
)

// TestARouteWithoutAScopeIsClosed: whoever registers a route past the guard lets nobody in, the local administrator neither.
func TestARouteWithoutAScopeIsClosed(t *testing.T) {
	t.Parallel()
	local := token.New()
	o := Options{Local: local.Hash(), Now: time.Now}
	o.Limits = o.Limits.orDefaults()
	g := newGuard(o)
	reached := false
	g.mux.HandleFunc("GET /forgotten", func(http.ResponseWriter, *http.Request) { reached = true })
	g.mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) { reached = true })
	for _, path := range []string{"/forgotten", "/anything"} {
		for header, want := range map[string]int{"": http.StatusUnauthorized, "Bearer " + local.Reveal(): http.StatusForbidden} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
			if header != "" {
				r.Header.Set("Authorization", header)
			}
			out := httptest.NewRecorder()
			g.ServeHTTP(out, r)
			if out.Code != want || reached {
				t.Errorf("%s: status %d, reached %v", path, out.Code, reached)
			}
		}
	}
}
