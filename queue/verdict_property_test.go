package queue_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/queue"
)

// judged is requests that are judged in any way, at any time, by this node and by another that is faster.
type judged struct {
	*bench
	t        *rapid.T
	ids      []queue.RequestID
	verified map[queue.RequestID]time.Time
}

// judge draws a verdict for a case. Before it is applied, another node's sweep may have found the case verified.
func (j *judged) judge(one cloudcheck.Case) cloudcheck.Verdict {
	if rapid.IntRange(0, 4).Draw(j.t, "another node is faster") == 0 {
		j.verifyElsewhere(one)
	}
	v := cloudcheck.Verdict{LastSyncSeen: j.clock.Now(), SyncMoves: one.SyncMoves + 1,
		Outcome: rapid.SampledFrom([]cloudcheck.Outcome{cloudcheck.Verified, cloudcheck.NotYet, cloudcheck.Contradicted, cloudcheck.Unknown}).Draw(j.t, "verdict")}
	codes := map[cloudcheck.Outcome][]cause.Code{
		cloudcheck.NotYet:       {cause.NotSyncedYet, cause.NotCalculatedYet, cause.SyncStopped},
		cloudcheck.Contradicted: {cause.Quarantined, cause.ChangedOnPremises, cause.Deadline},
		cloudcheck.Unknown:      {cause.Throttled, cause.CloudUnavailable},
	}
	if possible := codes[v.Outcome]; len(possible) > 0 {
		v.Cause = &cause.Cause{Code: rapid.SampledFrom(possible).Draw(j.t, "code"), Message: "drawn"}
	}
	return v
}

func (j *judged) verifyElsewhere(one cloudcheck.Case) {
	for _, id := range j.ids {
		r := j.get(j.t, id)
		if r.Object != one.Ref.Holder.GUID || r.State != queue.Written && r.State != queue.Mismatched {
			continue
		}
		_, err := j.store.Advance(context.Background(), queue.Transition{ID: id, From: r.State, To: queue.Verified, Now: j.clock.Now(), What: "verdict", ClearCause: true})
		if err != nil {
			j.t.Fatalf("verify elsewhere: %v", err)
		}
		return
	}
}

func (j *judged) submitSome() {
	holder := rapid.SampledFrom([]string{"ann", "bob"}).Draw(j.t, "holder")
	r := j.submit(j.t, holder, address.AddAlias, rapid.SampledFrom(pool).Draw(j.t, "address"))
	if !slices.Contains(j.ids, r.ID) {
		j.ids = append(j.ids, r.ID)
	}
}

func (j *judged) sweep() {
	j.clock.Add(time.Duration(rapid.IntRange(1, 90).Draw(j.t, "minutes")) * time.Minute)
	if err := j.runner.Sweep(context.Background()); err != nil {
		j.t.Fatalf("sweep: %v", err)
	}
}

func (j *judged) recheck() {
	if len(j.ids) > 0 {
		_, _ = j.service.Recheck(context.Background(), rapid.SampledFrom(j.ids).Draw(j.t, "recheck"), "admin") // 409 where it waits for nothing
	}
}

func (j *judged) undoSome() {
	if len(j.ids) == 0 {
		return
	}
	r, _, err := j.service.Undo(context.Background(), rapid.SampledFrom(j.ids).Draw(j.t, "undo"), queue.Submission{}, "")
	if err == nil && !slices.Contains(j.ids, r.ID) {
		j.ids = append(j.ids, r.ID)
	}
}

// mustHold: verified is final and has no cause, and what waits or is contradicted says why.
func (j *judged) mustHold(t *rapid.T) {
	for _, id := range j.ids {
		r := j.get(t, id)
		at, was := j.verified[id]
		switch {
		case was && (r.State != queue.Verified || !r.VerifiedAt.Equal(at)):
			t.Fatalf("request %d was verified at %s and is %s, verified at %s", r.Seq, at, r.State, r.VerifiedAt)
		case r.State == queue.Verified && r.Cause != nil:
			t.Fatalf("request %d is verified with the cause %+v", r.Seq, r.Cause)
		case (r.State == queue.Written || r.State == queue.Mismatched) && r.Cause == nil:
			t.Fatalf("request %d is %s and does not say why", r.Seq, r.State)
		case r.State == queue.Verified:
			j.verified[id] = r.VerifiedAt
		}
	}
}

// TestVerifiedIsNeverTakenBack: whatever sweeps, rechecks and undos follow.
func TestVerifiedIsNeverTakenBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		j := &judged{bench: newBench(), t: t, verified: map[queue.RequestID]time.Time{}}
		j.cloud.judge = j.judge
		t.Repeat(map[string]func(*rapid.T){
			"submit":  func(t *rapid.T) { j.t = t; j.submitSome(); j.pass(t) },
			"sweep":   func(t *rapid.T) { j.t = t; j.sweep() },
			"recheck": func(t *rapid.T) { j.t = t; j.recheck(); j.sweep() },
			"undo":    func(t *rapid.T) { j.t = t; j.undoSome(); j.pass(t) },
			"":        j.mustHold,
		})
	})
}
