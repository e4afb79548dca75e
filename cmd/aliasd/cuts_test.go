package main

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/faultproxy"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
)

// cut is one way in which the connection goes wrong around a modify.
type cut struct {
	at    faultproxy.Kind
	fault faultproxy.Fault
	// landed says that the directory has the modify although no answer came.
	landed bool
	// unseen says that the daemon gets its answer: nothing went wrong for it.
	unseen bool
}

func cuts() map[string]cut {
	const request, answer = faultproxy.Modify, faultproxy.ModifyAnswer
	act := func(a faultproxy.Action) faultproxy.Fault { return faultproxy.Fault{Action: a} }
	return map[string]cut{
		"cut before":                {at: request, fault: act(faultproxy.Cut)},
		"reset before":              {at: request, fault: act(faultproxy.Reset)},
		"half of it arrives":        {at: request, fault: act(faultproxy.Truncate)},
		"the DC goes silent before": {at: request, fault: act(faultproxy.Hold)},
		"cut behind":                {at: request, fault: act(faultproxy.PassAndCut), landed: true},
		"reset behind":              {at: request, fault: act(faultproxy.PassAndReset), landed: true},
		"the DC goes silent behind": {at: request, fault: act(faultproxy.PassAndHold), landed: true},
		"the answer is cut":         {at: answer, fault: act(faultproxy.Cut), landed: true},
		"the answer is reset":       {at: answer, fault: act(faultproxy.Reset), landed: true},
		"half of the answer":        {at: answer, fault: act(faultproxy.Truncate), landed: true},
		"half of it, then silence":  {at: answer, fault: act(faultproxy.TruncateAndHold), landed: true},
		"the answer is too late":    {at: answer, fault: faultproxy.Fault{Delay: quickTimeout + quickTimeout/2}, landed: true},
		"the answer is just in time": {at: answer, fault: faultproxy.Fault{Delay: quickTimeout / 6}, landed: true,
			unseen: true},
	}
}

// However the connection breaks around a modify, it is found out whether it landed, and there is one effect: exactly what was
// asked for, with a receipt that says so.
func TestConnectionBreaksAroundTheModify(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, kind lab.Kind) {
		w := newWired(t, kind, tenant.Options{}, quickDC(t))
		for name, c := range cuts() {
			t.Run(name, func(t *testing.T) { c.run(t, w, kind) })
		}
	})
}

// run adds a user of its own, so that one broken connection leaves nothing to the next.
func (c cut) run(t *testing.T, w *wired, kind lab.Kind) {
	account := "cut" + time.Now().Format("150405.000000")[7:]
	primary, wanted := account+"@contoso.test", account+".new@contoso.test"
	w.add(t, site.Object{Kind: site.User, Name: account, Account: account, UPN: primary, Mail: primary, Proxies: []string{"SMTP:" + primary}})
	before := w.dc.Count(faultproxy.Modify)
	w.dc.OnMessage(faultproxy.Times(1, faultproxy.Is(c.at), c.fault))
	done := w.written(t, w.submit(t, address.SetPrimary, account, wanted).ID)
	w.dc.OnMessage(nil)
	wantProxies(t, w.values(t, account, ""), wanted, address.Proxy("SMTP:"+wanted), address.Proxy("smtp:"+primary))
	if done.Receipt == nil || done.Receipt.Before.Mail != primary || done.Receipt.After.Mail != wanted || done.Receipt.DC != w.dc.URL() {
		t.Errorf("the receipt is %+v", done.Receipt)
	}
	sent, want := w.dc.Count(faultproxy.Modify)-before, 2
	if c.landed {
		want = 1
	}
	if sent != want {
		t.Errorf("%d modifies were sent, want %d", sent, want)
	}
	if codes := causesOf(done); slices.Contains(codes, cause.DCUnavailable) == c.unseen {
		t.Errorf("it waited with %q", codes)
	}
	w.verify(t, done.ID)
}

// A connection that died in the pool without a word costs a time limit, not a request, and not one for each that lies there.
func TestIdleConnectionsDieSilently(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, kind lab.Kind) {
		w := newWired(t, kind, tenant.Options{}, quickDC(t))
		for _, addr := range []address.Address{"a1@contoso.test", "a2@contoso.test", "a3@contoso.test", "a4@contoso.test"} {
			w.submit(t, address.AddAlias, "jdoe", string(addr))
		}
		last := w.submit(t, address.AddAlias, "carla", "a5@contoso.test")
		w.written(t, last.ID)
		w.dc.HoldAll()
		r := w.written(t, w.submit(t, address.AddAlias, "carla", "a6@contoso.test").ID)
		if n := steps(r, "retry"); n > 1 {
			t.Errorf("%d tries in vain", n)
		}
		if got := w.values(t, "Carla Ruiz", ""); !got.Proxies.Has("smtp:a6@contoso.test") {
			t.Errorf("the directory has %q; the request is %+v", got.Proxies, r)
		}
	})
}

// Somebody makes a second primary while the answer to ours is lost. It is found when the holder is read again, ours is taken back,
// and no request says that it was done.
func TestASecondPrimaryDuringTheDoubt(t *testing.T) {
	t.Parallel()
	w := newWired(t, lab.Embedded, tenant.Options{})
	w.dc.OnMessage(faultproxy.Times(1, faultproxy.Is(faultproxy.ModifyAnswer), faultproxy.Fault{Before: func() {
		theirs := site.Changes{Add: map[string][]string{"proxyAddresses": {"SMTP:theirs@contoso.test"}}}
		if err := w.Site.Modify(context.Background(), w.Site.DNOf(site.Object{Kind: site.User, Name: "Old Timer"}), theirs); err != nil {
			t.Error(err)
		}
	}, Action: faultproxy.Cut}))
	r := w.submit(t, address.SetPrimary, "old", "ours@contoso.test")
	ended := w.until(t, r.ID, "settled", func(r requestJSON) bool {
		return r.State.Final() || r.State == queue.Written || r.State == queue.Queued && codeOf(r) != ""
	})
	got := w.values(t, "Old Timer", "")
	if ended.State == queue.Written || ended.State == queue.Verified {
		if len(got.Proxies.Primaries()) != 1 || !got.Proxies.Has("SMTP:ours@contoso.test") {
			t.Errorf("it is %s, and the directory has %q", ended.State, got.Proxies)
		}
		return
	}
	wantProxies(t, got, "old@contoso.test", "smtp:old@contoso.test", "SMTP:theirs@contoso.test")
	t.Logf("it is %s: %+v", ended.State, ended.Cause)
}
