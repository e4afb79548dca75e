package server_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/server"
)

// halfway is a metrics page that breaks in the middle.
type halfway struct{}

func (halfway) Served(string, string, int, time.Duration) {}

func (halfway) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, strings.Repeat("x", 64<<10))
	panic("broken in the middle")
}

// TestHalfAnAnswerIsCut: a client must not take half of an answer for a whole one.
func TestHalfAnAnswerIsCut(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *server.Options) { o.Metrics = halfway{} })
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+f.all.Reveal())
	got, err := f.client.Do(r)
	if err == nil {
		defer got.Body.Close()
		_, err = io.ReadAll(got.Body)
	}
	if err == nil {
		t.Error("the answer looks whole")
	}
	line := f.logs.lines(t, 1)[0]
	if text, _ := line["error"].(string); !strings.Contains(text, "broken in the middle") || line["level"] != "ERROR" {
		t.Errorf("the log does not tell: %v", line)
	}
}

// deaf is a client that goes away before its answer.
type deaf struct{ *httptest.ResponseRecorder }

func (deaf) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestAClientThatGoesAwayIsNoIncident(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/requests", nil)
	r.Header.Set("Authorization", "Bearer "+f.all.Reveal())
	f.server.ServeHTTP(deaf{httptest.NewRecorder()}, r)
	if line := f.logs.lines(t, 1)[0]; line["level"] != "INFO" || line["error"] != nil {
		t.Errorf("logged %v", line)
	}
}

// TestCodesAreAllListed reads the constants from the source.
func TestCodesAreAllListed(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("problem.go")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, c := range server.Codes() {
		listed[string(c)] = true
	}
	constants := regexp.MustCompile(`(?m)^\t\w+ +Code = "(\w+)"`).FindAllStringSubmatch(string(source), -1)
	if len(constants) < 15 || len(constants) != len(listed) {
		t.Errorf("%d constants, %d listed", len(constants), len(listed))
	}
	for _, c := range constants {
		if !listed[c[1]] {
			t.Errorf("%s is not listed", c[1])
		}
	}
}
