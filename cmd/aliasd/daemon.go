package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/cloudcheck/graph"
	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/private"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/store"
	"github.com/aliasd/aliasd/server"
	"github.com/aliasd/aliasd/server/metrics"
	"github.com/aliasd/aliasd/server/token"
	"github.com/aliasd/aliasd/share"
)

// strangersPerSecond is how many calls without a token in force one address may make.
const strangersPerSecond = 5

// rechecksPerSecond is how often one request may be looked at again: every ten seconds, in the long run.
const rechecksPerSecond = 0.1

// daemon is a running aliasd: components made from the settings, which they never see.
type daemon struct {
	parts
	runner   *queue.Runner
	server   *server.Server
	listener net.Listener
	shift    *shift
}

// parts are the open store, directory and cloud client, before anything runs.
type parts struct {
	settings  *config.Settings
	log       *slog.Logger
	now       func() time.Time
	tuning    tuning
	lock      *os.File
	node      node
	store     *store.Store
	numbers   *metrics.Metrics
	directory *ldapwriter.Directory
	graph     *graph.Client
	checker   *cloudcheck.Checker
	// room is what of Microsoft Graph is left over for reads by people.
	room   *share.Bucket
	health *health
}

// limitsOf are the brakes of the settings.
func limitsOf(l config.Limits) queue.Limits {
	return queue.Limits{
		Caps:  queue.Caps{Writes: l.WritesPerHour, Removals: l.RemovalsPerHour},
		Burst: queue.Burst{Requests: l.Burst.Requests, Within: l.Burst.Within},
		Pace:  queue.Pace{Writes: l.Pace.Writes, Within: l.Pace.Within},
	}
}

// newChecker makes the checker of the settings. Who asks of the same tenant has to use the same times, or they contradict.
func newChecker(s *config.Settings, from cloudcheck.Reader, now func() time.Time, log *slog.Logger, p tuning) *cloudcheck.Checker {
	return cloudcheck.New(cloudcheck.Options{Reader: from, SyncInterval: s.Verify.SyncInterval, CalculationGrace: p.calculationGrace, Now: now, Logger: log})
}

// openDaemon makes a daemon that listens already but does nothing until Run. It needs neither directory nor cloud to be
// there: requests are taken in and wait.
func openDaemon(ctx context.Context, s *config.Settings, log *slog.Logger, t tuning) (*daemon, error) {
	p, err := openParts(ctx, s, log, t)
	if err != nil {
		return nil, err
	}
	return p.assemble(ctx, p.runnerOptions())
}

