package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// Options say what to audit. Directory, Cloud and Sink have to be given.
type Options struct {
	Directory Directory
	Cloud     Cloud
	Sink      Sink
	// BaseDN is what Directory reads, for the summary.
	BaseDN string
	// Progress is told some times a second at most, from one goroutine at a time; it may be nil.
	Progress func(Progress)
	Now      func() time.Time
	Logger   *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Run audits every holder once and gives the summary of what it covered, also where it fails: then Complete is false,
// Stopped says which side failed and why, and everything that was found is in the sink. The error is that of the side, a
// *cause.Error of kind Waiting as a rule; the sink's own; or it wraps the context's where that ended.
func Run(ctx context.Context, o Options) (Summary, error) {
	o = o.withDefaults()
	r := &run{Options: o, counts: newTally(), index: newIndex(), scope: newScope(), pace: pace{now: o.Now, tell: o.Progress}}
	r.summary = Summary{Began: o.Now(), BaseDN: o.BaseDN}
	err := r.all(ctx)
	return r.summed(ctx, err), err
}

// run is one audit under way.
type run struct {
	Options
	summary Summary
	tenant  cloudcheck.Tenant
	counts  *tally
	index   *index
	scope   *scope
	pace    pace
	// deleted are the tenant's deleted objects; nil where they could not be read.
	deleted *deletedHolding
}

// all goes through the phases.
func (r *run) all(ctx context.Context) error {
	r.pace.begin(ReadingCloud, 0)
	if err := r.readCloud(ctx); err != nil {
		return err
	}
	r.readDeleted(ctx)
	if err := ctx.Err(); err != nil {
		return &stopped{"the tenant could not be read", err}
	}
	r.pace.begin(ReadingDirectory, r.summary.Cloud.Objects)
	if err := r.compareAll(ctx); err != nil {
		return err
	}
	if err := r.sawAnybody(); err != nil {
		return err
	}
	if err := r.judgeUndecided(ctx); err != nil {
		return err
	}
	return r.nameAllDuplicates(ctx)
}

// sawAnybody: an account that may not read sees an empty directory, and no error. So nobody in it, beside a tenant that has
// objects and is synchronised, is no audit at all.
func (r *run) sawAnybody() error {
	objects, synced := r.summary.Cloud.Objects, r.tenant.SyncEnabled == nil || *r.tenant.SyncEnabled
	if len(r.index.guids) > 0 || objects == 0 || !synced {
		return nil
	}
	return &stopped{"the directory shows no holder at all", cause.Wait(cause.DirectoryUnavailable,
		"the tenant has %d users, groups and contacts; look whether the account of directory.bind may read below %s, and whether that is the right directory.base_dn",
		objects, r.BaseDN)}
}

// stopped is an error of one side.
type stopped struct {
	side string
	err  error
}

// Error says which side failed, and how.
func (s *stopped) Error() string { return s.side + ": " + s.err.Error() }

// Unwrap gives the side's error.
func (s *stopped) Unwrap() error { return s.err }

// summed is the summary of what was covered until err.
func (r *run) summed(ctx context.Context, err error) Summary {
	s := r.summary
	s.Ended, s.Complete = r.Now(), err == nil
	r.counts.into(&s)
	if err != nil {
		s.Stopped = r.whyStopped(ctx, err) + "; " + covered(s.Holders)
		if n := len(r.scope.undecided); n > 0 {
			s.Stopped += fmt.Sprintf("; %d more that the tenant does not have were not judged, since it was not known yet whether their containers are synchronised", n)
		}
	}
	return s
}

// covered says how much was compared.
func covered(holders int) string {
	if holders == 0 {
		return "no holder was compared"
	}
	return fmt.Sprintf("%d holders were compared until then, and addresses that two holders have were not all looked for", holders)
}

// whyStopped is an error in a sentence for people: a cause's public one where there is one, without the promise to try again.
func (r *run) whyStopped(ctx context.Context, err error) string {
	if ctx.Err() != nil {
		return "stopped " + during(r.pace.last.Phase)
	}
	why := err.Error()
	var s *stopped
	if known, ok := cause.As(err); ok && errors.As(err, &s) {
		why = s.side + ": " + known.Cause.Once()
	}
	return cmp.Or(why, "it failed")
}

// during says in which phase something happened.
func during(p Phase) string {
	switch p {
	case ReadingCloud:
		return "while the tenant was read"
	case NamingConflicts:
		return "while it was looked who has the same addresses"
	}
	return "while holders were compared"
}
