package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/directory"
	"github.com/aliasd/aliasd/lab/directory/wire"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// limitedStack is a stack whose settings say these limits.
func limitedStack(t *testing.T, limits string) *stack {
	t.Helper()
	return brokenStack(t, func(t *testing.T, s *stack) {
		replaceInFile(t, s.file, "limits: {writes_per_hour: 0, removals_per_hour: 0, burst: {requests: 0}, pace: {writes: 0}}", "limits: "+limits)
	})
}

// TestOverCapEndToEnd: what is over the cap is held until an administrator releases it, on the command line and by REST.
func TestOverCapEndToEnd(t *testing.T) {
	t.Parallel()
	s := limitedStack(t, "{writes_per_hour: 1, removals_per_hour: 0, burst: {requests: 0}}")
	first := s.submit(t, address.AddAlias, "jdoe", "j1@contoso.test")
	s.until(t, first.ID, "written", func(r requestJSON) bool { return r.State == queue.Written })
	var held []server.RequestJSON
	for _, who := range []string{"bob@contoso.test", "twin1@contoso.test", "twin2@contoso.test", "carla"} {
		r := s.submit(t, address.AddAlias, who, "over."+strings.ReplaceAll(who, "@", "-")+"@contoso.test")
		held = append(held, s.untilState(t, r.ID, queue.Held, cause.OverCap))
	}
	id := string(held[0].ID)
	s.cli(t, "list", "--state", "held").want(t, exitDone, id+"  held (over_cap)", "held: aliasd show ID says why")
	s.cli(t, "show", id).want(t, exitDone, "HELD", "1 request was written in the last hour, 1 are allowed (limits.writes_per_hour)",
		"aliasd release "+id, "held: an administrator has to look at it")
	contains(t, s.scrape("aliasd_requests{state=\"held\"}"), "aliasd_requests{state=\"held\"} 4\n")
	contains(t, s.scrape("aliasd_cap_used{cap=\"writes\"}"), "aliasd_cap_used{cap=\"writes\"} 1\n")
	contains(t, s.scrape("aliasd_cap_limit{cap=\"writes\"}"), "aliasd_cap_limit{cap=\"writes\"} 1\n")
	s.mayNotRelease(t, held[0].ID)

	s.cli(t, "release", id).want(t, exitDone, "QUEUED", "released by    local")
	released := s.until(t, held[0].ID, "written", func(r requestJSON) bool { return r.State == queue.Written })
	if released.ReleasedBy != "local" {
		t.Errorf("released by %q", released.ReleasedBy)
	}
	contains(t, s.scrape("aliasd_cap_used{cap=\"writes\"}"), "aliasd_cap_used{cap=\"writes\"} 2\n")
	s.cli(t, "show", id).want(t, exitDone, "released: it waits for its turn", "written on-premises")
	s.cli(t, "release", id).want(t, exitError, "only one that is held can be released")
	s.cli(t, "release", id, string(held[1].ID)).want(t, exitError, string(held[1].ID)+"  queued", id+" stays as it is")
	s.cli(t, "release", "--all-held", "--submitted-by", "nobody").want(t, exitDone, "no request is held")
	all := s.cli(t, "release", "--all-held", "--holder", "twin2@contoso.test", "--submitted-by", "local", "--json")
	var moved movedJSON
	if err := json.Unmarshal([]byte(all.out), &moved); err != nil || len(moved.Items) != 1 || moved.Items[0].ID != held[2].ID || moved.Failed == nil {
		t.Errorf("got %s %s (%v)", all.out, all.err, err)
	}
	s.cli(t, "cancel", "--all-held").want(t, exitDone, string(held[3].ID)+"  cancelled")
	for _, r := range held[1:3] {
		s.until(t, r.ID, "written", func(r requestJSON) bool { return r.State == queue.Written })
	}
	s.cli(t, "report", "--since", "1h").want(t, exitDone, ".html")
}

// mayNotRelease asks to release with a token that may submit and read.
func (s *stack) mayNotRelease(t *testing.T, id queue.RequestID) {
	t.Helper()
	made := s.cli(t, "token", "create", "--name", "helpdesk", "--scope", "submit,read", "--json")
	made.want(t, exitDone)
	var created struct{ Token string }
	if err := json.Unmarshal([]byte(made.out), &created); err != nil || created.Token == "" {
		t.Fatalf("got %s (%v)", made.out, err)
	}
	call(t, map[string]string{"ALIASD_CONFIG": s.file, "ALIASD_TOKEN": created.Token}, "release", string(id)).want(t, exitError, "approve")
}

// TestReleaseUsage: what cannot be meant is refused before anybody is asked.
func TestReleaseUsage(t *testing.T) {
	t.Parallel()
	for line, says := range map[string]string{
		"release": "name one ID or more", "release x --all-held": "not both", "release x --ticket INC1": "are for --all-held",
		"release x y --wait": "--wait is for one ID", "cancel --all-held --wait": "unknown flag", "release --all-held --wait": "--wait is for one ID",
		"release x --timeout 5s": "--timeout is for --wait", "pause --timeout -1s": "must not be less than 0",
	} {
		call(t, nil, strings.Fields(line)...).want(t, exitUsage, says, "Try: aliasd ")
	}
}

