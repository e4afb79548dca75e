package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/aliasd/aliasd/cloudcheck/audit"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/report"
)

// lastReport is the name under which the store keeps until when the last scheduled report reached.
const lastReport = "last_report"

// verifyKey is the setting of the sweeps.
const verifyKey = "schedule.verify"

// newSchedule lays out the sweeps, the reports and the audits; nothing runs before it is started. A job that panics is
// logged, and the daemon goes on: it may be in the midst of a write.
func (d *daemon) newSchedule(ctx context.Context) (*cron.Cron, error) {
	schedule := cron.New(cron.WithChain(cron.Recover(cronLog{d.log})))
	for _, job := range d.jobs() {
		if job.when == "" {
			continue
		}
		_, err := schedule.AddFunc(job.when, func() { d.onSchedule(ctx, job) })
		if err != nil {
			return nil, fmt.Errorf("%s: %w", job.key, err)
		}
	}
	return schedule, nil
}

// jobs are what is on schedule.
func (d *daemon) jobs() []job {
	return []job{
		{key: verifyKey, when: d.settings.Schedule.Verify, do: d.sweep, sweeps: true, elsewhere: d.runner.SkipSweep},
		{key: "schedule.report", when: d.settings.Schedule.Report, do: d.reportNow},
		{key: "schedule.audit", when: d.settings.Schedule.Audit, do: d.auditNow},
		{key: "the event log", when: logKeeping, do: d.keepLog},
	}
}

// onSchedule runs a job that one node does at a time, where it is this node's turn.
func (d *daemon) onSchedule(ctx context.Context, job job) {
	mine, err := d.shift.do(ctx, job)
	if !mine && job.elsewhere != nil {
		job.elsewhere()
	}
	if err != nil && ctx.Err() == nil {
		d.log.Warn("a scheduled job failed; it runs again on schedule", "job", job.key, "error", err)
	}
}

// cronLog is our log as the scheduler writes to it.
type cronLog struct{ log *slog.Logger }

var _ cron.Logger = cronLog{}

// Info logs what the scheduler does.
func (l cronLog) Info(msg string, keysAndValues ...any) { l.log.Debug(msg, keysAndValues...) }

// Error logs a panic of a job, with its stack.
func (l cronLog) Error(err error, msg string, keysAndValues ...any) {
	l.log.Error("a scheduled job broke down; it runs again on schedule", append([]any{"error", err, "what", msg}, keysAndValues...)...)
}

// sweep runs one sweep; where one is still running, this one is skipped.
func (d *daemon) sweep(ctx context.Context) error {
	err := d.runner.Sweep(ctx)
	if errors.Is(err, queue.ErrSweeping) {
		d.log.Debug("the last sweep is still running, this one is skipped")
		return nil
	}
	d.shift.note(err)
	return err
}

// reportNow writes the report from where the last one ended, a day back at the first time.
func (d *daemon) reportNow(ctx context.Context) error {
	until := d.now().UTC()
	since, err := d.reportedUntil(ctx)
	if err != nil {
		return err
	}
	if since.IsZero() {
		since = until.Add(-24 * time.Hour)
	}
	requests, err := requestsSince(ctx, d.store, since)
	if err != nil {
		return err
	}
	files, err := report.Build(requests, since, until).Save(d.settings.Report.Dir)
	if err != nil {
		return err
	}
	d.log.Info("report written", "requests", len(requests), "files", files)
	return d.store.SetMeta(ctx, lastReport, until.Format(time.RFC3339Nano))
}

// auditNow makes one audit. Where one runs still, or somebody makes one by hand, this one is skipped.
func (d *daemon) auditNow(ctx context.Context) error {
	job := auditing{settings: d.settings, directory: d.directory, graph: d.graph, checker: d.checker, dir: d.settings.Report.Dir,
		progress: func(audit.Progress) {}, now: d.now, log: d.log}
	made, err := job.run(ctx)
	if errors.Is(err, errAuditRuns) {
		d.log.Info("an audit runs already, this one is skipped")
		return nil
	}
	if err = errors.Join(err, made.incomplete()); err != nil {
		d.numbers.AuditFailed()
		return err
	}
	s := made.Summary
	d.numbers.AuditDone(s.Ended, s.InOrder, s.Pending, s.Wrong)
	d.log.Info("audit written", "holders", s.Holders, "in_order", s.InOrder, "pending", s.Pending, "wrong", s.Wrong,
		"took", s.Ended.Sub(s.Began), "graph_calls", s.Cloud.Calls, "files", made.Files)
	return nil
}

func (d *daemon) reportedUntil(ctx context.Context) (time.Time, error) {
	text, err := d.store.Meta(ctx, lastReport)
	if err != nil || text == "" {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339Nano, text)
}

// requestsSince reads every request that was made or changed since a time, and every one that is not at its end yet.
func requestsSince(ctx context.Context, requests queue.Intake, since time.Time) ([]queue.Request, error) {
	filters := []queue.Filter{{Since: since}}
	for _, s := range queue.States() {
		if s.Open() {
			filters = append(filters, queue.Filter{State: s})
		}
	}
	var all []queue.Request
	seen := map[queue.RequestID]bool{}
	for _, f := range filters {
		err := queue.Each(ctx, requests, f, func(r queue.Request) error {
			if !seen[r.ID] {
				seen[r.ID] = true
				all = append(all, r)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read requests: %w", err)
		}
	}
	return all, nil
}
