package metrics_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server/metrics"
)

// source is a store whose state the test sets.
type source struct {
	stats  queue.Stats
	paused time.Time
	fail   error
	used   queue.Used
}

func (s *source) Stats(ctx context.Context) (queue.Stats, error) {
	if _, limited := ctx.Deadline(); !limited {
		return queue.Stats{}, errors.New("a scrape without a time limit")
	}
	return s.stats, s.fail
}

func (s *source) Used(ctx context.Context, now time.Time) (queue.Used, error) {
	if _, limited := ctx.Deadline(); !limited || !now.Equal(time.Unix(10_000, 0)) {
		return queue.Used{}, errors.New("a scrape without a time limit, or of another time")
	}
	return s.used, s.fail
}

func (s *source) Paused(context.Context) (time.Time, string, error) { return s.paused, "", nil }

type setup struct {
	*metrics.Metrics
	source *source
	log    *bytes.Buffer
}

func newSetup() *setup {
	s := &setup{source: &source{}, log: &bytes.Buffer{}}
	s.Metrics = metrics.New(metrics.Options{Source: s.source, Version: "1.2.3", Logger: slog.New(slog.NewTextHandler(s.log, nil)),
		Now:    func() time.Time { return time.Unix(10_000, 0) },
		Limits: queue.Limits{Caps: queue.Caps{Writes: 1000, Removals: 100}}})
	return s
}

