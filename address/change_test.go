package address

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func swap() Change {
	return Change{
		Delete: []Proxy{"SMTP:old@x.test", "smtp:new@x.test"},
		Add:    []Proxy{"smtp:old@x.test", "SMTP:new@x.test"},
		Mail:   &MailChange{Old: "old@x.test", New: "new@x.test"},
	}
}

func holderOld() Values {
	return Values{"old@x.test", Set{"SMTP:old@x.test", "X500:/o=a", "smtp:new@x.test"}}
}

func TestApply(t *testing.T) {
	t.Parallel()
	before := holderOld()
	after, err := swap().Apply(before)
	if err != nil {
		t.Fatal(err)
	}
	want := Values{"new@x.test", Set{"X500:/o=a", "smtp:old@x.test", "SMTP:new@x.test"}}
	if !reflect.DeepEqual(after, want) {
		t.Errorf("Apply = %+v, want %+v", after, want)
	}
	if !reflect.DeepEqual(before, holderOld()) {
		t.Errorf("Apply changed what it was given: %+v", before)
	}
	back, err := swap().Invert().Apply(after)
	if err != nil || !back.Proxies.Equal(before.Proxies) || back.Mail != before.Mail {
		t.Errorf("taken back: %+v, %v", back, err)
	}
}

func TestApplyFailsLikeTheModify(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		values Values
		change Change
		says   string
	}{
		{"deleted value absent", Values{}, Change{Delete: []Proxy{"smtp:a@x"}}, "not there to delete"},
		{"deleted value in another case", Values{Proxies: Set{"smtp:A@x"}}, Change{Delete: []Proxy{"smtp:a@x"}}, "not there to delete"},
		{"deleted twice", Values{Proxies: Set{"smtp:a@x"}}, Change{Delete: []Proxy{"smtp:a@x", "smtp:a@x"}}, "not there to delete"},
		{"added value there", Values{Proxies: Set{"smtp:a@x"}}, Change{Add: []Proxy{"smtp:a@x"}}, "there already"},
		{"added twice", Values{}, Change{Add: []Proxy{"smtp:a@x", "smtp:a@x"}}, "there already"},
		{"mail differs", Values{Mail: "b@x"}, Change{Mail: &MailChange{"a@x", "c@x"}}, `mail is "b@x"`},
		{"mail differs in case", Values{Mail: "A@x"}, Change{Mail: &MailChange{"a@x", "c@x"}}, `mail is "A@x"`},
		{"mail present", Values{Mail: "b@x"}, Change{Mail: &MailChange{"", "c@x"}}, `mail is "b@x"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			after, err := test.change.Apply(test.values)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("Apply = %+v, %v; want an error that says %q", after, err, test.says)
			}
		})
	}
}

func TestBetween(t *testing.T) {
	t.Parallel()
	after, err := swap().Apply(holderOld())
	if err != nil {
		t.Fatal(err)
	}
	c := Between(holderOld(), after)
	if !Set(c.Delete).Equal(swap().Delete) || !Set(c.Add).Equal(swap().Add) || *c.Mail != *swap().Mail {
		t.Errorf("Between = %+v", c)
	}
	if same := Between(after, after); !same.Empty() || same.Mail != nil {
		t.Errorf("Between the same = %+v", same)
	}
	if spelling := Between(Values{Mail: "a@x"}, Values{Mail: "A@x"}); spelling.Empty() {
		t.Error("another spelling of mail is no change")
	}
}

func TestEmpty(t *testing.T) {
	t.Parallel()
	for _, c := range []Change{{}, {Delete: []Proxy{}, Add: []Proxy{}}, {Mail: &MailChange{"a@x", "a@x"}}} {
		if !c.Empty() {
			t.Errorf("%+v is not empty", c)
		}
	}
	for _, c := range []Change{{Delete: []Proxy{"a"}}, {Add: []Proxy{"a"}}, {Mail: &MailChange{"a@x", ""}}} {
		if c.Empty() {
			t.Errorf("%+v is empty", c)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	c := Change{
		Delete: []Proxy{"SMTP:Old@x.test", "X500:/o=a", "smtp:new@x.test"},
		Add:    []Proxy{"smtp:old@x.test", "SMTP:New@x.test", "SIP:s@x.test", "smtp:third@x.test"},
		Mail:   &MailChange{"elsewhere@x.test", "new@x.test"},
	}
	if got := c.Addresses(); !slices.Equal(got, []Address{"Old@x.test", "new@x.test", "third@x.test"}) {
		t.Errorf("Addresses = %q", got)
	}
	if got := (Change{}).Addresses(); len(got) != 0 {
		t.Errorf("Addresses of nothing = %q", got)
	}
}

func TestChangeAsJSON(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]Change{
		`{"delete":[],"add":[]}`: {},
		`{"delete":["SMTP:a@x"],"add":[],"mail":{"old":"a@x","new":""}}`: {Delete: []Proxy{"SMTP:a@x"}, Mail: &MailChange{"a@x", ""}},
	} {
		raw, err := json.Marshal(c)
		if err != nil || string(raw) != want {
			t.Fatalf("Marshal = %s, %v; want %s", raw, err, want)
		}
		var back Change
		if err := json.Unmarshal(raw, &back); err != nil {
			t.Fatal(err)
		}
		if again, err := json.Marshal(back); err != nil || string(again) != want {
			t.Errorf("through JSON and back: %s, %v", again, err)
		}
	}
}

// FuzzChange takes lines as values: a change that applies is taken back without a trace, and what lies between two
// states leads from the one to the other.
func FuzzChange(f *testing.F) {
	f.Add("SMTP:old@x\nX500:/o=a\nsmtp:new@x", "smtp:old@x\nSMTP:new@x", "SMTP:old@x\nsmtp:new@x", "old@x", "new@x")
	f.Add("smtp:A@x\nsmtp:a@x", "smtp:a@X", "smtp:a@x", "", "\xff")
	f.Add("", "", "", "a", "a")
	f.Fuzz(func(t *testing.T, stored, added, deleted, mail, newMail string) {
		before := Values{mail, distinct(stored)}
		c := Change{Delete: lines(deleted), Add: lines(added), Mail: &MailChange{mail, newMail}}
		checkInverse(t, before, c)
		target := Values{newMail, distinct(added)}
		reached, err := Between(before, target).Apply(before)
		if err != nil || !reached.Proxies.Equal(target.Proxies) || reached.Mail != target.Mail {
			t.Fatalf("Between(%+v, %+v) leads to %+v, %v", before, target, reached, err)
		}
	})
}

func checkInverse(t *testing.T, before Values, c Change) {
	t.Helper()
	after, err := c.Apply(before)
	if err != nil {
		return
	}
	back, err := c.Invert().Apply(after)
	if err != nil || !back.Proxies.Equal(before.Proxies) || back.Mail != before.Mail || len(back.Proxies) != len(before.Proxies) {
		t.Fatalf("%+v on %+v is taken back to %+v, %v", c, before, back, err)
	}
}

func lines(s string) []Proxy {
	var values []Proxy
	for line := range strings.SplitSeq(s, "\n") {
		values = append(values, Proxy(line))
	}
	return values
}

func distinct(s string) Set { return Set(nil).With(lines(s)...) }

// A removal does not stand where somebody has only spelled the value otherwise; a promotion stands, though it deletes and adds
// spellings of the same addresses.
func TestStandsKnowsOtherSpellings(t *testing.T) {
	t.Parallel()
	removal := Change{Delete: Set{"smtp:a@contoso.com"}}
	promotion := Change{Delete: Set{"SMTP:old@contoso.com", "smtp:new@contoso.com"}, Add: Set{"smtp:old@contoso.com", "SMTP:new@contoso.com"}}
	for _, c := range []struct {
		change Change
		there  Set
		stands bool
	}{
		{removal, Set{"SMTP:p@contoso.com"}, true},
		{removal, Set{"SMTP:p@contoso.com", "smtp:a@contoso.com"}, false},
		{removal, Set{"SMTP:p@contoso.com", "smtp:A@contoso.com"}, false},
		{removal, Set{"SMTP:a@contoso.com"}, false},
		{promotion, Set{"smtp:old@contoso.com", "SMTP:new@contoso.com"}, true},
		{promotion, Set{"smtp:old@contoso.com", "SMTP:new@contoso.com", "smtp:NEW@contoso.com"}, false},
		{promotion, Set{"SMTP:old@contoso.com", "smtp:new@contoso.com"}, false},
	} {
		if got := c.change.Stands(Values{Proxies: c.there}); got != c.stands {
			t.Errorf("%+v in %q: %v", c.change, c.there, got)
		}
	}
}

func TestNet(t *testing.T) {
	t.Parallel()
	add, del := func(p ...Proxy) Change { return Change{Add: p} }, func(p ...Proxy) Change { return Change{Delete: p} }
	mail := func(to string) Change { return Change{Mail: &MailChange{Old: "old@x.test", New: to}} }
	for name, c := range map[string]struct {
		row        []Change
		shown      Values
		replicated bool
	}{
		"nothing":                              {nil, Values{}, true},
		"an alias that is not there":           {[]Change{add("smtp:a@x.test")}, Values{}, false},
		"an alias behind a removal of another": {[]Change{add("smtp:a@x.test"), add("smtp:b@x.test"), del("smtp:b@x.test")}, Values{}, false},
		"added and removed":                    {[]Change{add("smtp:a@x.test"), del("smtp:a@x.test")}, Values{}, true},
		"added and removed, still there":       {[]Change{add("smtp:a@x.test"), del("smtp:a@x.test")}, Values{Proxies: Set{"smtp:a@x.test"}}, false},
		"removed and added again":              {[]Change{del("smtp:a@x.test"), add("smtp:a@x.test")}, Values{Proxies: Set{"smtp:a@x.test"}}, true},
		"promoted":                             {[]Change{add("smtp:a@x.test"), {Delete: Set{"smtp:a@x.test"}, Add: Set{"SMTP:a@x.test"}}}, Values{Proxies: Set{"SMTP:a@x.test"}}, true},
		"not promoted yet":                     {[]Change{add("smtp:a@x.test"), {Delete: Set{"smtp:a@x.test"}, Add: Set{"SMTP:a@x.test"}}}, Values{Proxies: Set{"smtp:a@x.test"}}, false},
		"the last mail":                        {[]Change{mail("a@x.test"), add("smtp:b@x.test"), mail("b@x.test")}, Values{Mail: "b@x.test", Proxies: Set{"smtp:b@x.test"}}, true},
		"the mail before":                      {[]Change{mail("a@x.test"), mail("b@x.test")}, Values{Mail: "a@x.test"}, false},
	} {
		if got := Net(c.row...).Stands(c.shown); got != c.replicated {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Whoever made all the changes shows what they left behind. (Where a set has case twins, one that was deleted stands as the other.)
func TestNetStandsBehindTheRow(t *testing.T) {
	t.Parallel()
	noTwins := anyValues().Filter(func(v Values) bool {
		keys := map[Key]bool{}
		for _, p := range v.Proxies {
			keys[p.Key()] = true
		}
		return len(keys) == len(v.Proxies)
	})
	rapid.Check(t, func(t *rapid.T) {
		v, row := noTwins.Draw(t, "before"), []Change(nil)
		for i := range rapid.IntRange(0, 5).Draw(t, "changes") {
			next := noTwins.Draw(t, "after "+strconv.Itoa(i))
			row, v = append(row, Between(v, next)), next
		}
		if !Net(row...).Stands(v) {
			t.Fatalf("%+v does not stand in %+v", Net(row...), v)
		}
	})
}
