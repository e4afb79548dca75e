package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoftgraph/msgraph-sdk-go/models/odataerrors"

	"github.com/aliasd/aliasd/cloudcheck"
)

const (
	maxBatch      = 20 // requests in one $batch (Graph docs, "JSON batching")
	parallelCalls = 4
)

// question is one GET inside a batch, followed over all its pages. It ends with either the objects found or an error.
type question struct {
	of  collection
	url string
	// refs are what the asker wants it for.
	refs []int
	// bulk is the property that it asks for many values of at once, "" for any other question.
	bulk string
	// onePage says that the first page is enough.
	onePage bool
	// read reads one page and gives the link to the next; nil: its objects go to found.
	read func(body []byte) (nextLink string, err error)

	found []cloudcheck.Object
	trail trail
	err   error // a *cause.Error
	done  bool

	// units is what a page of it costs, as far as is known beforehand.
	units   int
	tries   int
	readyAt time.Time
}

// question makes one; an address that cannot be made is its error.
func (c *Client) question(of collection, q query, refs ...int) *question {
	made := &question{of: of, refs: refs, units: estimate(of, q)}
	var err error
	if made.url, err = of.url(q); err != nil {
		made.fail(unmade(err))
	}
	return made
}

func (q *question) fail(f *failure) { q.err, q.done = f.cause(), true }

// refused says that Graph does not know the filter, or not in this form.
func (q *question) refused() bool {
	return q.err != nil && failureOf(q.err).status == http.StatusBadRequest
}

// ask answers all questions, 20 in an HTTP call and a few calls at once. Throttled ones are asked again while the
// patience lasts, and hold up no other. Those that the context's budget does not reach are not asked, the last ones first.
func (c *Client) ask(ctx context.Context, questions []*question) {
	asking := &round{client: c, ctx: ctx, until: time.Now().Add(c.patience), budget: cloudcheck.BudgetOf(ctx)}
	for {
		open := slices.DeleteFunc(slices.Clone(questions), func(q *question) bool { return q.done })
		if len(open) == 0 {
			return
		}
		ready, earliest := due(open, time.Now())
		if len(ready) == 0 {
			asking.wait(earliest, open)
			continue
		}
		asking.post(ready)
	}
}

// due parts the questions whose time has come from the others.
func due(open []*question, now time.Time) (ready []*question, earliest time.Time) {
	for _, q := range open {
		if !q.readyAt.After(now) {
			ready = append(ready, q)
		} else if earliest.IsZero() || q.readyAt.Before(earliest) {
			earliest = q.readyAt
		}
	}
	return ready, earliest
}

// round is one asking, with its patience and what ended it early.
type round struct {
	client  *Client
	ctx     context.Context
	until   time.Time
	budget  *cloudcheck.Budget
	stopped atomic.Pointer[failure]
}

// wait sleeps until the earliest question may be asked again; all fail when the caller goes away.
func (r *round) wait(earliest time.Time, open []*question) {
	if sleep(r.ctx, time.Until(earliest)) {
		return
	}
	f := r.client.explain(batchArea(), context.Cause(r.ctx), note{})
	for _, q := range open {
		q.fail(f)
	}
}

// post sends the questions in calls of 20.
func (r *round) post(ready []*question) {
	slots := make(chan struct{}, parallelCalls)
	var all sync.WaitGroup
	for chunk := range slices.Chunk(ready, maxBatch) {
		slots <- struct{}{}
		affordable := r.afford(chunk)
		all.Go(func() {
			defer func() { <-slots }()
			if len(affordable) > 0 {
				r.postOne(affordable)
			}
		})
	}
	all.Wait()
}

// postOne makes one HTTP call. When it fails as a whole, so do its questions; when the next ones would fail the same
// way, they are not sent.
func (r *round) postOne(chunk []*question) {
	f := r.stopped.Load()
	if f == nil {
		var outer note
		answers, err := r.client.batch(r.ctx, chunk, &outer)
		if err == nil {
			r.settle(chunk, answers, outer)
			return
		}
		f = failureOf(err)
		if f.hopeless {
			r.stopped.Store(f)
		}
	}
	for _, q := range chunk {
		r.budget.Spend(-q.units)
		q.fail(f)
	}
}

// settle gives each question its answer; they come in any order.
func (r *round) settle(chunk []*question, answers []batchAnswer, outer note) {
	byID := map[string]*batchAnswer{}
	for i := range answers {
		byID[answers[i].ID] = &answers[i]
	}
	inOrder := make([]*batchAnswer, len(chunk))
	for i := range chunk {
		inOrder[i] = byID[strconv.Itoa(i)]
	}
	r.account(chunk, inOrder, outer)
	for i, q := range chunk {
		a := inOrder[i]
		if a == nil {
			q.fail(away("Microsoft Graph left "+q.of.path+" unanswered in a batch", "it is tried again", nil))
			continue
		}
		r.take(q, a)
	}
}

// take makes of one answer objects, another page, another try, or an error.
func (r *round) take(q *question, a *batchAnswer) {
	switch {
	case a.Status == http.StatusOK:
		q.takePage(a.Body)
	case a.mayPass():
		r.again(q, a)
	default:
		q.fail(r.client.explainAnswer(q.of.area, a))
	}
}

func (q *question) takePage(body []byte) {
	read := q.read
	if read == nil {
		read = q.readFound
	}
	link, err := read(body)
	q.done = link == "" || q.onePage
	if err == nil && !q.done {
		q.tries = 0
		q.url, err = q.trail.follow(q.url, link)
	}
	if err != nil {
		q.fail(unreadable(q.of.area, err))
	}
}

