package graph

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
)

// holderKinds are the kinds of holders, in the order in which they are asked for.
func holderKinds() []address.Kind {
	return []address.Kind{address.User, address.Group, address.Contact}
}

// watched are the properties whose changes a delta query tells: all that is shown, and deletedDateTime, without which a
// restored object would not be told (microsoft-graph-docs, issue 5821).
func watched(kind address.Kind) []string { return append(shown(kind), "deletedDateTime") }

// Latest gives a cursor that stands for now: one HTTP call, and nothing is read.
func (c *Client) Latest(ctx context.Context) (cloudcheck.Cursor, error) {
	cursor := cloudcheck.Cursor{}
	refused, err := c.latest(ctx, cursor, holderKinds(), watched)
	if err == nil && len(refused) > 0 {
		c.log.Warn("the tenant does not track some properties; all changes are tracked instead", "kinds", refused)
		_, err = c.latest(ctx, cursor, refused, func(address.Kind) []string { return nil })
	}
	if err != nil {
		return nil, err
	}
	return cursor, nil
}

// latest fills in the cursor of some kinds. Where Graph does not take the properties that are asked for, the kind is given
// back, as long as there is something to leave out.
func (c *Client) latest(ctx context.Context, cursor cloudcheck.Cursor, of []address.Kind, fields func(address.Kind) []string) (refused []address.Kind, err error) {
	rounds := make([]*deltaRound, len(of))
	for i, kind := range of {
		rounds[i] = c.latestOf(kind, fields(kind))
	}
	c.askRounds(ctx, rounds)
	for _, r := range rounds {
		switch {
		case r.refused() && fields(r.of.kind) != nil:
			refused = append(refused, r.of.kind)
		case r.err != nil:
			return nil, r.err
		default:
			cursor[r.of.kind] = r.link
		}
	}
	return refused, nil
}

func (c *Client) latestOf(kind address.Kind, fields []string) *deltaRound {
	of := collectionOf(kind)
	r := newDeltaRound(c.question(of, query{fields: fields}))
	path, options, _ := strings.Cut(r.url, "?")
	r.url = path + "/delta?$deltatoken=latest"
	if options != "" {
		r.url += "&" + options
	}
	return r
}

// Changes follows the delta links of a cursor to their end: one HTTP call for a few hundred changes. Only ids are taken
// from it, for what else a row shows is not dependable. A kind that tells of more than most rows is followed no further,
// and the error is cloudcheck.ErrManyChanges.
func (c *Client) Changes(ctx context.Context, since cloudcheck.Cursor, most int) (cloudcheck.Changes, error) {
	changes := cloudcheck.Changes{
		Changed: map[address.Kind][]string{}, Removed: map[address.Kind][]string{}, Next: cloudcheck.Cursor{},
	}
	var rounds []*deltaRound
	for _, kind := range holderKinds() {
		link, err := relative(since[kind])
		if err != nil {
			return cloudcheck.Changes{}, fmt.Errorf("%w: the one for a %s is none: %w", cloudcheck.ErrExpired, kind, err)
		}
		of := collectionOf(kind)
		r := newDeltaRound(&question{of: of, url: link, units: estimate(of, query{})})
		r.most = most
		rounds = append(rounds, r)
	}
	c.askRounds(ctx, rounds)
	for _, r := range rounds {
		if r.err != nil {
			return cloudcheck.Changes{}, orExpired(r.err)
		}
		if r.tooMany() {
			return cloudcheck.Changes{}, cloudcheck.ErrManyChanges
		}
		changes.Changed[r.of.kind], changes.Removed[r.of.kind], changes.Next[r.of.kind] = r.changed, r.removed, r.link
	}
	return changes, nil
}

// orExpired tells that a token is not good any more from all other failures (Graph concepts, "delta query": token
// duration, synchronization reset).
func orExpired(err error) error {
	f := failureOf(err)
	isGone := f.status == http.StatusGone
	isUnknown := strings.EqualFold(f.graph, "syncStateNotFound") || strings.EqualFold(f.graph, "resyncRequired")
	if isGone || isUnknown {
		return fmt.Errorf("%w: %w", cloudcheck.ErrExpired, err)
	}
	return err
}

// deltaRound is one round of a delta query: the ids that its pages tell, and the link that begins the next one.
type deltaRound struct {
	*question
	changed, removed []string
	link             string
	most             int
}

func (r *deltaRound) tooMany() bool { return len(r.changed)+len(r.removed) > r.most }

func newDeltaRound(q *question) *deltaRound {
	r := &deltaRound{question: q}
	q.read = r.readPage
	return r
}

func (c *Client) askRounds(ctx context.Context, rounds []*deltaRound) {
	questions := make([]*question, len(rounds))
	for i, r := range rounds {
		questions[i] = r.question
	}
	c.ask(ctx, questions)
}

// deltaPage is one page of a delta query.
type deltaPage struct {
	Value []struct {
		ID      string           `json:"id"`
		Removed *json.RawMessage `json:"@removed"`
	} `json:"value"`
	NextLink  string `json:"@odata.nextLink"`
	DeltaLink string `json:"@odata.deltaLink"`
	pageError
}

func (r *deltaRound) readPage(body []byte) (string, error) {
	var p deltaPage
	if err := json.Unmarshal(body, &p); err != nil {
		return "", fmt.Errorf("parse a page of changes: %w", err)
	}
	if err := p.incomplete(p.Value != nil); err != nil {
		return "", fmt.Errorf("a page of changes: %w", err)
	}
	if p.NextLink == "" && p.DeltaLink == "" {
		return "", errors.New("the changes end without a link to the next ones")
	}
	for _, o := range p.Value {
		if o.ID == "" {
			return "", fmt.Errorf("a page of changes: %w", errNameless)
		}
		if o.Removed != nil {
			r.removed = append(r.removed, o.ID)
		} else {
			r.changed = append(r.changed, o.ID)
		}
	}
	r.link = p.DeltaLink
	if r.tooMany() {
		return "", nil
	}
	return p.NextLink, nil
}

// ObjectsByID reads objects of one kind by their ids, fifteen in a question and 300 in a call. Ids that are gone are left
// out, and one that is asked for twice comes once.
func (c *Client) ObjectsByID(ctx context.Context, kind address.Kind, ids []string) ([]cloudcheck.Object, error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	var questions []*question
	for chunk := range slices.Chunk(ids, maxIn) {
		questions = append(questions, c.question(collectionOf(kind), query{filter: in("id", chunk), fields: shown(kind)}))
	}
	return c.askAll(ctx, questions)
}

// Quarantined gives every user, group and contact with a provisioning error, in one HTTP call as long as there are less
// than a thousand of each.
func (c *Client) Quarantined(ctx context.Context) ([]cloudcheck.Object, error) {
	var questions []*question
	for _, kind := range holderKinds() {
		questions = append(questions, c.question(collectionOf(kind), query{
			filter: "onPremisesProvisioningErrors/any(o:o/category eq 'PropertyConflict')", fields: shown(kind), top: bigPage,
		}))
	}
	return c.askAll(ctx, questions)
}

// askAll asks questions of which every one has to be answered.
func (c *Client) askAll(ctx context.Context, questions []*question) ([]cloudcheck.Object, error) {
	c.ask(ctx, questions)
	var found []cloudcheck.Object
	var failed error
	for _, q := range questions {
		failed = cmp.Or(failed, q.err)
		found = append(found, q.found...)
	}
	if failed != nil {
		return nil, failed
	}
	return found, nil
}
