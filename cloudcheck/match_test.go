package cloudcheck

import (
	"testing"

	"github.com/aliasd/aliasd/address"
)

func TestUsersAndGroupsAreMatched(t *testing.T) {
	t.Parallel()
	user := address.Holder{Kind: address.User, Anchor: "YW5u", SID: "S-1-5-21-1"}
	group := address.Holder{Kind: address.Group, Anchor: "Z3JvdXA=", SID: "S-1-5-21-2"}
	guid := address.GUID{7}
	candidates := []Object{{ID: "other", ImmutableID: "b3RoZXI=", SID: "S-1-5-21-1"}, {ID: "nobody"}, {ID: "ann", ImmutableID: "YW5u"},
		{ID: "sales", SID: "s-1-5-21-2"}, {ID: "old", ImmutableID: guid.Anchor(), SID: "S-1-5-21-3"}}
	filled := address.Holder{Kind: address.User, GUID: guid, Anchor: "Z3VpZA==", SID: "S-1-5-21-1"}
	for name, c := range map[string]struct {
		ref  Ref
		want string
	}{
		"a user by its anchor, not its SID": {Ref{Holder: user}, "ann"},
		"a group by its SID":                {Ref{Holder: group}, "sales"},
		"by the cloud id first":             {Ref{CloudID: "OTHER", Holder: user}, "other"},
		"by objectGUID before the SID":      {Ref{Holder: filled}, "old"},
		"by the SID at last":                {Ref{Holder: address.Holder{Kind: address.User, Anchor: "x", SID: "S-1-5-21-1"}}, "other"},
		"no anchor":                         {Ref{Holder: address.Holder{Kind: address.User}}, ""},
		"no SID":                            {Ref{Holder: address.Holder{Kind: address.Group}}, ""},
	} {
		o, err := c.ref.Match(candidates)
		if err != nil || (o == nil) != (c.want == "") || o != nil && o.ID != c.want {
			t.Errorf("%s: %+v, %v", name, o, err)
		}
	}
}
