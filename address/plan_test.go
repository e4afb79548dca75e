package address

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/cause"
)

const (
	ada   Address = "ada@contoso.test"
	alias Address = "a.lovelace@contoso.test"
	upn   Address = "ada.upn@contoso.test"
	moera Address = "ada@contoso.onmicrosoft.com"

	noMail = "<not set>"
)

// situation is a user who has these values on-premises and is not in the cloud yet.
func situation(mail Address, proxies ...Proxy) Situation {
	return Situation{
		Holder: Holder{Kind: User, Name: "Ada Lovelace", UPN: string(upn), GUID: GUID{1},
			Values: Values{string(mail), proxies}},
		InitialDomain: "Contoso.OnMicrosoft.com",
		MailSurvives:  true,
	}
}

// inCloud puts the holder into the cloud with these values; its UPN there is the one on-premises.
func (s Situation) inCloud(proxies ...Proxy) Situation {
	s.Cloud = CloudView{InCloud: true, UPN: s.Holder.UPN, Values: Values{Proxies: proxies}}
	s.Cloud.Mail = string(s.shownPrimary())
	return s
}

func (s Situation) with(change func(*Situation)) Situation {
	change(&s)
	return s
}

func kind(k Kind) func(*Situation) { return func(s *Situation) { s.Holder.Kind = k } }

func syncDue(s *Situation)       { s.SyncDue = true }
func syncUnknown(s *Situation)   { s.SyncUnknown = true }
func mailDiscarded(s *Situation) { s.MailSurvives = false }

func asked(action Action, a Address, allow ...Allowance) Ask {
	return Ask{Action: action, Address: a, Allow: allow}
}

// planCase is one situation and one ask, with the plan or the error that has to come out.
type planCase struct {
	name string
	s    Situation
	ask  Ask

	del, add []Proxy
	mail     string // what mail becomes; "" where it is left as it is, noMail where it goes
	wants    []Want
	notes    []string // words, one of them in each note

	kind cause.Kind // of the error; Refusal where only the code is given
	code cause.Code
	says []string
}

func runPlans(t *testing.T, tests []planCase) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			before := slices.Clone(test.s.Holder.Proxies)
			plan, err := MakePlan(test.s, test.ask)
			if !slices.Equal(before, test.s.Holder.Proxies) {
				t.Fatalf("planning changed the holder: %q", test.s.Holder.Proxies)
			}
			if test.code != "" {
				test.checkError(t, plan, err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			test.checkPlan(t, plan)
		})
	}
}

func (test planCase) checkError(t *testing.T, plan Plan, err error) {
	t.Helper()
	kind := test.kind
	if kind == "" {
		kind = cause.Refusal
	}
	broken(t, err, kind, test.code, test.says...)
	if !reflect.DeepEqual(plan, Plan{}) {
		t.Errorf("a plan %+v comes beside the error", plan)
	}
}

func (test planCase) checkPlan(t *testing.T, plan Plan) {
	t.Helper()
	want := Change{Delete: test.del, Add: test.add}
	if test.mail != "" {
		want.Mail = &MailChange{test.s.Holder.Mail, strings.TrimPrefix(test.mail, noMail)}
	}
	got := plan.Change
	if !Set(got.Delete).Equal(want.Delete) || !Set(got.Add).Equal(want.Add) || !reflect.DeepEqual(got.Mail, want.Mail) {
		t.Errorf("change %s, want %s", show(got), show(want))
	}
	if !slices.Equal(plan.Wants, test.wants) {
		t.Errorf("wants %+v, want %+v", plan.Wants, test.wants)
	}
	after, err := got.Apply(test.s.Holder.Values)
	if err != nil || !after.Proxies.Equal(plan.After.Proxies) || after.Mail != plan.After.Mail {
		t.Errorf("After is %+v, and the change gives %+v, %v", plan.After, after, err)
	}
	test.checkNotes(t, plan.Notes)
}

func (test planCase) checkNotes(t *testing.T, notes []string) {
	t.Helper()
	if len(notes) != len(test.notes) {
		t.Fatalf("notes %q, want ones on %q", notes, test.notes)
	}
	for i, words := range test.notes {
		if !strings.Contains(notes[i], words) {
			t.Errorf("note %q does not say %q", notes[i], words)
		}
	}
}

func show(c Change) string {
	raw, err := c.MarshalJSON()
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

func want(pairs ...any) []Want {
	var wants []Want
	for i := 0; i < len(pairs); i += 2 {
		wants = append(wants, Want{pairs[i].(Address), pairs[i+1].(Role)})
	}
	return wants
}

func TestUnknownActionIsRefused(t *testing.T) {
	t.Parallel()
	_, err := MakePlan(situation(ada), asked("rename", alias))
	refused(t, err, cause.InvalidAddress, `"rename"`, "set_primary")
}

func TestHolderIsNamedInMessages(t *testing.T) {
	t.Parallel()
	for want, h := range map[string]Holder{
		"Ada Lovelace": {Name: "Ada Lovelace", UPN: "a@x", DN: "CN=Ada"},
		"a@x":          {UPN: "a@x", DN: "CN=Ada"},
		"CN=Ada":       {DN: "CN=Ada"},
		"group 00000001-0000-0000-0000-000000000000": {Kind: Group, GUID: GUID{1}},
	} {
		if got := (Situation{Holder: h}).name(); got != want {
			t.Errorf("name = %q, want %q", got, want)
		}
	}
}

func TestProblemsOfTheHolderAreNoted(t *testing.T) {
	t.Parallel()
	runPlans(t, []planCase{{
		name: "all of them, and none is mended",
		s: situation("other@contoso.test", Primary(ada), "SMTP:second@contoso.test", "smtp:twin@contoso.test", "smtp:TWIN@contoso.test",
			"no prefix", "X500:/o=Org (a)/cn=ada"),
		ask:   asked(AddAlias, alias),
		add:   []Proxy{Secondary(alias)},
		wants: want(alias, RoleSecondary),
		notes: []string{"2 primaries", "several values", `mail is "other@contoso.test"`, `"no prefix"`},
	}})
}

// A value that no JSON keeps stops every action, though none would touch it: no receipt could tell what stood there.
func TestUnreadableValuesBeside(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]Situation{
		"an alias":     situation(ada, Primary(ada), Secondary(alias), "smtp:\xff@contoso.test"),
		"another type": situation(ada, Primary(ada), Secondary(alias), "X500:\xff"),
		"mail":         situation("\xff@contoso.test", Primary(ada), Secondary(alias)),
	} {
		runPlans(t, []planCase{
			{name: name + ": add", s: s, ask: asked(AddAlias, "new@contoso.test"), code: cause.InvalidAddress, says: []string{`\xff`, "correct it"}},
			{name: name + ": it stands", s: s, ask: asked(AddAlias, alias), code: cause.InvalidAddress, says: []string{`\xff`}},
			{name: name + ": remove", s: s, ask: asked(RemoveAlias, alias), code: cause.InvalidAddress, says: []string{`\xff`}},
			{name: name + ": undo", s: s, ask: Ask{Action: Undo, Undo: &Change{Add: []Proxy{Secondary(alias)}}}, code: cause.InvalidAddress, says: []string{`\xff`}},
		})
	}
}
