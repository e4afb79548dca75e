package cloudcheck

import (
	"context"
	"errors"
	"sync"
)

// HoldersPerUnit is how many holders one resource unit shows at best: fifteen cloud ids in a question, and a question with
// $select costs one unit, the least that there is (Graph, "Throttling limits").
const HoldersPerUnit = 15

// ErrUnasked: the budget of the call was spent before its turn came. It says nothing of what was to be looked at.
var ErrUnasked = errors.New("the budget is spent")

// Budget is what a sweep may spend, in Graph's resource units. A nil Budget has no bounds. Its methods may be called
// concurrently.
//
// It travels in the context, like the deadline, which is the time that a call may spend: a Reader sets units aside before it
// asks a question, corrects them by what the answer says, and fails the questions that it may not ask with ErrUnasked.
type Budget struct {
	mu           sync.Mutex
	units, spent int
	ended        string
}

// NewBudget makes a budget of so many resource units.
func NewBudget(units int) *Budget { return &Budget{units: units} }

type budgetKey struct{}

// WithBudget gives a context in which no more than b is spent.
func WithBudget(ctx context.Context, b *Budget) context.Context {
	return context.WithValue(ctx, budgetKey{}, b)
}

// BudgetOf gives the budget of a context, nil where it has none.
func BudgetOf(ctx context.Context) *Budget {
	b, _ := ctx.Value(budgetKey{}).(*Budget)
	return b
}

// Take sets units aside for one question; false where they are not there any more, and from then on always, so that no
// cheaper question that comes later goes before.
func (b *Budget) Take(units int) bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended == "" && b.spent+units > b.units {
		b.ended = "the units of the sweep are spent"
	}
	if b.ended != "" {
		return false
	}
	b.spent += units
	return true
}

// Spend notes units beyond those that were set aside; less than zero gives back what was not used.
func (b *Budget) Spend(units int) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spent += units
}

// End lets nothing more be asked, and says why. The first reason stays.
func (b *Budget) End(why string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended == "" {
		b.ended = why
	}
}

// Ended says why nothing more may be asked, "" while something may.
func (b *Budget) Ended() string {
	if b == nil {
		return ""
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ended
}

// Spent are the units spent so far, those set aside for questions under way among them.
func (b *Budget) Spent() int {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.spent
}

// Left are the units that may still be spent: 0 once it has ended.
func (b *Budget) Left() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended != "" {
		return 0
	}
	return max(b.units-b.spent, 0)
}
