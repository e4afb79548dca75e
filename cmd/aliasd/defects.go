package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck/audit"
	"github.com/aliasd/aliasd/lab/site"
)

// demoDefects are holders with what goes wrong in grown directories, for the audit to find. No play asks for them.
func demoDefects() []site.Object {
	return append(colleagues(),
		defective("Tom Two", "tom", "SMTP:tom@contoso.test", "SMTP:t.two@contoso.test"),
		defective("Max Mail", "max", "SMTP:m.mail@contoso.test", "smtp:max.mail@contoso.test"),
		defective("Dan Double", "dan", "SMTP:dan@contoso.test", "smtp:service@contoso.test"),
		defective("Dora Double", "dora", "SMTP:dora@contoso.test", "smtp:service@contoso.test"),
		defective("Uma Unverified", "uma", "SMTP:uma@contoso.test", "smtp:uma@fabrikam.test"),
		defective("Ivy Legacy", "ivy", "SMTP:ivy@contoso.test", "X400:c=us;a= ;p=Contoso;o=Exchange;s=Legacy;g=Ivy;"),
		defective("Rob Reserved", "rob", "SMTP:rob@contoso.test", "smtp:rob@contoso.microsoftonline.com"),
		site.Object{Kind: site.User, Name: "Otto Outside", Account: "otto", UPN: "otto@contoso.test", OU: site.Locked, Mail: "otto@contoso.test",
			Proxies: []string{"SMTP:otto@contoso.test"}},
	)
}

// defective is a user whose mail is account@contoso.test, whatever the proxy addresses say.
func defective(name, account string, proxies ...string) site.Object {
	own := account + "@contoso.test"
	return site.Object{Kind: site.User, Name: name, Account: account, UPN: own, Mail: own, OU: site.Sales, Proxies: proxies}
}

// colleagues are those with whom all is well.
func colleagues() []site.Object {
	var list []site.Object
	for i := range 40 {
		account := fmt.Sprintf("staff%02d", i+1)
		own := account + "@contoso.test"
		list = append(list, site.Object{Kind: site.User, Name: fmt.Sprintf("Staff %02d", i+1), Account: account, UPN: own, Mail: own,
			OU: []string{site.Sales, site.Support}[i%2], Proxies: []string{"SMTP:" + own, "smtp:" + account + ".mail@contoso.test"}})
	}
	return list
}

// defects are what the audit has to find.
func defects() []cause.Code {
	return []cause.Code{cause.TwoPrimaries, cause.MailDiffers, cause.DuplicateOnPremises, cause.Quarantined, cause.DomainNotVerified,
		cause.ValueDiscarded, cause.NotInCloud}
}

// audit compares what the plays left with the tenant, and shows what is found. The files stay when the demo is over.
func (s *stage) audit(ctx context.Context, dir string) (err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "aliasd-demo-audit-"); err != nil {
			return err
		}
	}
	made, err := auditing{settings: s.daemon.settings, directory: s.daemon.directory, graph: s.daemon.graph, checker: s.daemon.checker, dir: dir,
		progress: func(audit.Progress) {}, now: time.Now, log: s.daemon.log}.run(ctx)
	if err != nil {
		return err
	}
	s.screen.audit(made)
	if err := made.incomplete(); err != nil {
		return err
	}
	for _, code := range defects() {
		if !slices.ContainsFunc(made.Summary.Codes, func(c audit.CodeCount) bool { return c.Code == code }) {
			return errors.New("the audit did not find " + string(code))
		}
	}
	return nil
}

// audit shows what an audit found.
func (s *screen) audit(made audited) {
	if s.json {
		// A value of our own types always marshals; a broken pipe shows in the exit code of the reader.
		_ = json.NewEncoder(s.w).Encode(map[string]audited{"audit": made})
		return
	}
	printSummary(s.w, made)
}
