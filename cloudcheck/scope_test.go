package cloudcheck

import (
	"strings"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// TestLeftOut has the cases of "Microsoft Entra Connect Sync: Understanding the default configuration", and the nearest
// ones that are synchronised.
func TestLeftOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change   func(*address.Holder)
		says     string
		unmanned bool
	}{
		"somebody":                       {func(*address.Holder) {}, "", false},
		"a critical system object":       {func(h *address.Holder) { h.Critical = true }, "critical system object", false},
		"a monitoring mailbox":           {func(h *address.Holder) { h.RecipientTypeDetails = 549755813888 }, "Exchange's own", true},
		"an arbitration mailbox":         {func(h *address.Holder) { h.RecipientTypeDetails = 8388608 }, "Exchange's own", true},
		"a discovery mailbox":            {func(h *address.Holder) { h.RecipientTypeDetails = 536870912 }, "Exchange's own", true},
		"a system mailbox by its name":   {func(h *address.Holder) { h.Nickname = "systemmailbox{1f05a927}" }, "Exchange's own", true},
		"a test user of client access":   {func(h *address.Holder) { h.Nickname = "CAS_{a1b2}" }, "Exchange's own", true},
		"the same by its account":        {func(h *address.Holder) { h.Account = "CAS_{a1b2}" }, "Exchange's own", true},
		"the support account":            {func(h *address.Holder) { h.Account = "SUPPORT_388945a0" }, "account of the sync", true},
		"the account of the sync":        {func(h *address.Holder) { h.Account = "MSOL_a1b2" }, "account of the sync", true},
		"that of its earlier versions":   {func(h *address.Holder) { h.Account = "AAD_a1b2" }, "account of the sync", true},
		"a replication conflict":         {func(h *address.Holder) { h.DN = `CN=Ann\0ACNF:5e3c-11,OU=Staff,DC=x` }, "replication conflict", true},
		"below such a one":               {func(h *address.Holder) { h.DN = `CN=Ann,OU=Staff\0ACNF:5e3c-11,DC=x` }, "", false},
		"a remote shared mailbox":        {func(h *address.Holder) { h.RecipientTypeDetails = 34359738368 }, "", false},
		"a remote user mailbox":          {func(h *address.Holder) { h.RecipientTypeDetails = 2147483648 }, "", false},
		"an account that sounds like it": {func(h *address.Holder) { h.Account, h.Nickname = "CAS_ino", "MSOL_fan" }, "", false},
		"a group by its name":            {func(h *address.Holder) { h.Kind, h.Account = address.Group, "AAD_Readers" }, "", false},
		"a contact without mail":         {func(h *address.Holder) { h.Kind, h.Mail = address.Contact, "" }, "a contact is synchronised only", false},
	} {
		h := *newWorld().holder()
		c.change(&h)
		if why := LeftOut(h); Unmanned(h) != c.unmanned || (why == "") != (c.says == "") || !strings.Contains(why, c.says) {
			t.Errorf("%s: %q, %v", name, why, Unmanned(h))
		}
	}
}

// TestLeftOutIsOneNotice: its other values do nobody harm, as long as it is not in the tenant.
func TestLeftOutIsOneNotice(t *testing.T) {
	t.Parallel()
	w := settledWorld()
	w.holder().RecipientTypeDetails = monitoringMailbox
	w.onPremises("health@contoso.local", "SMTP:health@contoso.local", "SMTP:second@contoso.com")
	there := w.diagnose()
	w.object = nil
	d := w.diagnose()
	if len(d.Findings) != 1 || brief(d.Findings[0]) != "notice "+string(cause.NotInCloud) || !strings.Contains(d.Findings[0].Message, "Exchange's own") {
		t.Errorf("%q", briefs(d.Findings))
	}
	if there.InOrder() {
		t.Error("what is in the tenant is compared")
	}
}