func (q *question) readFound(body []byte) (string, error) {
	objects, link, err := readObjects(body, q.of)
	q.found = append(q.found, objects...)
	return link, err
}

// unmade is the failure of a question whose address cannot be made.
func unmade(err error) *failure {
	return away("the request could not be made", "report it with the log of aliasd", err)
}

// unreadable is the failure of a page that makes no sense.
func unreadable(what area, err error) *failure {
	return away("Microsoft Graph's answer to "+what.path+" could not be read", "it is tried again", err)
}

// trail is the pages that a reading came by.
type trail map[string]bool

// follow gives the address that the link of a page leads to, on our own server; "" after the last page. Pages that lead in a
// circle would never end.
func (t *trail) follow(from, link string) (string, error) {
	if link == "" {
		return "", nil
	}
	next, err := relative(link)
	if err != nil {
		return "", err
	}
	if *t == nil {
		*t = trail{}
	}
	(*t)[from] = true
	if (*t)[next] {
		return "", errors.New("the pages lead in a circle")
	}
	return next, nil
}

// again puts a throttled question off, or gives it up when that takes too long.
func (r *round) again(q *question, a *batchAnswer) {
	c := r.client
	if a.throttled() {
		c.observer.Throttled()
	}
	wait := waitFor(a.header("Retry-After"), q.tries, c.now())
	q.tries++
	q.readyAt = time.Now().Add(wait)
	if q.tries <= maxTries && q.readyAt.Before(r.until) && timeFor(r.ctx, wait) && r.budget.Ended() == "" {
		return
	}
	if a.throttled() {
		q.fail(throttled(c.now().Add(wait)))
		return
	}
	q.fail(c.explainAnswer(q.of.area, a))
}

// batchRequest and batchAnswer are the JSON of $batch. They are our own: see the package comment.
type batchRequest struct {
	Requests []batchItem `json:"requests"`
}

type batchItem struct {
	ID     string `json:"id"`
	Method string `json:"method"`
	URL    string `json:"url"`
}

type batchAnswer struct {
	ID      string            `json:"id"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
}

// header looks a header up without case; an answer that is missing has none.
func (a *batchAnswer) header(name string) string {
	if a == nil {
		return ""
	}
	for k, v := range a.Headers {
		if http.CanonicalHeaderKey(k) == name {
			return v
		}
	}
	return ""
}

// mayPass says that the same question may be answered a little later.
func (a *batchAnswer) mayPass() bool {
	return a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable || a.Status == http.StatusGatewayTimeout
}

// explainAnswer says what an error inside a batch means.
func (c *Client) explainAnswer(what area, a *batchAnswer) *failure {
	var p pageError
	_ = json.Unmarshal(a.Body, &p) // an error page without JSON has a status all the same
	if p.Error == nil {
		return c.explainStatus(what, a.Status, "")
	}
	f := c.explainStatus(what, a.Status, p.Error.Code)
	if p.Error.Message != "" {
		f.err = errors.New(p.Error.Message)
	}
	return f
}

// batch posts one $batch through the SDK's adapter and notes what its answer as a whole said. Every error is a *cause.Error.
func (c *Client) batch(ctx context.Context, chunk []*question, n *note) ([]batchAnswer, error) {
	var request batchRequest
	for i, q := range chunk {
		request.Requests = append(request.Requests, batchItem{ID: strconv.Itoa(i), Method: http.MethodGet, URL: q.url})
	}
	body, err := json.Marshal(request)
	if err != nil {
		return nil, failureOf(fmt.Errorf("encode batch: %w", err)).cause()
	}
	var answer struct {
		Responses []batchAnswer `json:"responses"`
	}
	err = c.call(ctx, batchArea(), n, func(ctx context.Context) error {
		raw, err := c.postJSON(ctx, "{+baseurl}/$batch", body)
		if err != nil {
			return err
		}
		return json.Unmarshal(raw, &answer)
	})
	return answer.Responses, err
}

func (c *Client) postJSON(ctx context.Context, template string, body []byte) ([]byte, error) {
	info := abstractions.NewRequestInformation()
	info.Method = abstractions.POST
	info.UrlTemplate = template
	info.SetStreamContentAndContentType(body, "application/json")
	return c.send(ctx, info)
}

// get makes one GET of an address relative to the version. read takes the answer; its error is the call's. n is filled as call does.
func (c *Client) get(ctx context.Context, what area, at string, n *note, read func(answer []byte) error) error {
	target, err := url.Parse(c.adapter.GetBaseUrl() + at)
	if err != nil {
		return unreadable(what, err).cause()
	}
	return c.call(ctx, what, n, func(ctx context.Context) error {
		info := abstractions.NewRequestInformation()
		info.Method = abstractions.GET
		info.SetUri(*target)
		answer, err := c.send(ctx, info)
		if err != nil {
			return err
		}
		return read(answer)
	})
}

// send makes a call through the SDK's adapter and gives the JSON that came.
func (c *Client) send(ctx context.Context, info *abstractions.RequestInformation) ([]byte, error) {
	info.Headers.TryAdd("Accept", "application/json")
	answer, err := c.adapter.SendPrimitive(ctx, info, "[]byte", abstractions.ErrorMappings{
		"XXX": odataerrors.CreateODataErrorFromDiscriminatorValue,
	})
	if err != nil {
		return nil, err
	}
	raw, ok := answer.([]byte)
	if !ok {
		return nil, errors.New("empty answer")
	}
	return raw, nil
}
