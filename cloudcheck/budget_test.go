package cloudcheck

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

func TestBudget(t *testing.T) {
	t.Parallel()
	b := NewBudget(10)
	if !b.Take(7) || b.Left() != 3 || b.Ended() != "" {
		t.Errorf("%+v", b)
	}
	b.Spend(-2)
	if !b.Take(5) || b.Left() != 0 || b.Spent() != 10 {
		t.Errorf("%+v", b)
	}
	if b.Take(1) || b.Ended() == "" {
		t.Error("more than there is")
	}
	b.Spend(-5)
	if b.Take(1) || b.Left() != 0 {
		t.Error("what comes later went before what was refused")
	}
	why := b.Ended()
	if b.End("another reason"); b.Ended() != why {
		t.Error("the first reason is gone")
	}
}

func TestNoBudgetHasNoBounds(t *testing.T) {
	t.Parallel()
	b := BudgetOf(context.Background())
	b.Spend(5)
	b.End("why")
	if b != nil || !b.Take(1_000_000) || b.Ended() != "" || b.Spent() != 0 {
		t.Errorf("%+v", b)
	}
	own := NewBudget(1)
	if BudgetOf(WithBudget(context.Background(), own)) != own {
		t.Error("the context lost its budget")
	}
}

func TestBudgetOfManyAskers(t *testing.T) {
	t.Parallel()
	b := NewBudget(100)
	var all sync.WaitGroup
	var mu sync.Mutex
	taken := 0
	for range 8 {
		all.Go(func() {
			for range 50 {
				if b.Take(1) {
					mu.Lock()
					taken++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	if taken != 100 || b.Spent() != 100 {
		t.Errorf("%d taken, %d spent", taken, b.Spent())
	}
}

// What was not asked is neither judged nor doubted: the verdict says nothing but that.
func TestUnaskedSaysNothing(t *testing.T) {
	t.Parallel()
	w, cases := crowd(3)
	w.fake.failing["id-1"] = fmt.Errorf("as a reader says it: %w", ErrUnasked)
	for _, tenantErr := range []error{nil, cause.Wait(cause.Throttled, "asked too much")} {
		w.fake.noTenant = tenantErr
		verdicts, err := sweepOf(t, w, cases)
		if err != nil {
			t.Fatal(err)
		}
		if v := verdicts[1]; v != (Verdict{Outcome: Unasked}) {
			t.Errorf("%+v", v)
		}
		if verdicts[0].Outcome != Verified || verdicts[2].Outcome != Verified {
			t.Errorf("the others are %s and %s", verdicts[0].Outcome, verdicts[2].Outcome)
		}
	}
}

// Two requests for one holder are one look-up; a cloud id that one of them knows serves both.
func TestOneHolderIsOneLookup(t *testing.T) {
	t.Parallel()
	w, cases := crowd(3)
	second := cases[0]
	second.Ref.CloudID = ""
	unreadable := cases[1]
	unreadable.OnPremErr = cause.Wait(cause.DirectoryUnavailable, "away")
	verdicts, err := sweepOf(t, w, []Case{second, cases[0], unreadable, cases[2]})
	if err != nil {
		t.Fatal(err)
	}
	want := []Outcome{Verified, Verified, Unknown, Verified}
	for i, v := range verdicts {
		if v.Outcome != want[i] {
			t.Errorf("case %d: %s, want %s", i, v.Outcome, want[i])
		}
	}
	if refs := w.fake.refs; len(refs) != 2 || refs[0].CloudID != "id-0" || refs[1].CloudID != "id-2" {
		t.Errorf("looked up %+v", refs)
	}
}

// So many disputed addresses are looked up in parts, so that a part that fails leaves the others their names.
func TestManyConflictsAreAskedForInParts(t *testing.T) {
	t.Parallel()
	const n = 2*addressesAtOnce + 1
	w, cases := crowd(n)
	for i := range n {
		value := w.fake.objects[i].Proxies[1]
		w.fake.objects[i].Proxies = nil
		w.fake.objects[i].Errors = []ProvisioningError{{Property: "ProxyAddresses", Value: string(value)}}
		w.fake.objects = append(w.fake.objects, Object{ID: fmt.Sprintf("other-%d", i), Name: "Sales", Values: address.Values{Proxies: address.Set{value}}})
	}
	w.fake.holderLimit = 1
	verdicts, err := sweepOf(t, w, cases)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range verdicts {
		if named := v.Cause != nil && v.Cause.Conflict != nil; named != (i < addressesAtOnce) || v.Outcome != Contradicted {
			t.Errorf("case %d: %s, named is %v", i, v.Outcome, named)
		}
	}
}
