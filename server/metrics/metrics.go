// Package metrics counts what the daemon does, for Prometheus. The queue's runner, the Graph client and the HTTP server
// tell it what happened; it asks the store how the queue stands when it is scraped.
//
// It has a registry of its own and decides nothing. No label holds a person's name or address.
package metrics

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/aliasd/aliasd/queue"
)

// scrapeLimit is how long the store may take to answer one scrape.
const scrapeLimit = 5 * time.Second

// Source is the store as far as the metrics go.
type Source interface {
	// Stats counts requests by state; it may be called concurrently.
	Stats(ctx context.Context) (queue.Stats, error)
	// Paused tells since when all writing is stopped; the zero time when it is not.
	Paused(ctx context.Context) (since time.Time, by string, err error)
	// Used tells what was spent of the caps in the hour before now.
	Used(ctx context.Context, now time.Time) (queue.Used, error)
}

// Options are what metrics are made from.
type Options struct {
	Source  Source
	Version string // of the program, for aliasd_build_info
	// Limits are the brakes of this node, DryRun whether it writes nothing.
	Limits queue.Limits
	DryRun bool
	Logger *slog.Logger
	Now    func() time.Time
}

// Metrics is told what happens and answers scrapes. All methods may be called concurrently and return at once.
type Metrics struct {
	now     func() time.Time
	handler http.Handler
	// Unix nanoseconds, 0: unknown.
	lastSync, lastAudit atomic.Int64

	written      prometheus.Histogram
	verified     prometheus.Histogram
	sweeps       *prometheus.CounterVec
	sweepTime    prometheus.Histogram
	sweepSize    prometheus.Gauge
	sweepCarried prometheus.Gauge
	sweepUnits   prometheus.Gauge
	graphCalls   *prometheus.CounterVec
	throttled    prometheus.Counter
	graphUnits   prometheus.Counter
	audits       *prometheus.CounterVec
	audited      *prometheus.GaugeVec
	httpServed   *prometheus.CounterVec
	httpLatency  *prometheus.HistogramVec
}

// Metrics is told things by the queue's runner.
var _ queue.Observer = (*Metrics)(nil)

// New makes the metrics on a registry of their own.
func New(o Options) *Metrics {
	m := &Metrics{
		now: o.Now,
		// A write takes milliseconds when all is well and hours when a DC is away; a verification takes a sync cycle.
		written: histogram("request_write_seconds", "Time from a request's acceptance to its write in the directory.",
			.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 4*3600, 24*3600),
		verified: histogram("request_verify_seconds", "Time from the write in the directory until the cloud showed it.",
			10, 30, 60, 300, 600, 1200, 1800, 2700, 3600, 2*3600, 4*3600, 8*3600, 24*3600, 7*24*3600),
		sweeps:       counters("sweeps_total", "Sweeps by result: ok, or failed where the cloud could not be asked.", "result"),
		sweepTime:    histogram("sweep_seconds", "How long a sweep took.", .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300),
		sweepSize:    gauge("sweep_requests", "Requests that the last sweep looked at."),
		sweepCarried: gauge("sweep_carried_requests", "Requests whose turn came in the last sweep and which it left to the next one: its units were spent, or the look failed."),
		sweepUnits:   gauge("sweep_resource_units", "Resource units of Microsoft Graph that the last sweep cost; verify.units_per_tick bounds them."),
		graphUnits:   counter("graph_resource_units_total", "Resource units that calls to Microsoft Graph cost, by what it says of each answer."),
		graphCalls:   counters("graph_calls_total", "HTTP calls to Microsoft Graph by method and status; status 0 is no answer.", "method", "status"),
		throttled:    counter("graph_throttled_total", "Answers 429 from Microsoft Graph, inside batches too."),
		audits:       counters("audits_total", "Audits by result: ok where every holder was compared, or failed.", "result"),
		audited: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "aliasd", Name: "audit_holders",
			Help: "How the holders stood at the last audit that compared all of them."}, []string{"standing"}),
		httpServed: counters("http_requests_total", "HTTP requests served.", "method", "route", "status"),
		httpLatency: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "aliasd", Name: "http_request_seconds",
			Help: "How long HTTP requests took.", Buckets: prometheus.ExponentialBuckets(.001, 4, 8)}, []string{"method", "route"}),
	}
	m.beginAtZero()
	m.handler = m.register(o)
	return m
}

// The values of the label result.
const (
	resultOK     = "ok"
	resultFailed = "failed"
)

// beginAtZero exports each counter whose labels are known beforehand as 0: a counter that first appears as 1 shows Prometheus no
// increase, so an alert would miss the first failure. Which calls are made to Graph and to the API is not known beforehand.
func (m *Metrics) beginAtZero() {
	for _, result := range []string{resultOK, resultFailed} {
		m.sweeps.WithLabelValues(result)
		m.audits.WithLabelValues(result)
	}
}