func TestBurstAndRemovalsEndToEnd(t *testing.T) {
	t.Parallel()
	s := limitedStack(t, "{removals_per_hour: 1, burst: {requests: 4, within: 1h}, pace: {writes: 100, within: 1s}}")
	removed := s.submit(t, address.RemoveAlias, "carla", "press@contoso.test")
	s.until(t, removed.ID, "written", func(r requestJSON) bool { return r.State == queue.Written })
	added := s.submit(t, address.AddAlias, "bob@contoso.test", "b1@contoso.test")
	s.until(t, added.ID, "written", func(r requestJSON) bool { return r.State == queue.Written })
	undo, err := s.remote.Undo(context.Background(), added.ID, server.UndoJSON{}, "")
	fatal(t, err)
	held := s.untilState(t, undo.ID, queue.Held, cause.OverCap)
	contains(t, held.Cause.Message, "(limits.removals_per_hour)")
	fourth := s.submit(t, address.AddAlias, "jdoe", "j1@contoso.test")
	s.until(t, fourth.ID, "written", func(r requestJSON) bool { return r.State == queue.Written })
	fifth := s.submit(t, address.AddAlias, "jdoe", "j2@contoso.test")
	burst := s.untilState(t, fifth.ID, queue.Held, cause.OverCap)
	contains(t, burst.Cause.Message, "the token local sent more than 4 requests within 1h0m0s (limits.burst)")
	contains(t, s.log.String(), "the request is held until an administrator releases it")
}

// TestPauseTellsWhatIsOnItsWay: a modify has been sent and the directory takes its time; the stop comes before its answer.
func TestPauseTellsWhatIsOnItsWay(t *testing.T) {
	t.Parallel()
	s := newStack(t, lab.Embedded, tenant.Options{})
	sent, answer := make(chan struct{}), make(chan struct{})
	answerNow := sync.OnceFunc(func() { close(answer) })
	t.Cleanup(answerNow)
	var modifies atomic.Int32
	s.Embedded.OnModify(func(context.Context, string, []wire.Change) directory.Fault {
		if modifies.Add(1) == 1 {
			close(sent)
			<-answer
		}
		return directory.Fault{}
	})
	r := s.submit(t, address.AddAlias, "jdoe", "j1@contoso.test")
	within(t, "a modify is sent", sent)
	s.cli(t, "pause", "--timeout", "300ms").want(t, exitTimedOut, "writing is stopped", "1 begun before it and without an answer")
	waits := s.submit(t, address.AddAlias, "carla", "c1@contoso.test")
	s.untilState(t, waits.ID, queue.Queued, cause.Paused)
	answerNow()
	s.cli(t, "pause").want(t, exitDone, "writing is stopped") // it waits for the answer
	s.until(t, r.ID, "written", func(r requestJSON) bool { return r.State == queue.Written })
	if n := modifies.Load(); n != 1 {
		t.Errorf("%d modifies", n)
	}
	s.cli(t, "resume").want(t, exitDone, "writing goes on")
	s.until(t, waits.ID, "written", func(r requestJSON) bool { return r.State == queue.Written })
}

// TestDryRunEndToEnd: nothing is written, everything says so, and the next run writes it.
func TestDryRunEndToEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.Embedded, tenant.Options{})
	before := s.values(t, "Jane Doe", "")
	var id queue.RequestID
	t.Run("dry", func(t *testing.T) {
		s.tuning.dryRun = true
		s.startDaemon(t)
		r := s.submit(t, address.AddAlias, "jdoe", "j.doe@contoso.test")
		id = r.ID
		waiting := s.untilState(t, id, queue.Queued, cause.DryRun)
		contains(t, waiting.Cause.Message, "smtp:j.doe@contoso.test")
		s.cli(t, "list").want(t, exitDone, string(id)+"  queued (dry_run)")
		s.cli(t, "show", string(id)).want(t, exitDone, "this is a dry run, which writes nothing", "planned in a dry run: nothing was written")
		for _, path := range []string{"/healthz", "/readyz"} {
			answer, err := http.Get(s.daemon.URL() + path)
			fatal(t, err)
			var told struct {
				DryRun bool `json:"dry_run"`
			}
			if err := json.NewDecoder(answer.Body).Decode(&told); err != nil || !told.DryRun {
				t.Errorf("%s does not tell of the dry run (%v)", path, err)
			}
			fatal(t, answer.Body.Close())
		}
		contains(t, s.scrape("aliasd_dry_run"), "aliasd_dry_run 1\n")
		contains(t, s.log.String(), "this is a dry run")
		contains(t, s.log.String(), "dry_run=true")
	})
	wantProxies(t, s.values(t, "Jane Doe", ""), before.Mail, before.Proxies...)
	s.tuning.dryRun = false
	s.startDaemon(t)
	s.until(t, id, "written", func(r requestJSON) bool { return r.State == queue.Written })
	if got := s.values(t, "Jane Doe", ""); !got.Proxies.Has("smtp:j.doe@contoso.test") {
		t.Errorf("the directory has %v", got)
	}
	contains(t, s.scrape("aliasd_dry_run"), "aliasd_dry_run 0\n")
}
