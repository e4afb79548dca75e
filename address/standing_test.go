package address

import "testing"

// What is said where nothing has to be written is true of the values that are there.
func TestStanding(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, want string
		s          Situation
		ask        Ask
	}{
		{"an alias that is there", "Ada Lovelace already has smtp:lovelace@contoso.test on-premises",
			situation(ada, Primary(ada), Secondary("lovelace@contoso.test")), asked(AddAlias, "Lovelace@contoso.test")},
		{"the implicit primary", string(ada) + " is the primary of Ada Lovelace already, though proxyAddresses does not name it",
			situation(ada).inCloud(Primary(ada)), asked(AddAlias, ada)},
		{"an alias that it never had", "Ada Lovelace has no alias nothere@contoso.test on-premises",
			situation(ada, Primary(ada)), asked(RemoveAlias, "nothere@contoso.test")},
		{"an alias that mail alone says", "Ada Lovelace has no alias old@contoso.test on-premises",
			situation("old@contoso.test", Primary(ada)), asked(RemoveAlias, "old@contoso.test")},
		{"the primary", string(ada) + " is the primary of Ada Lovelace on-premises already",
			situation(ada, Primary(ada)), asked(SetPrimary, ada)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			plan, err := MakePlan(test.s, test.ask)
			if err != nil || !plan.Change.Empty() {
				t.Fatalf("the plan is %+v, %v; want nothing to write", plan.Change, err)
			}
			if got := test.s.Standing(test.ask); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}