func (m *Metrics) register(o Options) http.Handler {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m.written, m.verified, m.sweeps, m.sweepTime, m.sweepSize, m.sweepCarried, m.sweepUnits,
		m.graphCalls, m.throttled, m.graphUnits,
		m.audits, m.audited, m.httpServed, m.httpLatency, buildInfo(o.Version), &depth{source: o.Source, now: o.Now},
		&brakes{source: o.Source, limits: o.Limits, now: o.Now}, dryRun(o.DryRun),
		m.age("last_sync_age_seconds", "Age of the organization's last sync to the cloud; NaN until one was seen.", &m.lastSync),
		m.age("last_audit_age_seconds", "Age of the last audit that compared every holder; NaN until there was one.", &m.lastAudit),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(o.Logger.Handler(), slog.LevelError),
		// What the store cannot tell is left out; the rest is still worth having.
		ErrorHandling: promhttp.ContinueOnError,
	})
}

// ServeHTTP answers a scrape in the Prometheus text format.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.handler.ServeHTTP(w, r) }

// RequestWritten notes the time from accepted to written.
func (m *Metrics) RequestWritten(took time.Duration) { m.written.Observe(took.Seconds()) }

// RequestVerified notes the time from written to verified.
func (m *Metrics) RequestVerified(took time.Duration) { m.verified.Observe(took.Seconds()) }

// SweepDone notes a sweep: how many requests it looked at and how many it left to the next one, what it cost, how long it
// took, and whether the cloud could be asked.
func (m *Metrics) SweepDone(s queue.Swept) {
	result := resultOK
	if s.Err != nil {
		result = resultFailed
	}
	m.sweeps.WithLabelValues(result).Inc()
	m.sweepTime.Observe(s.Took.Seconds())
	m.sweepSize.Set(float64(s.Requests))
	m.sweepCarried.Set(float64(s.Carried))
	m.sweepUnits.Set(float64(s.Units))
}

// SyncSeen notes the organization's last sync; its age is worked out at each scrape.
func (m *Metrics) SyncSeen(last time.Time) {
	if !last.IsZero() {
		m.lastSync.Store(last.UnixNano())
	}
}

// AuditDone notes an audit that compared every holder: when it ended, and how many are in order, pending and wrong.
func (m *Metrics) AuditDone(ended time.Time, inOrder, pending, wrong int) {
	m.audits.WithLabelValues(resultOK).Inc()
	m.lastAudit.Store(ended.UnixNano())
	for standing, holders := range map[string]int{"in_order": inOrder, "pending": pending, "wrong": wrong} {
		m.audited.WithLabelValues(standing).Set(float64(holders))
	}
}

// AuditFailed notes an audit that did not compare every holder; what the one before found still stands.
func (m *Metrics) AuditFailed() { m.audits.WithLabelValues(resultFailed).Inc() }

// Call notes one HTTP call to Graph; status 0 means that no answer came.
func (m *Metrics) Call(method string, status int) {
	m.graphCalls.WithLabelValues(method, strconv.Itoa(status)).Inc()
}

// Throttled notes one answer 429 from Graph.
func (m *Metrics) Throttled() { m.throttled.Inc() }

// Spent notes resource units that an answer of Graph cost.
func (m *Metrics) Spent(units int) { m.graphUnits.Add(float64(units)) }

// Served notes one HTTP request that was answered. Route is the pattern, never the path: paths name people. Methods that
// the API does not know count as one: callers without a token choose them.
func (m *Metrics) Served(method, route string, status int, took time.Duration) {
	if method != http.MethodGet && method != http.MethodPost && method != http.MethodHead {
		method = "other"
	}
	m.httpServed.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.httpLatency.WithLabelValues(method, route).Observe(took.Seconds())
}

// age is NaN until something was seen, so that an alert on a high age does not fire at every start.
func (m *Metrics) age(name, help string, seen *atomic.Int64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "aliasd", Name: name, Help: help}, func() float64 {
		last := seen.Load()
		if last == 0 {
			return math.NaN()
		}
		return m.now().Sub(time.Unix(0, last)).Seconds()
	})
}

func dryRun(on bool) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "aliasd", Name: "dry_run",
		Help: "1 where this node was started with --dry-run and writes nothing."}, func() float64 { return one(on) })
}

func buildInfo(version string) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "aliasd", Name: "build_info", Help: "Which aliasd runs; always 1.",
		ConstLabels: prometheus.Labels{"version": version, "go": runtime.Version()}}, func() float64 { return 1 })
}

func histogram(name, help string, buckets ...float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "aliasd", Name: name, Help: help, Buckets: buckets})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "aliasd", Name: name, Help: help}, labels)
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "aliasd", Name: name, Help: help})
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "aliasd", Name: name, Help: help})
}
