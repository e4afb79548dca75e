package graph

import (
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// listless answers all but lists, which it refuses; what is asked for alone is answered by alone.
func listless(alone func(filter string) reply) func(*url.URL) reply {
	return func(u *url.URL) reply {
		filter := filterOf(u)
		switch {
		case strings.HasPrefix(filter, anchorProperty+" in"), strings.HasPrefix(filter, "id in") && strings.Contains(filter, ","):
			return refusal(400, "Request_UnsupportedQuery")
		case strings.HasPrefix(filter, anchorProperty+" eq"), strings.HasPrefix(filter, "id in"):
			return alone(filter)
		}
		return found() // no address leads anywhere, and an id that is remembered is gone
	}
}

// Whoever is asked for in a list that is refused is asked for alone, in whichever stage of a look-up that is. Where that fails
// too, it is not known whether the tenant has him.
func TestARefusedListIsNotAbsence(t *testing.T) {
	t.Parallel()
	stale := userHolder(1)
	stale.Anchor = user(1)["onPremisesImmutableId"].(string)
	guid := address.GUID{4, 2}
	byGUID := address.Holder{Kind: address.User, GUID: guid, Name: "User 2"}
	other := user(2)
	other["onPremisesImmutableId"] = guid.Anchor()
	for name, c := range map[string]struct {
		refs []cloudcheck.Ref
		has  map[string]any
	}{
		"the id is gone, then the anchors are refused": {[]cloudcheck.Ref{{CloudID: "gone", Holder: stale}}, user(1)},
		"the other anchors are refused":                {[]cloudcheck.Ref{ref(byGUID)}, other},
	} {
		var broken atomic.Bool
		s := newStub(t)
		s.items = listless(func(filter string) reply {
			switch {
			case broken.Load() && strings.HasPrefix(filter, anchorProperty):
				return reply{status: 500}
			case strings.Contains(filter, c.has["onPremisesImmutableId"].(string)):
				return found(c.has)
			}
			return found()
		})
		got, err := s.client(t).Objects(t.Context(), c.refs)
		if err != nil || got[0].Err != nil || got[0].Object == nil || got[0].Object.Name != c.has["displayName"] {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		broken.Store(true)
		answered := cloudcheck.Ref{CloudID: "answered", Holder: groupHolder(7)} // else the whole look-up fails
		got, err = s.client(t).Objects(t.Context(), append(c.refs, answered))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		checkCause(t, got[0].Err, cause.CloudUnavailable, "500")
	}
}

// TestARefusedListOfGroupsIsNotAbsence: the ids that the list of all groups gave are asked for alone when their list is refused.
func TestARefusedListOfGroupsIsNotAbsence(t *testing.T) {
	t.Parallel()
	group := func(n int) map[string]any {
		return map[string]any{"id": user(n)["id"], "displayName": groupHolder(n).Name, "onPremisesSecurityIdentifier": groupHolder(n).SID}
	}
	s := newStub(t)
	alone := listless(func(filter string) reply {
		for n := range 2 {
			if strings.Contains(filter, group(n)["id"].(string)) {
				return found(group(n))
			}
		}
		return found()
	})
	s.items = func(u *url.URL) reply {
		if slices.Contains(strings.Split(u.Query().Get("$select"), ","), "displayName") {
			return alone(u)
		}
		return found(group(0), group(1))
	}
	got, err := s.client(t).Objects(t.Context(), []cloudcheck.Ref{ref(groupHolder(0)), ref(groupHolder(1))})
	if err != nil {
		t.Fatal(err)
	}
	for n, sighting := range got {
		if sighting.Err != nil || sighting.Object == nil || sighting.Object.Name != groupHolder(n).Name {
			t.Errorf("group %d: %+v", n, sighting)
		}
	}
}