// openParts opens what a daemon stands on. What it opened is closed again where it fails.
func openParts(ctx context.Context, s *config.Settings, log *slog.Logger, t tuning) (p parts, err error) {
	p = parts{settings: s, log: log, now: t.clock(), tuning: t, health: &health{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if err := s.CheckFiles(); err != nil {
		return p, err
	}
	if err := private.MakePrivateDir(s.DataDir); err != nil {
		return p, fmt.Errorf("data_dir: %w", err)
	}
	if p.lock, err = lockDataDir(s.DataDir); err != nil {
		return p, err
	}
	if err = clearAudits(s.DataDir, log); err != nil {
		return p, err
	}
	if p.node, err = thisNode(s.DataDir); err != nil {
		return p, err
	}
	if p.store, err = openStore(ctx, s); err != nil {
		return p, err
	}
	if err = p.mustHold(ctx); err != nil {
		return p, err
	}
	if err = p.mindTheSwitch(ctx, t.paused); err != nil {
		return p, err
	}
	p.numbers = metrics.New(metrics.Options{Source: p.store, Version: version, Logger: log, Now: p.now,
		Limits: limitsOf(s.Limits), DryRun: t.dryRun})
	if p.directory, err = openDirectory(s.Directory, log, p.now); err != nil {
		return p, err
	}
	p.room = share.NewBucket(roomUnits/10, roomUnits, p.now)
	if p.graph, err = openGraph(s.Cloud, log, roomObserver{p.numbers, p.room}, t); err != nil {
		return p, err
	}
	p.checker = newChecker(s, p.graph, p.now, log, t)
	return p, nil
}

// runnerOptions are what the Runner is made from. The caller of assemble may change them before.
func (p parts) runnerOptions() queue.Options {
	s, t := p.settings, p.tuning
	return queue.Options{
		Store: p.store, Directory: p.health.directory(p.directory), Cloud: p.health.cloud(p.checker), Observer: p.numbers, Logger: p.log,
		Now: p.now, Node: p.node.name(), Home: p.node.home(),
		Workers: 2 * s.Directory.Connections, Lease: leaseFor(s.Directory.Timeout), Deadline: s.Verify.Deadline,
		Landing: cmp.Or(t.landing, landingFor(s.Directory.Timeout)), Poll: t.poll, RetryBase: t.retryBase, RetryLimit: t.retryLimit,
		SyncInterval: s.Verify.SyncInterval, CalculationGrace: t.calculationGrace, UnitsPerTick: s.Verify.UnitsPerTick,
		Limits: limitsOf(s.Limits), DryRun: t.dryRun,
	}
}

// assemble owns the parts and closes them on error.
func (p parts) assemble(ctx context.Context, o queue.Options) (*daemon, error) {
	d := &daemon{parts: p, runner: queue.NewRunner(o),
		shift: &shift{take: p.store.Turn, log: p.log, alone: p.settings.Database == ""}}
	if err := d.openServer(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// leaseFor gives the time that a write may take: longer than three time limits of the directory, and long enough for the
// looks at the cloud before it.
func leaseFor(timeout time.Duration) time.Duration { return max(2*time.Minute, 12*timeout) }

// landingFor gives the time after which a modify without an answer is taken for lost: the connection is cut after one time limit, and
// two more are left to what was on the way by then.
func landingFor(timeout time.Duration) time.Duration { return 3 * timeout }

func openDirectory(s config.Directory, log *slog.Logger, now func() time.Time) (*ldapwriter.Directory, error) {
	roots, err := rootsOf(s.CAFile)
	if err != nil {
		return nil, fmt.Errorf("directory.ca_file: %w", err)
	}
	return ldapwriter.Open(ldapwriter.Options{
		Servers: s.Servers, GlobalCatalog: s.GlobalCatalog, BaseDN: s.BaseDN, RootCAs: roots,
		Bind:        ldapwriter.SimpleBind{User: s.Bind.User, Password: s.Bind.Password.Value},
		Connections: s.Connections, Timeout: s.Timeout, Logger: log, Now: now,
	})
}

func openGraph(s config.Cloud, log *slog.Logger, observer graph.Observer, p tuning) (*graph.Client, error) {
	roots, err := rootsOf(s.CAFile)
	if err != nil {
		return nil, fmt.Errorf("cloud.ca_file: %w", err)
	}
	return graph.Open(graph.Options{
		Environment: graph.Environment(s.Environment), TenantID: s.TenantID, Credential: credentialOf(s),
		GraphURL: s.GraphURL, AuthorityURL: s.AuthorityURL, RootCAs: roots, Logger: log, Observer: observer,
		Timeout: p.graphTimeout, Patience: p.graphPatience, Now: p.clock(),
	})
}

// credentialOf is how aliasd signs in to the tenant. Secrets are read when they are needed, so that a new one is taken up.
func credentialOf(s config.Cloud) graph.Credential {
	switch {
	case s.ManagedIdentity:
		return graph.ManagedIdentity(s.ClientID)
	case s.Certificate.Set():
		return graph.CertificateCredential(s.ClientID, s.Certificate.Bytes)
	}
	return graph.SecretCredential(s.ClientID, s.ClientSecret.Value)
}

// rootsOf reads a CA file; nil, which is the system's roots, where there is none.
func rootsOf(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no PEM certificate", file)
	}
	return roots, nil
}

func (d *daemon) openServer(ctx context.Context) error {
	local, err := token.LocalToken(d.settings.DataDir)
	if err != nil {
		return err
	}
	d.server, err = server.New(server.Options{
		Service: queue.NewService(d.runner), Archive: queue.Shown{Store: d.store},
		Holders: &holders{directory: d.directory, cloud: newExplainCache(d.checker.Explain, d.tuning.explainFresh, d.now), checker: d.checker, requests: queue.Shown{Store: d.store}},
		Tokens:  &tokens{store: d.store, now: d.now, touched: map[string]time.Time{}}, Metrics: d.numbers, Local: local.Hash(), Dependencies: d.health.dependencies(d.store),
		Rates:  server.Rates{Reads: d.settings.API.Rate.Reads, Writes: d.settings.API.Rate.Writes, Strangers: strangersPerSecond, Rechecks: rechecksPerSecond, Units: readUnits()},
		Room:   d.room.Wait,
		DryRun: d.tuning.dryRun, Logger: d.log, Now: d.now,
	})
	if err != nil {
		return err
	}
	api := d.settings.API
	if api.TLS.KeyFile != "" {
		if err := private.CheckPrivate(api.TLS.KeyFile); err != nil {
			return fmt.Errorf("api.tls.key_file: %w", err)
		}
	}
	d.listener, err = server.Listen(ctx, server.Endpoint{Address: api.Listen, CertFile: api.TLS.CertFile, KeyFile: api.TLS.KeyFile})
	return err
}

// URL is where the API answers.
func (d *daemon) URL() string {
	scheme := "http"
	if d.settings.API.TLS.CertFile != "" {
		scheme = "https"
	}
	return scheme + "://" + d.listener.Addr().String()
}

// Run works until ctx ends or the API fails, then drains: calls that are being answered and writes that have begun are
// finished.
func (d *daemon) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	schedule, err := d.newSchedule(ctx)
	if err != nil {
		return err
	}
	d.log.Info("aliasd runs", "version", version, "api", d.URL(), "directory", d.settings.Directory.Servers, "tenant", d.settings.Cloud.TenantID,
		"verify", d.settings.Schedule.Verify, "dry_run", d.tuning.dryRun)
	if d.tuning.dryRun {
		d.log.Warn("this is a dry run: requests are taken in, checked and planned, and nothing is written; start aliasd without --dry-run to write them")
	}
	var parts sync.WaitGroup
	var served error
	parts.Go(func() {
		defer stop()
		served = d.server.Serve(ctx, d.listener)
	})
	parts.Go(func() { d.greet(ctx) })
	parts.Go(func() { d.verifyAll(ctx) })
	parts.Go(func() {
		<-ctx.Done()
		d.log.Info("aliasd stops: what has begun is finished")
	})
	schedule.Start()
	worked := d.runner.Run(ctx)
	<-schedule.Stop().Done()
	d.shift.end()
	parts.Wait()
	d.log.Info("aliasd stopped")
	return errors.Join(worked, served)
}

// greet tries both sides once at the start, and logs what is not well: the daemon runs all the same, and requests wait.
func (d *daemon) greet(ctx context.Context) {
	for _, f := range d.directory.Probe(ctx) {
		d.logFinding("directory", finding(f))
	}
	for _, f := range d.graph.Probe(ctx) {
		d.logFinding("cloud", finding(f))
	}
}

func (d *daemon) logFinding(side string, f finding) {
	if !f.OK {
		d.log.Warn("not well at the start; requests wait until it is", "side", side, "check", f.Name, "found", f.Detail, "mend", f.Mend)
	}
}

// Close frees what openDaemon took. Closing twice is harmless.
func (d *daemon) Close() error {
	var errs []error
	if d.listener != nil {
		if err := d.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, d.close())...)
}

// close frees what openParts took. Closing twice is harmless.
func (p parts) close() error {
	var errs []error
	if p.directory != nil {
		errs = append(errs, p.directory.Close())
	}
	if p.store != nil {
		errs = append(errs, p.store.Close())
	}
	if p.lock != nil {
		if err := p.lock.Close(); !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
