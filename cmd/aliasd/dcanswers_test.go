package main

import (
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/directory/wire"
	"github.com/aliasd/aliasd/lab/faultproxy"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
)

// A domain controller that does not write says why by its result code. What may pass by itself is tried again, in ever longer
// pauses; what does not ends the request. Nothing is written meanwhile.
func TestTheDCDoesNotWrite(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer wire.Result
		state  queue.State
		code   cause.Code
		says   string
	}{
		"read-only": {wire.Result{Code: ldap.LDAPResultReferral, Text: "0000202B: RefErr: DSID-0310082F, data 0, 1 access points",
			Referrals: []string{"ldap://dc2.contoso.test/"}}, queue.Queued, cause.DCUnavailable, "read-only"},
		"busy":            {wire.Result{Code: ldap.LDAPResultBusy}, queue.Queued, cause.DirectoryUnavailable, "busy"},
		"unavailable":     {wire.Result{Code: ldap.LDAPResultUnavailable}, queue.Queued, cause.DirectoryUnavailable, "shutting down"},
		"its time is up":  {wire.Result{Code: ldap.LDAPResultTimeLimitExceeded}, queue.Queued, cause.DirectoryUnavailable, "time limit"},
		"its own limit":   {wire.Result{Code: ldap.LDAPResultAdminLimitExceeded}, queue.Failed, cause.DirectoryRefused, "1,200 values"},
		"unwilling":       {wire.Result{Code: ldap.LDAPResultUnwillingToPerform}, queue.Failed, cause.DirectoryRefused, "unwilling"},
		"a rule of it":    {wire.Result{Code: ldap.LDAPResultConstraintViolation}, queue.Failed, cause.DirectoryRefused, "rule"},
		"no rights on it": {wire.Result{Code: ldap.LDAPResultInsufficientAccessRights}, queue.Refused, cause.NoRights, "dsacls"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWired(t, lab.Embedded, tenant.Options{})
			w.dc.OnMessage(faultproxy.Times(-1, faultproxy.Is(faultproxy.Modify), faultproxy.Fault{Answer: &c.answer}))
			r := w.submit(t, address.AddAlias, "jdoe", "j.doe@contoso.test")
			// Between two tries it is writing again, with the cause of the try before.
			waiting := w.until(t, r.ID, "answered", func(r requestJSON) bool { return codeOf(r) == c.code && r.State == c.state || r.State.Final() })
			if waiting.State != c.state || codeOf(waiting) != c.code {
				t.Fatalf("it is %s: %+v", waiting.State, waiting.Cause)
			}
			contains(t, waiting.Cause.Message, c.says)
			if got := w.values(t, "Jane Doe", ""); got.Proxies.Has("smtp:j.doe@contoso.test") {
				t.Errorf("it was written: %q", got.Proxies)
			}
			if c.state.Final() {
				return
			}
			w.spaced(t, 3, 100*time.Millisecond, func() int64 { return int64(w.dc.Count(faultproxy.Modify)) })
			w.dc.OnMessage(nil)
			w.written(t, r.ID)
		})
	}
}

// A DC that takes no connections, and one that hangs before TLS: requests wait, few connections are made, and it goes on by itself.
func TestTheDCDoesNotAnswer(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]func(*faultproxy.Proxy, bool){"refuses": (*faultproxy.Proxy).Refuse, "hangs": (*faultproxy.Proxy).Silence} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWired(t, lab.Embedded, tenant.Options{}, quickDC(t))
			away(w.dc, true)
			w.dc.CutAll()
			first := w.submit(t, address.AddAlias, "jdoe", "j.doe@contoso.test")
			w.submit(t, address.AddAlias, "carla", "c.ruiz@contoso.test")
			w.untilState(t, first.ID, queue.Accepted, cause.DirectoryUnavailable)
			w.spaced(t, 3, 30*time.Millisecond, w.dc.Taken)
			away(w.dc, false)
			w.dc.CutAll()
			w.written(t, first.ID)
		})
	}
}
