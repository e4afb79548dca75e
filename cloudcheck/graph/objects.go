package graph

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
)

const (
	// manyGroups is from how many unknown groups on reading all synchronised groups once is cheaper than six questions
	// for each.
	manyGroups = 10
	// maxLookup is how many of a holder's addresses are asked for when nothing else names it in the cloud.
	maxLookup = 3
	// maxByName is how many users one look-up asks for by name at least, two questions each. It is for the odd one: in a tenant with
	// another source anchor than ours the cloud id is known from the look before the write. A sweep asks for one in byNameShare of the
	// units that it has left, which are a quarter of them.
	maxByName   = 20
	byNameShare = 8
)

// Objects looks refs up. Those with a cloud id cost a fifteenth of a question each; users without one are found by
// their anchor, a few that have another one there by objectGUID, UPN or address together with their SID; groups by an address and their SID, contacts by their addresses. Users beyond those few are
// unasked (ErrUnasked), for they may be there. A cloud id that is gone is looked up
// like an unknown one, for a restored or a matched holder has a new id.
func (c *Client) Objects(ctx context.Context, refs []cloudcheck.Ref) ([]cloudcheck.Sighting, error) {
	s := &search{client: c, ctx: ctx, refs: slices.Clone(refs), sightings: make([]cloudcheck.Sighting, len(refs)), named: map[int]bool{}}
	known, unknown := s.partByID()
	questions, refused := s.look(append(s.byID(known), s.byNature(unknown)...))
	lost := s.unseen(append(refused, known...))
	questions = append(questions, s.lookToTheEnd(s.byNature(lost), s.byNature)...)
	unnamed := s.unseen(append(unknown, lost...))
	questions = append(questions, s.lookToTheEnd(s.byOtherNames(unnamed), s.byOtherNames)...)
	s.leaveUnasked(s.unseen(unnamed))
	questions = append(questions, s.lookBySID(s.unseen(append(unknown, lost...)))...)
	if err := allFailed(questions); err != nil {
		return nil, err
	}
	return s.sightings, nil
}

// allFailed is the first error where no question was answered and none was left unasked.
func allFailed(questions []*question) error {
	var first error
	for _, q := range questions {
		if q.err == nil || errors.Is(q.err, cloudcheck.ErrUnasked) {
			return nil
		}
		first = cmp.Or(first, q.err)
	}
	return first
}

// search is one look-up of many refs.
type search struct {
	client    *Client
	ctx       context.Context
	refs      []cloudcheck.Ref
	sightings []cloudcheck.Sighting
	named     map[int]bool // the refs that are asked for by name
}

func (s *search) partByID() (known, unknown []int) {
	for i, r := range s.refs {
		if r.CloudID != "" {
			known = append(known, i)
		} else {
			unknown = append(unknown, i)
		}
	}
	return known, unknown
}

// byID asks for objects by cloud id, fifteen in a question.
func (s *search) byID(known []int) []*question {
	return s.inBulk(known, "id", func(r cloudcheck.Ref) string { return r.CloudID })
}

// byIDAlone asks for objects by cloud id, each in a question of its own.
func (s *search) byIDAlone(known []int) []*question {
	var questions []*question
	for _, i := range known {
		questions = append(questions, s.ask(s.refs[i].Holder.Kind, in("id", []string{s.refs[i].CloudID}), i))
	}
	return questions
}

// inBulk asks for a property of each ref's object, a kind and fifteen values at a time. Refs to the same value share one.
func (s *search) inBulk(which []int, property string, value func(cloudcheck.Ref) string) []*question {
	var questions []*question
	for _, kind := range []address.Kind{address.User, address.Group, address.Contact} {
		refs := map[string][]int{}
		var values []string
		for _, i := range which {
			r := s.refs[i]
			if collectionOf(r.Holder.Kind).kind != kind {
				continue
			}
			v := value(r)
			if refs[v] == nil {
				values = append(values, v)
			}
			refs[v] = append(refs[v], i)
		}
		for chunk := range slices.Chunk(values, maxIn) {
			var asked []int
			for _, v := range chunk {
				asked = append(asked, refs[v]...)
			}
			q := s.ask(kind, in(property, chunk), asked...)
			q.bulk = property
			questions = append(questions, q)
		}
	}
	return questions
}

