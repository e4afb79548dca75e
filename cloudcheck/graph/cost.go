package graph

import (
	"context"
	"net/http"
	"strconv"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/share"
)

// unitsHeader is where Graph says what an answer cost ("Microsoft Graph service-specific throttling limits", identity and
// access). It may stand on the answer to a batch, or on its items.
const unitsHeader = "X-Ms-Resource-Unit"

// maxSmallTop is below which page size a question costs a unit less.
const maxSmallTop = 20

// estimate is what a page of a question costs, before Graph has said it: users 2 and all else 1, one less for $select and for
// a small page each, and never less than 1.
func estimate(of collection, q query) int {
	units := 1
	if of.kind == address.User && !of.deleted {
		units = 2
	}
	if len(q.fields) > 0 {
		units--
	}
	if q.top > 0 && q.top < maxSmallTop {
		units--
	}
	return max(units, 1)
}

// number reads a header's number; fallback where there is none that makes sense.
func number(header string, fallback float64) float64 {
	n, err := strconv.ParseFloat(header, 64)
	if err != nil || !(n >= 0 && n <= 1e6) { // NaN is neither
		return fallback
	}
	return n
}

// cost is what the answer that was noted cost. What a batch costs stands on its items, if it does not say so itself.
func (n *note) cost(what area) int {
	fallback := 1.0
	if what == batchArea() || n.status == 0 || n.status == http.StatusTooManyRequests {
		fallback = 0
	}
	return int(number(n.units, fallback))
}

// charge tells the metrics and the context's tally what was spent, and corrects what the context's budget had set aside for it.
func (c *Client) charge(ctx context.Context, units, setAside int) {
	c.observer.Spent(units)
	share.TallyOf(ctx).Add(units)
	cloudcheck.BudgetOf(ctx).Spend(units - setAside)
}

// afford sets units aside for questions, in their order. Those that the budget does not reach are not asked; the others are
// given back.
func (r *round) afford(chunk []*question) []*question {
	for i, q := range chunk {
		if r.budget.Take(q.units) {
			continue
		}
		for _, late := range chunk[i:] {
			late.fail(unasked(r.budget.Ended()))
		}
		return chunk[:i]
	}
	return chunk
}

// account charges what a batch cost: the sum of its items, or what the answer as a whole says where that is more. Where every
// item of a full batch was throttled the next one would be too, and nothing more is asked within this budget.
func (r *round) account(chunk []*question, answers []*batchAnswer, outer note) {
	sum, setAside, refused := 0, 0, 0
	for i, q := range chunk {
		setAside += q.units
		sum += answers[i].cost(q.units)
		if answers[i].throttled() {
			refused++
		}
	}
	r.client.charge(r.ctx, max(sum-outer.cost(batchArea()), 0), setAside)
	if refused == maxBatch {
		r.budget.End("Microsoft Graph throttles everything")
	}
}

// cost is what an item of a batch cost, as was thought where nobody says so. One that was throttled cost nothing then.
func (a *batchAnswer) cost(estimated int) int {
	if a.throttled() {
		estimated = 0
	}
	return int(number(a.header(unitsHeader), float64(estimated)))
}

func (a *batchAnswer) throttled() bool { return a != nil && a.Status == http.StatusTooManyRequests }

// unasked is the failure of a question that the budget did not reach.
func unasked(why string) *failure {
	return &failure{code: cause.Throttled, detail: "it was not asked, because " + why, mend: "it is asked with the next sweep",
		err: cloudcheck.ErrUnasked}
}
