package address

import (
	"encoding/json"
	"slices"
	"testing"
)

func mixed() Set {
	return Set{"SMTP:a@x.test", "smtp:B@x.test", "X500:/o=Org/cn=a", "Smtp:c@x.test", "SIP:a@x.test", "smtp:b@x.test", "raw\xff"}
}

func TestSetSelects(t *testing.T) {
	t.Parallel()
	s := mixed()
	if got := s.Primaries(); !slices.Equal(got, []Proxy{"SMTP:a@x.test"}) {
		t.Errorf("Primaries = %q", got)
	}
	if got := s.SMTP(); !slices.Equal(got, []Proxy{"SMTP:a@x.test", "smtp:B@x.test", "Smtp:c@x.test", "smtp:b@x.test"}) {
		t.Errorf("SMTP = %q", got)
	}
	if got := s.Find("b@X.test"); !slices.Equal(got, []Proxy{"smtp:B@x.test", "smtp:b@x.test"}) {
		t.Errorf("Find = %q, want both case twins", got)
	}
	if got := s.Find("nobody@x.test"); len(got) != 0 {
		t.Errorf("Find = %q, want nothing", got)
	}
	if !s.Has("raw\xff") || s.Has("smtp:a@x.test") {
		t.Error("Has does not compare exactly")
	}
}

func TestFindLooksAtSMTPOnly(t *testing.T) {
	t.Parallel()
	if got := (Set{"SIP:a@x.test", "X500:a@x.test"}).Find("a@x.test"); len(got) != 0 {
		t.Errorf("Find = %q, want nothing", got)
	}
}

func TestSetEqual(t *testing.T) {
	t.Parallel()
	s, reversed := mixed(), mixed()
	slices.Reverse(reversed)
	if !s.Equal(reversed) || !Set(nil).Equal(Set{}) {
		t.Error("sets that differ in order alone are not equal")
	}
	for _, other := range []Set{nil, s[1:], s.With("smtp:new@x.test"), s.Without("SMTP:a@x.test").With("smtp:a@x.test")} {
		if s.Equal(other) || other.Equal(s) {
			t.Errorf("equal to %q", other)
		}
	}
}

func TestWithAndWithoutMakeNewSets(t *testing.T) {
	t.Parallel()
	s := mixed()
	less := s.Without("smtp:B@x.test", "SMTP:B@x.test", "absent")
	more := s.With("smtp:new@x.test", "SIP:a@x.test", "smtp:new@x.test")
	if !slices.Equal(s, mixed()) {
		t.Fatalf("the set itself was changed: %q", s)
	}
	if len(less) != len(s)-1 || less.Has("smtp:B@x.test") || !less.Has("smtp:b@x.test") {
		t.Errorf("Without = %q", less)
	}
	if len(more) != len(s)+1 || more[len(s)] != "smtp:new@x.test" {
		t.Errorf("With = %q", more)
	}
	roomy := append(make(Set, 0, 10), s...)
	first, second := roomy.With("smtp:1@x.test"), roomy.With("smtp:2@x.test")
	if first[len(s)] != "smtp:1@x.test" || second[len(s)] != "smtp:2@x.test" {
		t.Error("two sets share their memory")
	}
}

func TestSetAsJSON(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]Values{
		`{"mail":"","proxy_addresses":[]}`:                  {},
		`{"mail":"a@x","proxy_addresses":["SMTP:a@x","é"]}`: {Mail: "a@x", Proxies: Set{"SMTP:a@x", "é"}},
	} {
		raw, err := json.Marshal(v)
		if err != nil || string(raw) != want {
			t.Fatalf("Marshal = %s, %v; want %s", raw, err, want)
		}
		var back Values
		if err := json.Unmarshal(raw, &back); err != nil || !back.Proxies.Equal(v.Proxies) || back.Mail != v.Mail {
			t.Errorf("Unmarshal = %+v, %v", back, err)
		}
	}
}
