package main

import (
	"context"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// What a plan cannot prevent is refused by what is predicted of it: through the API, with both values, and nothing is
// written. A preview says the same.
func TestThePredictionGuardsTheWrite(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, kind lab.Kind) {
		s := newStack(t, kind, tenant.Options{})
		s.addLeaver(t)
		s.addForeigner(t)
		tests := []struct {
			holder string
			action address.Action
			addr   string
			code   cause.Code
			says   []string
		}{
			{"Lee Leaver", address.RemoveAlias, "lee.leaver@contoso.test", cause.WouldLoseAddress,
				[]string{"lose lee@contoso.test", "smtp:lee.leaver@contoso.test, smtp:lee@contoso.test", "SMTP:lee@contoso.onmicrosoft.com after"}},
			{"Fay Foreign", address.SetPrimary, "fay@fabrikam.test", cause.DomainNotVerified, []string{"fabrikam.test"}},
		}
		for _, test := range tests {
			before := s.values(t, test.holder, "")
			ask := server.SubmissionJSON{Holder: test.holder, Action: test.action, Address: test.addr}
			preview, err := s.remote.Validate(context.Background(), ask)
			fatal(t, err)
			if preview.OK || len(preview.Refusals) != 1 || preview.Plan != nil {
				t.Fatalf("the preview is %+v, want one refusal", preview)
			}
			r := s.submit(t, test.action, test.holder, test.addr)
			refused := s.untilState(t, r.ID, queue.Refused, test.code)
			if refused.Receipt != nil || refused.Cause.Message != preview.Refusals[0].Message {
				t.Errorf("receipt %+v; refused as %q, the preview says %q", refused.Receipt, refused.Cause.Message, preview.Refusals[0].Message)
			}
			for _, part := range test.says {
				contains(t, refused.Cause.Message, part)
			}
			wantProxies(t, s.values(t, test.holder, ""), before.Mail, before.Proxies...)
		}
	})
}

// addLeaver adds a user who has lost her licence. An alias that she got after that brought the UPN back as an address
// (KB 3190357, scenario 4), beside a value that the cloud discards.
func (s *stack) addLeaver(t *testing.T) {
	t.Helper()
	lee := site.Object{Kind: site.User, Name: "Lee Leaver", Account: "lee", UPN: "lee@contoso.test"}
	s.add(t, lee)
	s.Tenant.SetLicence(s.anchor(t, lee.Name), false)
	s.replace(t, lee.Name, "proxyAddresses", "smtp:lee.leaver@contoso.test", "smtp:lee@northwind.onmicrosoft.com")
	s.cycle(t)
	got, err := s.Tenant.Values("lee@contoso.test")
	if err != nil || !strings.HasSuffix(got.Mail, ".onmicrosoft.com") {
		t.Fatalf("the tenant has %+v, %v", got, err)
	}
}

// addForeigner adds a user with an alias in a domain that is not the tenant's.
func (s *stack) addForeigner(t *testing.T) {
	t.Helper()
	s.add(t, site.Object{Kind: site.User, Name: "Fay Foreign", Account: "fay", UPN: "fay@contoso.test",
		Mail: "fay@contoso.test", Proxies: []string{"SMTP:fay@contoso.test", "smtp:fay@fabrikam.test"}})
}

// An administrator who is refused because of a domain verifies it and asks again at once: what the tenant showed some seconds
// before refuses nothing.
func TestADomainThatWasJustVerified(t *testing.T) {
	t.Parallel()
	s := newStack(t, lab.Embedded, tenant.Options{})
	s.Tenant.UnverifyDomain("contoso.com")
	refused := s.submit(t, address.AddAlias, "jdoe", "jane@contoso.com")
	s.until(t, refused.ID, "refused", func(r requestJSON) bool { return r.State == queue.Refused && codeOf(r) == cause.DomainNotVerified })
	s.Tenant.VerifyDomain("contoso.com")
	again := s.submit(t, address.AddAlias, "jdoe", "jane@contoso.com")
	s.written(t, again.ID)
	s.verify(t, again.ID)
}
