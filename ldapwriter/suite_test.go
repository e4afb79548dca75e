package ldapwriter_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab/directory"
	"github.com/aliasd/aliasd/lab/samba"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/ldapwriter"
)

// starter runs a directory that holds some objects and ends with the test.
type starter func(t *testing.T, objects ...site.Object) *site.Site

// directories are those that the suite runs on.
func directories() map[string]starter {
	return map[string]starter{"samba": startSamba, "embedded": startEmbedded}
}

func startEmbedded(t *testing.T, objects ...site.Object) *site.Site {
	t.Helper()
	return embedded(t, directory.Options{Objects: objects}).Site()
}

func embedded(t *testing.T, o directory.Options) *directory.Directory {
	t.Helper()
	d, err := directory.Start(o)
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

func startSamba(t *testing.T, objects ...site.Object) *site.Site {
	t.Helper()
	if err := samba.Missing(); err != nil {
		t.Skip(err)
	}
	dc, err := samba.Start(t.Context(), samba.Options{Objects: objects})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dc.Stop(); err != nil {
			t.Error(err)
		}
	})
	return dc
}

// TestOnEachDirectory is the suite: everything that must hold on a real domain controller and on the embedded directory.
// One directory serves all; each test makes objects of its own.
func TestOnEachDirectory(t *testing.T) {
	t.Parallel()
	suite := map[string]func(*testing.T, *bundle){
		"find by every identity":       findByEveryIdentity,
		"find nobody":                  findNobody,
		"find hostile names":           findHostileNames,
		"find ambiguous":               findAmbiguous,
		"find among many":              findAmongMany,
		"map a holder":                 mapHolder,
		"when addresses were changed":  whenAddressesChanged,
		"read many values":             readManyValues,
		"read all":                     readAll,
		"read gone":                    readGone,
		"each holder":                  eachHolder,
		"each holder breaks off":       eachHolderBreaks,
		"holders in each attribute":    holdersInEachAttribute,
		"holders of hostile addresses": holdersOfHostileAddresses,
		"write changes":                writeChanges,
		"write nothing":                writeNothing,
		"write case only":              writeCaseOnly,
		"write against a faster one":   writeAgainstFaster,
		"write what is confirmed":      writeConfirmed,
		"write to a deleted holder":    writeToDeleted,
		"write without rights":         writeWithoutRights,
		"write too long a value":       writeTooLong,
		"write among twins":            writeAmongTwins,
		"write while others do":        writeWhileOthersDo,
		"take back after a slip":       takeBackAfterSlip,
		"slips that are gone already":  slipsGoneAlready,
		"removed after a demotion":     removedAfterDemotion,
		"somebody builds on it":        builtOn,
		"edits that do not matter":     editsThatDoNotMatter,
		"write to a protected holder":  writeToProtected,
		"wrong password":               wrongPassword,
		"password cannot be read":      passwordCannotBeRead,
		"rights":                       rightsOfTheAccount,
		"probe":                        probeEverything,
		"connection cut":               connectionCut,
		"pooled connections die":       pooledConnectionsDie,
		"time limit":                   timeLimit,
		"context":                      contextEnds,
	}
	for name, start := range directories() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dc := start(t, manyOfOneName()...)
			for name, test := range suite {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(t, newBundle(t, dc))
				})
			}
		})
	}
}

// bundle is what one test works with: a directory with objects of its own, and a clock.
type bundle struct {
	dc    *site.Site
	clock *clock
	// tag makes names unique among the tests that share a directory.
	tag string
}

func newBundle(t *testing.T, dc *site.Site) *bundle {
	t.Helper()
	_, name, _ := strings.Cut(t.Name(), "/")
	sum := 0
	for _, r := range name {
		sum = (sum*31 + int(r)) % 46656
	}
	return &bundle{dc: dc, clock: newClock(), tag: fmt.Sprintf("%x", sum)}
}

// name makes a name that no other test has.
func (b *bundle) name(s string) string { return s + "-" + b.tag }

// mail makes an address that no other test has.
func (b *bundle) mail(local string) string { return b.name(local) + "@contoso.test" }

// smtp makes values of proxyAddresses: a prefix, a colon, and a local part that no other test has.
func (b *bundle) smtp(values ...string) []string {
	var list []string
	for _, v := range values {
		prefix, local, _ := strings.Cut(v, ":")
		list = append(list, prefix+":"+b.mail(local))
	}
	return list
}

