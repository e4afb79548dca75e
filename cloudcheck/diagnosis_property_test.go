package cloudcheck

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
)

// The generators draw from few names and domains, so that collisions and rules meet often.

func drawBare(t *rapid.T, label string) string {
	local := rapid.SampledFrom([]string{"u", "U", "nick", "a", "b", "a b", "é"}).Draw(t, label)
	domain := rapid.SampledFrom([]string{"contoso.com", "Contoso.COM", "fabrikam.com", "contoso.onmicrosoft.com", "contoso.mail.onmicrosoft.com", ""}).Draw(t, label)
	if domain == "" {
		return local
	}
	return local + "@" + domain
}

func drawValues(t *rapid.T, label string) address.Values {
	var v address.Values
	if rapid.Bool().Draw(t, label+" mail") {
		v.Mail = drawBare(t, label)
	}
	for range rapid.IntRange(0, 5).Draw(t, label) {
		kind := rapid.SampledFrom([]string{"SMTP:", "smtp:", "smtp:", "Smtp:", "SIP:", "X500:", "X400:", ""}).Draw(t, label)
		v.Proxies = v.Proxies.With(address.Proxy(kind + drawBare(t, label)))
	}
	return v
}

func drawSides(t *rapid.T) (address.Holder, *Object) {
	h := address.Holder{Name: "U", Kind: rapid.SampledFrom([]address.Kind{address.User, address.User, address.Group, address.Contact}).Draw(t, "kind"),
		UPN: drawBare(t, "upn"), Nickname: rapid.SampledFrom([]string{"", "nick", "u"}).Draw(t, "nickname"),
		RemoteRecipient: rapid.Bool().Draw(t, "remote"), Values: drawValues(t, "holder")}
	o := &Object{ID: "1", Kind: h.Kind, SyncEnabled: ptr(true), ImmutableID: "x", UPN: drawBare(t, "cloud upn"), Nickname: "old",
		ExchangeLicensed: rapid.Bool().Draw(t, "licensed"), Values: drawValues(t, "cloud")}
	return h, o
}

// settle makes an object what the calculation makes of a holder. It takes some rounds to forget a drawn UPN that could
// never have been in the cloud.
func (o *Object) settle(h address.Holder, t Tenant) {
	for range 4 {
		r := calculate(h, t, o)
		o.Mail, o.Proxies, o.UPN, o.Nickname, o.OnPremUPN = r.Mail, r.Proxies, r.UPN, r.Nickname, h.UPN
	}
}

// TestWhatWasCalculatedIsNotWrong: once the cloud shows what it calculated, only what stands on-premises can be wrong.
func TestWhatWasCalculatedIsNotWrong(t *testing.T) {
	t.Parallel()
	tenant := newWorld().fake.tenant
	c := settledWorld().checker()
	rapid.Check(t, func(t *rapid.T) {
		h, o := drawSides(t)
		o.settle(h, tenant)
		if !proxycalc.Syncs(holderOf(h, nil)) {
			o = nil
		}
		for _, f := range c.Diagnose(h, tenant, o).Findings {
			switch {
			case f.Severity == Notice:
			case f.Code == cause.TwoPrimaries, f.Code == cause.NoPrimary, f.Code == cause.MailDiffers, f.Code == cause.ValueDiscarded, f.Code == cause.DomainNotVerified:
			default:
				t.Errorf("%s: %s\non-premises %+v\ncloud %+v", brief(f), f.Message, h.Values, o)
			}
		}
	})
}

// TestEachValueOfTheCloudCounts: take one value away that the directory gives, or put one there, and it is found.
func TestEachValueOfTheCloudCounts(t *testing.T) {
	t.Parallel()
	tenant := newWorld().fake.tenant
	c := settledWorld().checker()
	rapid.Check(t, func(t *rapid.T) {
		h, o := drawSides(t)
		o.settle(h, tenant)
		if !proxycalc.Syncs(holderOf(h, nil)) {
			return
		}
		h.Mail, h.Proxies = "u@contoso.com", address.Set{"SMTP:u@contoso.com", "smtp:one@contoso.com"}
		o.settle(h, tenant)
		o.Proxies = o.Proxies.With("smtp:surplus@contoso.com").Without("smtp:one@contoso.com")
		found := map[string]bool{}
		for _, f := range c.Diagnose(h, tenant, o).Findings {
			found[f.Value] = f.Severity == Wrong && f.Message != ""
		}
		if !found["smtp:surplus@contoso.com"] || !found["smtp:one@contoso.com"] {
			t.Errorf("found %v in %+v", found, o)
		}
	})
}