func (s *setup) scrape(t *testing.T) string {
	t.Helper()
	out := httptest.NewRecorder()
	s.ServeHTTP(out, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if out.Code != http.StatusOK {
		t.Fatalf("status %d: %s", out.Code, out.Body)
	}
	return out.Body.String()
}

// want checks for whole lines.
func want(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestQueue(t *testing.T) {
	t.Parallel()
	s := newSetup()
	want(t, s.scrape(t), `aliasd_requests{state="accepted"} 0`, "aliasd_oldest_waiting_seconds 0", "aliasd_paused 0", "aliasd_store_up 1",
		"aliasd_last_sync_age_seconds NaN", "aliasd_last_audit_age_seconds NaN")
	s.source.stats = queue.Stats{ByState: map[queue.State]int{queue.Queued: 7, queue.Mismatched: 1}, OldestWaiting: time.Unix(9_400, 0)}
	s.source.paused = time.Unix(9_999, 0)
	text := s.scrape(t)
	want(t, text, `aliasd_requests{state="queued"} 7`, `aliasd_requests{state="mismatched"} 1`, "aliasd_oldest_waiting_seconds 600", "aliasd_paused 1")
	if n := strings.Count(text, "aliasd_requests{"); n != len(queue.States()) {
		t.Errorf("%d states", n)
	}
}

func TestBrakes(t *testing.T) {
	t.Parallel()
	s := newSetup()
	want(t, s.scrape(t), `aliasd_cap_used{cap="writes"} 0`, `aliasd_cap_used{cap="removals"} 0`, `aliasd_cap_limit{cap="writes"} 1000`,
		`aliasd_cap_limit{cap="removals"} 100`, "aliasd_pace_wait_seconds 0", "aliasd_dry_run 0")
	s.source.used = queue.Used{Writes: 998, Removals: 7, NextSlot: time.Unix(10_000, 0).Add(1500 * time.Millisecond)}
	want(t, s.scrape(t), `aliasd_cap_used{cap="writes"} 998`, `aliasd_cap_used{cap="removals"} 7`, "aliasd_pace_wait_seconds 1.5")
	s.source.used.NextSlot = time.Unix(9_000, 0)
	want(t, s.scrape(t), "aliasd_pace_wait_seconds 0")
	s.source.fail = errors.New("disk I/O error")
	if text := s.scrape(t); strings.Contains(text, "aliasd_cap_used{") || !strings.Contains(text, "aliasd_cap_limit{") {
		t.Errorf("a store that does not answer looks like nothing spent:\n%s", text)
	}
	dry := metrics.New(metrics.Options{Source: s.source, Logger: slog.New(slog.DiscardHandler), Now: time.Now, DryRun: true})
	s.Metrics = dry
	want(t, s.scrape(t), "aliasd_dry_run 1")
}

func TestStoreAway(t *testing.T) {
	t.Parallel()
	s := newSetup()
	s.source.fail = errors.New("disk I/O error")
	text := s.scrape(t)
	want(t, text, "aliasd_store_up 0", "aliasd_graph_throttled_total 0")
	if strings.Contains(text, "aliasd_requests{") {
		t.Errorf("a store that does not answer looks like an empty queue:\n%s", text)
	}
	if !strings.Contains(s.log.String(), "disk I/O error") {
		t.Errorf("the log does not say why: %s", s.log)
	}
}

func TestWhatIsTold(t *testing.T) {
	t.Parallel()
	s := newSetup()
	s.RequestWritten(200 * time.Millisecond)
	s.RequestWritten(48 * time.Hour)
	s.RequestVerified(31 * time.Minute)
	s.SweepDone(queue.Swept{Requests: 12, Took: time.Second})
	s.SweepDone(queue.Swept{Requests: 13, Carried: 7, Units: 41, Took: time.Second, Err: errors.New("throttled")})
	s.SyncSeen(time.Unix(8_200, 0))
	s.SyncSeen(time.Time{})
	s.AuditDone(time.Unix(9_000, 0), 465, 3, 12)
	s.AuditFailed()
	s.Call(http.MethodPost, 200)
	s.Call(http.MethodPost, 200)
	s.Call(http.MethodGet, 0)
	s.Throttled()
	s.Spent(2)
	s.Spent(40)
	s.Served(http.MethodGet, "/v1/requests/{id}", 200, time.Millisecond)
	s.Served("BREW", "", 401, time.Millisecond)
	s.Served("BREW2", "", 401, time.Millisecond)
	want(t, s.scrape(t),
		`aliasd_request_write_seconds_bucket{le="0.1"} 0`, `aliasd_request_write_seconds_bucket{le="0.25"} 1`,
		`aliasd_request_write_seconds_bucket{le="86400"} 1`, `aliasd_request_write_seconds_count 2`,
		`aliasd_request_verify_seconds_bucket{le="1800"} 0`, `aliasd_request_verify_seconds_bucket{le="2700"} 1`,
		`aliasd_sweeps_total{result="ok"} 1`, `aliasd_sweeps_total{result="failed"} 1`, "aliasd_sweep_requests 13", "aliasd_sweep_carried_requests 7",
		"aliasd_sweep_resource_units 41", "aliasd_sweep_seconds_count 2", "aliasd_graph_resource_units_total 42",
		"aliasd_last_audit_age_seconds 1000", `aliasd_audit_holders{standing="in_order"} 465`, `aliasd_audit_holders{standing="pending"} 3`,
		`aliasd_audit_holders{standing="wrong"} 12`, `aliasd_audits_total{result="ok"} 1`, `aliasd_audits_total{result="failed"} 1`,
		"aliasd_last_sync_age_seconds 1800", `aliasd_graph_calls_total{method="POST",status="200"} 2`,
		`aliasd_graph_calls_total{method="GET",status="0"} 1`, "aliasd_graph_throttled_total 1",
		`aliasd_http_requests_total{method="GET",route="/v1/requests/{id}",status="200"} 1`,
		`aliasd_http_requests_total{method="other",route="",status="401"} 2`,
		`aliasd_http_request_seconds_count{method="other",route=""} 2`)
}

// TestCountersBeginAtZero: a counter that first appears as 1 shows no increase, and an alert on increases misses the first failure.
func TestCountersBeginAtZero(t *testing.T) {
	t.Parallel()
	want(t, newSetup().scrape(t), `aliasd_sweeps_total{result="ok"} 0`, `aliasd_sweeps_total{result="failed"} 0`,
		`aliasd_audits_total{result="ok"} 0`, `aliasd_audits_total{result="failed"} 0`,
		"aliasd_graph_throttled_total 0", "aliasd_graph_resource_units_total 0")
}

// TestNames: the names follow Prometheus' own rules.
func TestNames(t *testing.T) {
	t.Parallel()
	s := newSetup()
	s.SweepDone(queue.Swept{Requests: 1, Took: time.Second})
	s.Call(http.MethodGet, 200)
	s.AuditDone(time.Unix(9_000, 0), 1, 2, 3)
	s.Served(http.MethodGet, "/", 200, time.Second)
	problems, err := promlint.New(strings.NewReader(s.scrape(t))).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

func TestConcurrent(t *testing.T) {
	t.Parallel()
	s := newSetup()
	var telling sync.WaitGroup
	for range 8 {
		telling.Go(func() {
			for range 50 {
				s.RequestWritten(time.Second)
				s.SyncSeen(time.Unix(9_000, 0))
				s.Served(http.MethodGet, "/", 200, time.Second)
				s.scrape(t)
			}
		})
	}
	telling.Wait()
	want(t, s.scrape(t), "aliasd_request_write_seconds_count 400")
}
