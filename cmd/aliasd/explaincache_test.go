package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
)

func refWith(mail string) cloudcheck.Ref {
	return cloudcheck.Ref{Holder: address.Holder{GUID: address.GUID{1}, Values: address.Values{Mail: mail}}}
}

// TestALookIsSharedForSeconds: many who ask for one holder cost one look, and see no older one than some seconds, nor one of a holder
// that has changed in the directory.
func TestALookIsSharedForSeconds(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
	looks := 0
	e := newExplainCache(nil, 0, func() time.Time { return now })
	e.ask = func(context.Context, cloudcheck.Ref) (cloudcheck.Explanation, error) {
		looks++
		return cloudcheck.Explanation{Diagnosis: cloudcheck.Diagnosis{Findings: make([]cloudcheck.Finding, 1, 9)}}, nil
	}
	is := func(want int, ref cloudcheck.Ref) {
		t.Helper()
		x, err := e.of(t.Context(), ref)
		if err != nil || looks != want || len(x.Diagnosis.Findings) != 1 || x.Diagnosis.Findings[0].Value != "" {
			t.Errorf("%d looks, want %d; %+v, %v", looks, want, x, err)
		}
		x.Diagnosis.Findings[0].Value = "changed by who was shown it"
		x.Diagnosis.Add(cloudcheck.Finding{Value: "added"})
	}
	is(1, refWith("a@contoso.test"))
	is(1, refWith("a@contoso.test"))
	is(2, refWith("b@contoso.test"))
	now = now.Add(explainFresh - time.Nanosecond)
	is(2, refWith("b@contoso.test"))
	now = now.Add(time.Nanosecond)
	is(3, refWith("b@contoso.test"))
	now = now.Add(-time.Hour) // the clock is set back
	is(4, refWith("b@contoso.test"))
	for i := range 2 * maxExplains {
		ref := refWith("c@contoso.test")
		ref.Holder.GUID = address.GUID{2, byte(i), byte(i >> 8)}
		is(5+i, ref)
	}
	if len(e.last) > maxExplains {
		t.Errorf("%d are kept", len(e.last))
	}
}

// TestALookThatFailsAnswersNobodyElse: who waits for somebody's look makes his own when that one fails.
func TestALookThatFailsAnswersNobodyElse(t *testing.T) {
	t.Parallel()
	var looks atomic.Int32
	e := newExplainCache(nil, 0, time.Now)
	entered, fail := make(chan struct{}), make(chan struct{})
	e.ask = func(ctx context.Context, _ cloudcheck.Ref) (cloudcheck.Explanation, error) {
		if looks.Add(1) == 1 {
			close(entered)
			<-fail
			return cloudcheck.Explanation{}, errors.New("gone away")
		}
		return cloudcheck.Explanation{}, ctx.Err()
	}
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := e.of(context.Background(), refWith("a@contoso.test")); err == nil {
			t.Error("the first one has an answer")
		}
	})
	<-entered
	for range 9 {
		all.Go(func() {
			if _, err := e.of(context.Background(), refWith("a@contoso.test")); err != nil {
				t.Error(err)
			}
		})
	}
	ended, stop := context.WithCancel(t.Context())
	stop()
	if _, err := e.of(ended, refWith("a@contoso.test")); !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone is answered %v", err)
	}
	close(fail)
	all.Wait()
	if n := looks.Load(); n != 2 {
		t.Errorf("%d looks, want 2", n)
	}
}
