package cloudcheck

import (
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
)

func TestContactsAreMatchedByTheirAddresses(t *testing.T) {
	t.Parallel()
	on := true
	contact := func(id, mail string, proxies ...address.Proxy) Object {
		return Object{ID: id, Kind: address.Contact, SyncEnabled: &on, Values: address.Values{Mail: mail, Proxies: proxies}}
	}
	h := address.Holder{Kind: address.Contact, Name: "Ann", Values: address.Values{Mail: "ann@fabrikam.com",
		Proxies: address.Set{"SMTP:ann@fabrikam.com", "smtp:a.other@fabrikam.com", "smtp:new@fabrikam.com"}}}
	mine := contact("mine", "ann@fabrikam.com", "SMTP:ann@fabrikam.com")
	holdsNew := contact("other", "x@fabrikam.com", "SMTP:x@fabrikam.com", "smtp:new@fabrikam.com", "smtp:a.other@fabrikam.com")
	cloudOnly := Object{ID: "cloud", Kind: address.Contact, Values: mine.Values}
	wasSynced := cloudOnly
	wasSynced.ID, wasSynced.LastSync = "was", time.Now()
	twin := contact("twin", "ann@fabrikam.com", "SMTP:ann@fabrikam.com")
	for name, c := range map[string]struct {
		candidates []Object
		want       string
		ambiguous  bool
	}{
		"the one":                      {[]Object{mine, mine}, "mine", false},
		"another holds more of it":     {[]Object{holdsNew, mine}, "mine", false},
		"never synchronised":           {[]Object{cloudOnly}, "", false},
		"synchronised once":            {[]Object{cloudOnly, wasSynced}, "was", false},
		"two alike":                    {[]Object{mine, twin}, "", true},
		"nobody":                       {nil, "", false},
		"only by what it wants to get": {[]Object{holdsNew}, "other", false},
	} {
		o, err := Ref{Holder: h}.Match(c.candidates)
		got := ""
		if o != nil {
			got = o.ID
		}
		if got != c.want || (err != nil) != c.ambiguous {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}
}

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
