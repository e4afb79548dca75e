package directory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/lab/directory"
	"github.com/aliasd/aliasd/lab/directory/wire"
	"github.com/aliasd/aliasd/lab/site"
)

// jdoe is the user that most tests change.
var jdoe = site.Object{Kind: site.User, Name: "John Doe", Account: "jdoe", UPN: "jdoe@contoso.test", Mail: "jdoe@contoso.test",
	Proxies: []string{"SMTP:jdoe@contoso.test"}}

// start runs a directory for one test.
func start(t *testing.T, options directory.Options) *directory.Directory {
	t.Helper()
	d, err := directory.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Site().Stop(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func dial(t *testing.T, d *directory.Directory, login site.Login) *ldap.Conn {
	t.Helper()
	conn, err := d.Site().Dial(t.Context(), login)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// setMail is the modify that the tests of faults send.
func setMail(conn *ldap.Conn, mail string) error {
	request := ldap.NewModifyRequest(jdoe.RelativeDN()+","+site.BaseDN, nil)
	request.Replace("mail", []string{mail})
	return conn.Modify(request)
}

func mailOf(t *testing.T, d *directory.Directory) string {
	t.Helper()
	entry, err := d.Site().Read(t.Context(), d.Site().DNOf(jdoe), "mail")
	if err != nil {
		t.Fatal(err)
	}
	return entry.GetAttributeValue("mail")
}

// code is an operation's result code; a lost connection counts as a network error.
func code(err error) uint16 {
	var refused *ldap.Error
	switch {
	case err == nil:
		return ldap.LDAPResultSuccess
	case errors.As(err, &refused):
		return refused.ResultCode
	default:
		return ldap.ErrorNetwork
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault directory.Fault
		code  uint16
		mail  string
	}{
		"none":        {directory.Fault{}, ldap.LDAPResultSuccess, "new@contoso.test"},
		"busy":        {directory.Fault{Code: ldap.LDAPResultBusy, Text: "busy"}, ldap.LDAPResultBusy, jdoe.Mail},
		"drop before": {directory.Fault{Drop: directory.Before}, ldap.ErrorNetwork, jdoe.Mail},
		"drop after":  {directory.Fault{Drop: directory.After}, ldap.ErrorNetwork, "new@contoso.test"},
		"slow":        {directory.Fault{Delay: time.Millisecond}, ldap.LDAPResultSuccess, "new@contoso.test"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := start(t, directory.Options{Objects: []site.Object{jdoe}})
			d.OnModify(func(context.Context, string, []wire.Change) directory.Fault { return test.fault })
			if err := setMail(dial(t, d, d.Site().Service), "new@contoso.test"); code(err) != test.code {
				t.Errorf("modify: %v, wanted code %d", err, test.code)
			}
			if got := mailOf(t, d); got != test.mail {
				t.Errorf("mail is %q, wanted %q", got, test.mail)
			}
		})
	}
}

// TestEditSlipsIn changes the object after a modify is done and before its answer is sent.
func TestEditSlipsIn(t *testing.T) {
	t.Parallel()
	d := start(t, directory.Options{Objects: []site.Object{jdoe}})
	slips := func() {
		d.OnModify(pass)
		if err := d.Site().Modify(t.Context(), d.Site().DNOf(jdoe), site.Changes{Replace: map[string][]string{"mail": {"theirs@contoso.test"}}}); err != nil {
			t.Error(err)
		}
	}
	d.OnModify(func(context.Context, string, []wire.Change) directory.Fault { return directory.Fault{Then: slips} })
	if err := setMail(dial(t, d, d.Site().Service), "ours@contoso.test"); err != nil {
		t.Fatal(err)
	}
	if got := mailOf(t, d); got != "theirs@contoso.test" {
		t.Fatalf("mail is %q", got)
	}
}

func pass(context.Context, string, []wire.Change) directory.Fault { return directory.Fault{} }

// TestHookSeesEverything looks at what a hook is told, and that removing it works.
func TestHookSeesEverything(t *testing.T) {
	t.Parallel()
	d := start(t, directory.Options{Objects: []site.Object{jdoe}})
	var seen []string
	d.OnOperation(func(_ context.Context, operation directory.Operation) directory.Fault {
		seen = append(seen, fmt.Sprintf("%s %T", operation.Account, operation.Request))
		return directory.Fault{}
	})
	conn := dial(t, d, d.Site().Service)
	if err := setMail(conn, "new@contoso.test"); err != nil {
		t.Fatal(err)
	}
	d.OnOperation(nil)
	if err := setMail(conn, "newer@contoso.test"); err != nil {
		t.Fatal(err)
	}
	if want := []string{" *wire.Bind", "svc-aliasd *wire.Modify"}; !slices.Equal(seen, want) {
		t.Fatalf("saw %q, wanted %q", seen, want)
	}
}

// TestBlockedOperationLearnsOfTheClientLeaving: a hook that waits is told when nobody waits for the answer any more.
func TestBlockedOperationLearnsOfTheClientLeaving(t *testing.T) {
	t.Parallel()
	d := start(t, directory.Options{Objects: []site.Object{jdoe}})
	entered, left := make(chan struct{}), make(chan struct{})
	d.OnModify(func(ctx context.Context, _ string, _ []wire.Change) directory.Fault {
		close(entered)
		<-ctx.Done()
		close(left)
		return directory.Fault{Drop: directory.Before}
	})
	conn := dial(t, d, d.Site().Service)
	failed := make(chan error, 1)
	go func() { failed <- setMail(conn, "new@contoso.test") }()
	<-entered
	_ = conn.Close()
	<-left
	if err := <-failed; err == nil {
		t.Fatal("the modify succeeded")
	}
}

func TestSuspendAndResume(t *testing.T) {
	t.Parallel()
	d := start(t, directory.Options{Objects: []site.Object{jdoe}})
	conn := dial(t, d, d.Site().Service)
	if err := d.Suspend(); err != nil {
		t.Fatal(err)
	}
	if err := setMail(conn, "new@contoso.test"); code(err) != ldap.ErrorNetwork {
		t.Errorf("a modify while it is away: %v", err)
	}
	if again, err := d.Site().Dial(t.Context(), d.Site().Service); err == nil {
		_ = again.Close()
		t.Error("it still answers")
	}
	if err := d.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := setMail(dial(t, d, d.Site().Service), "new@contoso.test"); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := d.Site().Stop(); err != nil {
			t.Error(err)
		}
	}
}
