package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck/audit"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/lab/tenant"
)

// verify.sync_interval is the cycle of the audit too: what a sync brought within one and the cloud has not worked in is pending,
// and wrong later.
func TestSyncIntervalOfTheSettings(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.Embedded, tenant.Options{ManualCalculation: true})
	s.cycle(t)
	s.Tenant.Calculate()
	s.addValues(t, "Jane Doe", site.User, "smtp:late@contoso.test")
	s.cycle(t)
	if made, _ := s.auditedBy(t, exitDone, "--quiet"); made.Summary.Pending != 1 {
		t.Errorf("with %s %d are pending", testInterval, made.Summary.Pending)
	}
	s.syncEvery(t, time.Second)
	untilEvery(t, 100*time.Millisecond, "nobody is pending any more, and one is wrong", func() bool {
		s.cycle(t)
		made, answered := audited{}, s.cli(t, "audit", "--json", "--quiet")
		onlyObject(t, answered.out, &made)
		return answered.code == exitMismatched && made.Summary.Pending == 0 && made.Summary.Wrong == 1
	})
}

// The demo tells its cycle in its settings file, so that an audit of another process finds there what its own does.
func TestTheDemoAgreesWithAnAuditBesideIt(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	options := demoLab(lab.Embedded)
	options.Tenant.ManualCalculation = true
	box, err := lab.Start(ctx, options)
	fatal(t, err)
	var out bytes.Buffer
	a := newApp(nil, &out, &out, os.LookupEnv)
	a.json = true
	s, err := a.openStage(ctx, t.TempDir(), box)
	fatal(t, err)
	defer func() { fatal(t, s.close()); fatal(t, box.Close()) }()
	fatal(t, box.Engine.Cycle(ctx))
	box.Tenant.Calculate()
	jane := box.Site.DNOf(site.Object{Kind: site.User, Name: "Jane Doe"})
	fatal(t, box.Site.Modify(ctx, jane, site.Changes{Add: map[string][]string{"proxyAddresses": {"smtp:late@contoso.test"}}}))
	dir := filepath.Join(t.TempDir(), "audits")
	var own struct{ Audit audited }
	for {
		out.Reset()
		err := s.audit(ctx, dir)
		if err == nil {
			fatal(t, json.Unmarshal(out.Bytes(), &own))
		}
		late := slices.ContainsFunc(own.Audit.Summary.Codes, func(c audit.CodeCount) bool { return c.Code == cause.CalculatedOtherwise })
		if err == nil && late && own.Audit.Summary.Pending == 0 {
			break
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("the demo's audit does not settle: %v, %+v", err, own.Audit.Summary)
		}
	}
	beside := call(t, map[string]string{"ALIASD_CONFIG": s.file}, "audit", "--json", "--quiet", "--dir", dir)
	beside.want(t, exitMismatched)
	var made audited
	onlyObject(t, beside.out, &made)
	if !reflect.DeepEqual(made.Summary.Codes, own.Audit.Summary.Codes) || made.Summary.Holders != own.Audit.Summary.Holders {
		t.Errorf("the demo found %+v, the other %+v", own.Audit.Summary.Codes, made.Summary.Codes)
	}
}