// options are those of a writer that uses the directory as the service account does.
func (b *bundle) options() ldapwriter.Options {
	return optionsOf(b.dc, b.clock)
}

func optionsOf(dc *site.Site, c *clock) ldapwriter.Options {
	return ldapwriter.Options{
		Servers: []string{dc.Server},
		BaseDN:  dc.BaseDN,
		RootCAs: dc.Roots(),
		Bind:    bindAs(dc.Service),
		Timeout: patience,
		Now:     c.now,
	}
}

func bindAs(login site.Login) ldapwriter.SimpleBind {
	return ldapwriter.SimpleBind{User: login.User, Password: func() (string, error) { return login.Password, nil }}
}

// open makes a writer that is closed with the test.
func open(t *testing.T, o ldapwriter.Options) *ldapwriter.Directory {
	t.Helper()
	d, err := ldapwriter.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// add makes an object, with a unique name, and gives its objectGUID.
func (b *bundle) add(t *testing.T, o site.Object) address.GUID {
	t.Helper()
	if err := b.dc.Populate(t.Context(), []site.Object{o}); err != nil {
		t.Fatal(err)
	}
	guid, err := b.dc.GUID(t.Context(), b.dc.DNOf(o))
	if err != nil {
		t.Fatal(err)
	}
	return guid
}

// user makes a user with a unique name and these values.
func (b *bundle) user(t *testing.T, name, mail string, proxies ...string) address.GUID {
	t.Helper()
	return b.add(t, site.Object{Kind: site.User, Name: b.name(name), UPN: b.mail(name), Mail: mail, Proxies: proxies})
}

// stored gives a holder's values as the administrator sees them.
func (b *bundle) stored(t *testing.T, guid address.GUID) address.Values {
	t.Helper()
	entry, err := b.dc.Read(t.Context(), fmt.Sprintf("<GUID=%s>", guid), "mail", "proxyAddresses")
	if err != nil {
		t.Fatal(err)
	}
	v := address.Values{Mail: entry.GetAttributeValue("mail")}
	for _, p := range entry.GetAttributeValues("proxyAddresses") {
		v.Proxies = append(v.Proxies, address.Proxy(p))
	}
	return v
}

// edit changes a holder as somebody else would.
func (b *bundle) edit(t *testing.T, guid address.GUID, changes site.Changes) {
	t.Helper()
	if err := b.dc.Modify(t.Context(), fmt.Sprintf("<GUID=%s>", guid), changes); err != nil {
		t.Error(err)
	}
}

// read reads a holder or fails the test.
func read(t *testing.T, d *ldapwriter.Directory, guid address.GUID) ldapwriter.Entry {
	t.Helper()
	entry, err := d.Read(t.Context(), guid, ldapwriter.Prior{})
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

func proxySet(values ...string) address.Set {
	var set address.Set
	for _, v := range values {
		set = append(set, address.Proxy(v))
	}
	return set
}

// same fails the test where two sets of values differ in any byte.
func same(t *testing.T, what string, got, want address.Values) {
	t.Helper()
	if got.Mail != want.Mail || !got.Proxies.Equal(want.Proxies) {
		t.Errorf("%s: mail %q and %q, wanted %q and %q", what, got.Mail, got.Proxies, want.Mail, want.Proxies)
	}
}

// meets fails the test where err is not a cause of this kind and code whose message holds all the words; it gives the cause.
func meets(t *testing.T, err error, kind cause.Kind, code cause.Code, words ...string) cause.Cause {
	t.Helper()
	e, ok := cause.As(err)
	if !ok || e.Kind != kind || e.Cause.Code != code {
		t.Fatalf("got %v, wanted %s %s", err, kind, code)
	}
	for _, w := range words {
		if !strings.Contains(e.Cause.Message, w) {
			t.Errorf("the message %q lacks %q", e.Cause.Message, w)
		}
	}
	return e.Cause
}

// patience bounds every wait of a test. A busy machine does not use it up: only what never happens does.
const patience = 5 * time.Minute

// again tries what has a short time limit, and may come too late on a busy machine, until it came in time.
func again(t *testing.T, what string, inTime func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !inTime(); {
		if time.Now().After(deadline) {
			t.Fatalf("never in time: %s", what)
		}
	}
}

// clock is the tests' clock. It begins now, so that it agrees with the certificates.
type clock struct{ offset atomic.Int64 }

func newClock() *clock { return &clock{} }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

// background is a context that outlives the test's own, for what is cleaned up.
func background() context.Context { return context.Background() }