func (s *search) ask(kind address.Kind, filter string, refs ...int) *question {
	return s.client.question(collectionOf(kind), query{filter: filter, fields: shown(kind)}, refs...)
}

// byNature asks for holders by what names them in the cloud beside its own id.
func (s *search) byNature(which []int) []*question {
	byKind := map[address.Kind][]int{}
	for _, i := range which {
		kind := collectionOf(s.refs[i].Holder.Kind).kind
		byKind[kind] = append(byKind[kind], i)
	}
	questions := s.byAnchor(byKind[address.User])
	if len(byKind[address.Group]) < manyGroups {
		questions = append(questions, s.byAddresses(byKind[address.Group])...)
	}
	return append(questions, s.byAddresses(byKind[address.Contact])...)
}

// byAnchor asks for users by their source anchor.
func (s *search) byAnchor(which []int) []*question {
	return s.byAnchors(which, func(h address.Holder) string { return h.Anchor })
}

// byAnchors asks for users by an anchor, those that have none left out: fifteen in a question where the tenant takes that,
// else one by one.
func (s *search) byAnchors(which []int, anchor func(address.Holder) string) []*question {
	which = slices.DeleteFunc(slices.Clone(which), func(i int) bool { return anchor(s.refs[i].Holder) == "" })
	if !s.client.anchorsOneByOne.Load() {
		return s.inBulk(which, anchorProperty, func(r cloudcheck.Ref) string { return anchor(r.Holder) })
	}
	var questions []*question
	for _, i := range which {
		questions = append(questions, s.ask(address.User, is(anchorProperty, anchor(s.refs[i].Holder)), i))
	}
	return questions
}

// byOtherNames asks for users that their anchor did not lead to: by objectGUID, which is the anchor of older installations
// whatever mS-DS-ConsistencyGuid holds, and by UPN and address, of which the SID tells whose they are.
func (s *search) byOtherNames(which []int) []*question {
	which = slices.DeleteFunc(slices.Clone(which), func(i int) bool { return s.refs[i].Holder.Kind != address.User })
	questions := s.byAnchors(which, cloudcheck.OtherAnchor)
	for _, i := range s.few(which) {
		h := s.refs[i].Holder
		filters := []string{byUPN(address.Address(h.UPN))}
		if addrs := lookupAddresses(s.refs[i]); len(addrs) > 0 {
			filters = append(filters, byMail(addrs[0]))
		}
		for _, f := range filters {
			if f != "" {
				questions = append(questions, s.ask(address.User, f, i))
			}
		}
	}
	return questions
}

// few are those users among some that are asked for by name: the first that have a SID, by which a find is known to be theirs.
func (s *search) few(which []int) []int {
	most := maxByName
	if b := cloudcheck.BudgetOf(s.ctx); b != nil {
		most = max(most, b.Left()/byNameShare)
	}
	var few []int
	for _, i := range which {
		if s.refs[i].Holder.SID != "" && (s.named[i] || len(s.named) < most) {
			few = append(few, i)
			s.named[i] = true
		}
	}
	return few
}

// leaveUnasked notes of the users that were not found and not asked for by name that nothing is known of them.
func (s *search) leaveUnasked(unseen []int) {
	for _, i := range unseen {
		if h := s.refs[i].Holder; h.Kind == address.User && h.SID != "" && !s.named[i] {
			s.sightings[i].Err = cloudcheck.ErrUnasked
		}
	}
}

const anchorProperty = "onPremisesImmutableId"

// byAddresses asks for a group or a contact by a few of its addresses.
func (s *search) byAddresses(which []int) []*question {
	var questions []*question
	for _, i := range which {
		h := s.refs[i].Holder
		for _, a := range lookupAddresses(s.refs[i]) {
			for _, filter := range append(byProxy(a), byMail(a)) {
				if filter != "" {
					questions = append(questions, s.ask(h.Kind, filter, i))
				}
			}
		}
	}
	return questions
}

