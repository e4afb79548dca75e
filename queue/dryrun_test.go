package queue_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

func dry(o *queue.Options) {
	o.DryRun, o.Limits = true, queue.Limits{Caps: queue.Caps{Writes: 1}, Burst: queue.Burst{Requests: 1, Within: time.Hour}}
}

// dryBench runs dry, with brakes that would hold nearly everything.
func dryBench() *bench {
	b := newBench()
	b.restart("node-1", b.store, dry)
	return b
}

func (b *bench) story(t *testing.T, id queue.RequestID) []queue.Event {
	t.Helper()
	story, err := b.store.Events(context.Background(), id, queue.Part{})
	if err != nil {
		t.Fatal(err)
	}
	return story
}

func TestADryRunSaysWhatItWouldWrite(t *testing.T) {
	t.Parallel()
	b := dryBench()
	added := b.submit(t, "bob", address.AddAlias, "bobby@contoso.test")
	standing := b.submit(t, "ann", address.AddAlias, "ann@contoso.test")
	refused := b.submit(t, "nobody", address.AddAlias, "n@contoso.test")
	b.pass(t)
	b.clock.Add(time.Minute)
	b.pass(t) // it rests
	waiting := b.wantState(t, added.ID, queue.Queued, cause.DryRun)
	if want := "on " + dc + " it would add smtp:bobby@contoso.test and SMTP:bob@contoso.test."; !strings.Contains(waiting.Cause.Message, want) {
		t.Errorf("the message lacks %q: %s", want, waiting.Cause.Message)
	}
	if waiting.Intent != nil || waiting.Attempts != 0 || len(b.directory.writes) != 0 || b.used(t).Writes != 0 {
		t.Errorf("intent %v, %d tries, %d writes, %d spent", waiting.Intent, waiting.Attempts, len(b.directory.writes), b.used(t).Writes)
	}
	story := b.story(t, added.ID)
	last := story[len(story)-1]
	var detail struct {
		DC     string
		Before address.Values
		Change address.Change
	}
	if err := json.Unmarshal(last.Detail, &detail); err != nil || last.What != "dry run" || detail.DC != dc || detail.Before.Mail != "bob@contoso.test" || len(detail.Change.Add) != 2 {
		t.Errorf("the story ends with %s %s (%v)", last.What, last.Detail, err)
	}
	if len(story) != 4 {
		t.Errorf("%d events, want accepted, resolved, claimed, dry run", len(story))
	}
	nothing := b.wantState(t, standing.ID, queue.Queued, cause.DryRun)
	if !strings.Contains(nothing.Cause.Message, "nothing would have to be written") {
		t.Errorf("got %s", nothing.Cause.Message)
	}
	b.wantState(t, refused.ID, queue.Refused, cause.UnknownHolder)
}

func TestAfterADryRunItIsWritten(t *testing.T) {
	t.Parallel()
	b := dryBench()
	r := b.submit(t, "ann", address.AddAlias, "a1@contoso.test")
	b.pass(t)
	b.wantState(t, r.ID, queue.Queued, cause.DryRun)
	b.restart("node-2", b.store)
	running, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- b.runner.Run(running) }()
	waitFor(t, "it is written, with the clock standing still", func() bool { return b.get(t, r.ID).State == queue.Written })
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if len(b.directory.writes) != 1 {
		t.Errorf("%d writes", len(b.directory.writes))
	}
}

func TestADryRunSweepsWhatIsWritten(t *testing.T) {
	t.Parallel()
	b := newBench()
	r := b.submit(t, "ann", address.AddAlias, "a1@contoso.test")
	b.pass(t)
	b.restart("node-2", b.store, dry)
	b.cycle(t)
	b.wantState(t, r.ID, queue.Verified, "")
}

// TestADryRunOnlyReadsWhatIsInDoubt: where the directory shows the change of an earlier run, that is told; where it shows
// that nothing was written, the request is back in its line; else it waits in writing.
func TestADryRunOnlyReadsWhatIsInDoubt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		landed bool
		edit   address.Set // what somebody else adds meanwhile, nil: nobody writes
		state  queue.State
		code   cause.Code
	}{
		"it landed":                         {true, nil, queue.Written, cause.NotSyncedYet},
		"it landed, and a harmless edit":    {true, address.Set{"smtp:theirs@contoso.test"}, queue.Written, cause.NotSyncedYet},
		"it landed, and a second primary":   {true, address.Set{"SMTP:theirs@contoso.test"}, queue.Writing, cause.DryRun},
		"nothing was written":               {false, nil, queue.Queued, cause.DryRun},
		"somebody else wrote, nobody knows": {false, address.Set{}, queue.Writing, cause.DryRun},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench()
			b.directory.onWrite = func(ldapwriter.Job) fault {
				return fault{err: &ldapwriter.UnknownOutcomeError{DC: dc}, landed: c.landed}
			}
			r := b.submit(t, "ann", address.AddAlias, "a1@contoso.test")
			b.pass(t)
			b.wantState(t, r.ID, queue.Writing, cause.DCUnavailable)
			b.directory.onWrite = func(ldapwriter.Job) fault {
				t.Error("a modify was sent")
				return fault{}
			}
			if c.edit != nil {
				guid := b.get(t, r.ID).Object
				values := b.directory.values(guid)
				values.Proxies = values.Proxies.With(c.edit...)
				b.directory.edit(guid, values)
			}
			b.restart("node-2", b.store, dry)
			for range 3 {
				b.clock.Add(5 * time.Minute)
				b.pass(t)
			}
			got := b.wantState(t, r.ID, c.state, c.code)
			if c.state == queue.Queued && (got.Intent == nil || got.Intent.Sent) {
				t.Errorf("the doubt is not cleared: %+v", got.Intent)
			}
		})
	}
}

// A dry run takes nothing back: where somebody made a second primary while the answer to ours was lost, the doubt stays as it is.
func TestADryRunTakesNothingBack(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.directory.onWrite = func(ldapwriter.Job) fault {
		return fault{err: &ldapwriter.UnknownOutcomeError{DC: dc}, landed: true}
	}
	r := b.submit(t, "ann", address.AddAlias, "a1@contoso.test")
	b.pass(t)
	guid := b.get(t, r.ID).Object
	v := b.directory.values(guid)
	v.Proxies = v.Proxies.With("SMTP:theirs1@contoso.test", "SMTP:theirs2@contoso.test")
	b.directory.edit(guid, v)
	b.restart("node-2", b.store, dry)
	b.clock.Add(5 * time.Minute)
	b.pass(t)
	b.wantState(t, r.ID, queue.Writing, cause.DryRun)
	if !b.directory.values(guid).Proxies.Equal(v.Proxies) {
		t.Errorf("the directory has %v", b.directory.values(guid))
	}
}