// lookupAddresses are a holder's addresses that the cloud most likely has: primary, mail, the primaries that writes of ours
// replaced, then the others.
func lookupAddresses(r cloudcheck.Ref) []address.Address {
	h := r.Holder
	var list []address.Address
	add := func(a address.Address) {
		known := slices.ContainsFunc(list, a.Equal)
		if a != "" && !known && len(list) < maxLookup {
			list = append(list, a)
		}
	}
	for _, p := range h.Proxies.Primaries() {
		add(p.Address())
	}
	add(address.Address(h.Mail))
	for _, before := range r.Before {
		for _, p := range before.Proxies.Primaries() {
			add(p.Address())
		}
	}
	for _, p := range h.Proxies.SMTP() {
		add(p.Address())
	}
	return list
}

// look asks the questions and notes what they found of their refs. Refs whose bulk question was refused as such are
// given back, to be looked up by other means.
func (s *search) look(questions []*question) (asked []*question, refused []int) {
	s.client.ask(s.ctx, questions)
	candidates := map[int][]cloudcheck.Object{}
	failed := map[int]error{}
	for _, q := range questions {
		if q.refused() && q.bulk != "" {
			s.client.noteRefusedBulk(q)
			refused = append(refused, q.refs...)
			continue
		}
		asked = append(asked, q)
		for _, i := range q.refs {
			candidates[i] = append(candidates[i], q.found...)
			failed[i] = cmp.Or(failed[i], q.err)
		}
	}
	for i := range failed {
		s.sightings[i] = s.pick(s.refs[i], candidates[i], failed[i])
	}
	return asked, refused
}

// lookToTheEnd asks the questions, and once more, by alone, for those of which a whole list was refused: that nobody
// answered does not mean that they are not there.
func (s *search) lookToTheEnd(questions []*question, alone func([]int) []*question) []*question {
	asked, refused := s.look(questions)
	again, _ := s.look(alone(s.unseen(refused)))
	return append(asked, again...)
}

// noteRefusedBulk remembers that the tenant does not take `in` for anchors. A refused list of ids holds one that is none.
func (c *Client) noteRefusedBulk(q *question) {
	if q.bulk == anchorProperty && c.anchorsOneByOne.CompareAndSwap(false, true) {
		c.log.Warn("the tenant does not take `in` for onPremisesImmutableId; users are looked up one by one", "error", q.err)
	}
}

// pick finds a ref's object among candidates. Where it is not there, a question that failed might have had it.
func (s *search) pick(r cloudcheck.Ref, candidates []cloudcheck.Object, failed error) cloudcheck.Sighting {
	object, err := r.Match(candidates)
	if object != nil {
		return cloudcheck.Sighting{Object: object}
	}
	return cloudcheck.Sighting{Err: cmp.Or(failed, err)}
}

// unseen are the refs, each once, that were looked up without an error and not found.
func (s *search) unseen(which []int) []int {
	which = slices.Compact(slices.Sorted(slices.Values(which)))
	return slices.DeleteFunc(which, func(i int) bool { return !notSeen(s.sightings[i]) })
}

// notSeen says that a look-up went well and found nothing.
func notSeen(s cloudcheck.Sighting) bool { return s.Object == nil && s.Err == nil }

// lookBySID finds the groups that no address led to in a list of all synchronised groups, which is kept for a while, and
// reads them by the id that it gives.
func (s *search) lookBySID(which []int) []*question {
	var open []int
	for _, i := range which {
		h := s.refs[i].Holder
		if h.Kind == address.Group && h.SID != "" {
			open = append(open, i)
		}
	}
	if len(open) == 0 {
		return nil
	}
	ids, reading := s.client.groups.ids(s.ctx, s.client)
	var found []int
	for _, i := range open {
		if reading.err != nil {
			s.sightings[i].Err = reading.err
		} else if id := ids[strings.ToUpper(s.refs[i].Holder.SID)]; id != "" {
			s.refs[i].CloudID = id
			found = append(found, i)
		}
	}
	return append(s.lookToTheEnd(s.byID(found), s.byIDAlone), reading)
}
