package ldapwriter_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab/directory"
	"github.com/aliasd/aliasd/lab/directory/wire"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/ldapwriter"
)

// The tests of this file use what only the embedded directory can do: watch operations, and answer as it is told.

// watched is an embedded directory with one user, and a writer that uses it.
type watched struct {
	*bundle
	directory *directory.Directory
	writer    *ldapwriter.Directory
	guid      address.GUID

	mu   sync.Mutex
	seen []string // the operations of the service account
}

func watch(t *testing.T, change func(*ldapwriter.Options)) *watched {
	t.Helper()
	d := embedded(t, directory.Options{})
	w := &watched{bundle: newBundle(t, d.Site()), directory: d}
	w.guid = w.user(t, "watched", w.mail("watched"), w.smtp("SMTP:watched")...)
	o := w.options()
	if change != nil {
		change(&o)
	}
	w.writer = open(t, o)
	w.answer(nil)
	return w
}

// answer notes all operations of the service account, and has the directory answer some of them.
func (w *watched) answer(with func(directory.Operation) directory.Fault) {
	w.directory.OnOperation(func(_ context.Context, o directory.Operation) directory.Fault {
		if bind, ok := o.Request.(*wire.Bind); o.Account == "Administrator" || ok && bind.Name == w.dc.Admin.User {
			return directory.Fault{}
		}
		w.mu.Lock()
		w.seen = append(w.seen, typeName(o.Request))
		w.mu.Unlock()
		if with == nil {
			return directory.Fault{}
		}
		return with(o)
	})
}

func typeName(o wire.Operation) string {
	switch o.(type) {
	case *wire.Bind:
		return "bind"
	case *wire.Search:
		return "search"
	case *wire.Modify:
		return "modify"
	}
	return "other"
}

// took gives the operations since the last call.
func (w *watched) took() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := strings.Join(w.seen, " ")
	w.seen = nil
	return list
}

// TestRoundTrips pins what each step of a write costs, once a connection is there.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	w := watch(t, nil)
	entry := read(t, w.writer, w.guid)
	if got := w.took(); got != "bind search search" { // the second tells what the server can do
		t.Errorf("the first read took %s", got)
	}
	holders := func() error {
		_, err := w.writer.HoldersOf(t.Context(), []address.Address{"a@b", "c@d"}, w.guid)
		return err
	}
	for _, c := range []struct {
		what string
		step func() error
		want string
	}{
		{"read", func() error { _, err := w.writer.Read(t.Context(), w.guid, ldapwriter.Prior{}); return err }, "search"},
		{"find", func() error { _, err := w.writer.Find(t.Context(), w.mail("watched")); return err }, "search"},
		{"write", func() error { return w.alias(t, entry, "a") }, "modify search"},
		{"read 50", func() error {
			_, errs := w.writer.ReadAll(t.Context(), make([]address.GUID, 50))
			return cleared(errs[49])
		}, "search"},
		{"first holders", holders, w.searchesForHolders(t) + " search search"}, // the schema and the partitions first
		{"holders", holders, w.searchesForHolders(t)},
		{"holders an hour later", func() error { w.clock.advance(time.Hour); return holders() }, w.searchesForHolders(t) + " search search"},
	} {
		if err := c.step(); err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
		if got := strings.ReplaceAll(w.took(), "bind search ", ""); got != c.want {
			t.Errorf("%s took %q, wanted %q", c.what, got, c.want)
		}
	}
}

// cleared passes over the refusal of what is not there.
func cleared(err error) error {
	if e, ok := cause.As(err); ok && e.Cause.Code == cause.UnknownHolder {
		return nil
	}
	return err
}

// searchesForHolders: the indexed attributes share one search, each of the others has its own.
func (w *watched) searchesForHolders(t *testing.T) string {
	t.Helper()
	entry, err := w.dc.Read(t.Context(), "CN=ms-Exch-Target-Address,CN=Schema,CN=Configuration,"+w.dc.BaseDN, "searchFlags")
	if err != nil {
		t.Fatal(err)
	}
	if entry.GetAttributeValue("searchFlags") == "0" {
		return "search search"
	}
	return "search"
}

// alias writes one alias.
func (w *watched) alias(t *testing.T, entry ldapwriter.Entry, local string) error {
	_, err := w.writer.Write(t.Context(), ldapwriter.Job{Entry: entry, Change: address.Change{Add: proxySet(w.smtp("smtp:" + local)...)}})
	return err
}

// TestOneModify: one modify names every value, replaces nothing, and comes by objectGUID.
func TestOneModify(t *testing.T) {
	t.Parallel()
	w := watch(t, nil)
	entry := read(t, w.writer, w.guid)
	var modifies []*wire.Modify
	w.answer(func(o directory.Operation) directory.Fault {
		if m, ok := o.Request.(*wire.Modify); ok {
			modifies = append(modifies, m)
		}
		return directory.Fault{}
	})
	old, next := w.smtp("SMTP:watched", "smtp:watched"), w.smtp("SMTP:next")
	change := address.Change{Delete: proxySet(old[0]), Add: proxySet(old[1], next[0]), Mail: &address.MailChange{Old: w.mail("watched"), New: w.mail("next")}}
	if _, err := w.writer.Write(t.Context(), ldapwriter.Job{Entry: entry, Change: change}); err != nil {
		t.Fatal(err)
	}
	if len(modifies) != 1 || !strings.HasPrefix(modifies[0].DN, "<GUID=") {
		t.Fatalf("modifies %+v", modifies)
	}
	var got []string
	for _, c := range modifies[0].Changes {
		got = append(got, map[wire.Operator]string{wire.AddValues: "add ", wire.DeleteValues: "delete "}[c.Operator]+c.Attribute+" "+strings.Join(c.Values, " "))
	}
	want := []string{"delete proxyAddresses " + old[0], "add proxyAddresses " + old[1] + " " + next[0], "delete mail " + w.mail("watched"), "add mail " + w.mail("next")}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestDirectoryAnswers has the directory refuse a modify in each way, and says what becomes of it; nothing is written.
func TestDirectoryAnswers(t *testing.T) {
	t.Parallel()
	w := watch(t, nil)
	entry := read(t, w.writer, w.guid)
	for code, want := range map[uint16]struct {
		kind cause.Kind
		code cause.Code
	}{
		1: {cause.Waiting, cause.DirectoryUnavailable}, 51: {cause.Waiting, cause.DirectoryUnavailable}, 52: {cause.Waiting, cause.DirectoryUnavailable},
		80: {cause.Waiting, cause.DirectoryUnavailable}, 10: {cause.Waiting, cause.DCUnavailable}, 53: {cause.Failure, cause.DirectoryRefused},
		65: {cause.Failure, cause.DirectoryRefused}, 50: {cause.Refusal, cause.NoRights}, 32: {cause.Refusal, cause.UnknownHolder},
	} {
		w.answer(func(o directory.Operation) directory.Fault {
			if _, ok := o.Request.(*wire.Modify); ok {
				return directory.Fault{Code: code, Text: "told to"}
			}
			return directory.Fault{}
		})
		meets(t, w.alias(t, entry, "a"), want.kind, want.code)
	}
	w.answer(nil)
	same(t, "stored", w.stored(t, w.guid), entry.Values)
	// After "operations error" and "unavailable" the connection is not used again; after the others it is.
	w.took()
	read(t, w.writer, w.guid)
	for code, want := range map[uint16]string{1: "search search bind search search", 52: "search search bind search search", 51: "search search search"} {
		w.took()
		w.answer(func(o directory.Operation) directory.Fault {
			if s, ok := o.Request.(*wire.Search); ok && strings.HasPrefix(s.Base, "<GUID=") {
				return directory.Fault{Code: code}
			}
			return directory.Fault{}
		})
		_, err := w.writer.Read(t.Context(), w.guid, ldapwriter.Prior{})
		meets(t, err, cause.Waiting, cause.DirectoryUnavailable, w.dc.Server)
		w.answer(nil)
		read(t, w.writer, w.guid)
		if got := w.took(); strings.Count(got, "bind") != strings.Count(want, "bind") {
			t.Errorf("after %d: %s", code, got)
		}
	}
}

// TestNoAccountIsLocked: the directory itself counts one wrong password, however many connections were wanted.
func TestNoAccountIsLocked(t *testing.T) {
	t.Parallel()
	w := watch(t, func(o *ldapwriter.Options) {
		o.Bind = ldapwriter.SimpleBind{User: o.Bind.Account(), Password: func() (string, error) { return "wrong", nil }}
		o.Connections = 16
	})
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			_, err := w.writer.Read(t.Context(), w.guid, ldapwriter.Prior{})
			if e, ok := cause.As(err); !ok || e.Cause.Code != cause.DirectoryUnavailable {
				t.Errorf("got %v", err)
			}
		})
	}
	all.Wait()
	if n := w.directory.WrongPasswords(site.ServiceAccount); n != 1 || w.directory.Locked(site.ServiceAccount) || w.took() != "bind" {
		t.Errorf("%d wrong passwords", n)
	}
}

// TestRefusedAccounts says in words why an account may not sign in.
func TestRefusedAccounts(t *testing.T) {
	t.Parallel()
	for words, attributes := range map[string]map[string][]string{
		"the account is disabled":     {"userAccountControl": {"66050"}},
		"the account has expired":     {"accountExpires": {"1"}},
		"its password has expired":    {"userAccountControl": {"8454656"}},
		"its password must be change": {"pwdLastSet": {"0"}},
		"from this machine":           {"userWorkstations": {"ELSEWHERE"}},
		"at this time":                {"logonHours": {strings.Repeat("\x00", 21)}},
	} {
		w := watch(t, nil)
		dn := w.dc.DN("CN=" + site.ServiceAccount + ",CN=Users")
		if err := w.dc.Modify(t.Context(), dn, site.Changes{Replace: attributes}); err != nil {
			t.Fatal(err)
		}
		_, err := w.writer.Find(t.Context(), "jdoe")
		meets(t, err, cause.Waiting, cause.DirectoryUnavailable, words, site.ServiceAccount)
	}
}

// TestSwitchedOff stops the directory and starts it again while the pool is full: all goes on by itself.
func TestSwitchedOff(t *testing.T) {
	t.Parallel()
	w := watch(t, func(o *ldapwriter.Options) { o.Connections = 4 })
	readMany := func() error {
		var all sync.WaitGroup
		errs := make([]error, 16)
		for i := range errs {
			all.Go(func() { _, errs[i] = w.writer.Read(t.Context(), w.guid, ldapwriter.Prior{}) })
		}
		all.Wait()
		return errors.Join(errs...)
	}
	if err := readMany(); err != nil {
		t.Fatal(err)
	}
	if err := w.directory.Suspend(); err != nil {
		t.Fatal(err)
	}
	_, err := w.writer.Read(t.Context(), w.guid, ldapwriter.Prior{})
	meets(t, err, cause.Waiting, cause.DirectoryUnavailable, "refused")
	if err := w.directory.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := readMany(); err != nil {
		t.Fatal(err)
	}
}

// TestChangingWhileRead edits a holder between the ranges of its values: all that is read belongs to one version.
func TestChangingWhileRead(t *testing.T) {
	t.Parallel()
	d := embedded(t, directory.Options{ValueRange: 10})
	b := newBundle(t, d.Site())
	var proxies []string
	for i := range 25 {
		proxies = append(proxies, b.smtp("smtp:v" + strings.Repeat("x", i))[0])
	}
	guid := b.user(t, "moving", "", proxies...)
	writer := open(t, b.options())
	edits := 0
	d.OnOperation(func(_ context.Context, o directory.Operation) directory.Fault {
		s, ok := o.Request.(*wire.Search)
		if !ok || o.Account == "Administrator" || !strings.Contains(strings.Join(s.Attributes, " "), ";range=10-*") || edits == 2 {
			return directory.Fault{}
		}
		edits++
		b.edit(t, guid, proxyEdit([]string{proxies[0]}, nil))
		proxies = proxies[1:]
		return directory.Fault{}
	})
	same(t, "read", read(t, writer, guid).Values, address.Values{Proxies: proxySet(proxies...)})
	if edits != 2 || len(proxies) != 23 {
		t.Errorf("%d edits", edits)
	}
	edits = -1000 // it never stops changing
	d.OnOperation(func(_ context.Context, o directory.Operation) directory.Fault {
		if s, ok := o.Request.(*wire.Search); ok && strings.Contains(strings.Join(s.Attributes, " "), ";range=") {
			b.edit(t, guid, site.Changes{Replace: map[string][]string{"mail": {b.mail("m" + time.Now().Format("150405.000000000"))}}})
		}
		return directory.Fault{}
	})
	_, err := writer.Read(t.Context(), guid, ldapwriter.Prior{})
	meets(t, err, cause.Waiting, cause.DirectoryUnavailable, "keeps changing")
}

// TestTakeBackFaults lets things go wrong again while a change is taken back.
func TestTakeBackFaults(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		second    func(w *watched) directory.Fault // at the second modify and those after it
		takenBack bool
		unknown   bool
		left      []string // what stands in the end
	}{
		"all goes well": {func(*watched) directory.Fault { return directory.Fault{} }, true, false, []string{"smtp:watched", "SMTP:theirs"}},
		"somebody is faster again": {func(w *watched) directory.Fault {
			if w.stored(t, w.guid).Proxies.Has(address.Proxy(w.smtp("SMTP:ours")[0])) {
				w.edit(t, w.guid, proxyEdit(w.smtp("SMTP:ours"), w.smtp("smtp:more")))
			}
			return directory.Fault{}
		}, false, false, []string{"smtp:watched", "SMTP:theirs", "smtp:more"}}, // theirs is the primary now, so ours stays an alias
		"it is refused each time": {func(*watched) directory.Fault { return directory.Fault{Code: 16} }, false, true, nil},
		"it is refused for good":  {func(*watched) directory.Fault { return directory.Fault{Code: 53} }, false, true, nil},
		"the connection is cut":   {func(*watched) directory.Fault { return directory.Fault{Drop: directory.After} }, false, true, nil},
		"a third primary comes": {func(w *watched) directory.Fault {
			return directory.Fault{Then: func() { w.edit(t, w.guid, proxyEdit(nil, w.smtp("SMTP:third"))) }}
		}, true, false, []string{"smtp:watched", "SMTP:theirs", "SMTP:third"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := watch(t, nil)
			entry := read(t, w.writer, w.guid)
			var modifies atomic.Int32
			w.answer(func(o directory.Operation) directory.Fault {
				if _, ok := o.Request.(*wire.Modify); !ok {
					return directory.Fault{}
				}
				if modifies.Add(1) > 1 {
					return c.second(w)
				}
				return directory.Fault{Then: func() { w.edit(t, w.guid, proxyEdit(nil, w.smtp("SMTP:theirs"))) }}
			})
			setPrimary := address.Change{Delete: entry.Proxies, Add: proxySet(w.smtp("smtp:watched", "SMTP:ours")...)}
			_, err := w.writer.Write(t.Context(), ldapwriter.Job{Entry: entry, Change: setPrimary})
			var slip *ldapwriter.SlippedError
			var unknown *ldapwriter.UnknownOutcomeError
			if errors.As(err, &unknown) != c.unknown || errors.As(err, &slip) == c.unknown || slip != nil && slip.TakenBack != c.takenBack {
				t.Errorf("got %v", err)
			}
			if c.left != nil {
				same(t, "left", w.stored(t, w.guid), address.Values{Mail: entry.Mail, Proxies: proxySet(w.smtp(c.left...)...)})
			}
			if n := modifies.Load(); n > 4 {
				t.Errorf("%d modifies", n)
			}
		})
	}
}

// TestProbeCatalog says which attributes the global catalog lacks, and what is wrong with a server that does not serve.
func TestProbeCatalog(t *testing.T) {
	t.Parallel()
	d := embedded(t, directory.Options{ProxiesOutsideCatalog: true})
	b := newBundle(t, d.Site())
	o := b.options()
	o.GlobalCatalog = []string{b.dc.GlobalCatalog}
	found := open(t, o).Probe(t.Context())
	last := found[len(found)-1]
	if !last.OK || !strings.Contains(last.Detail, "does not carry [proxyAddresses]") {
		t.Errorf("%+v", last)
	}
	d.OnOperation(func(_ context.Context, o directory.Operation) directory.Fault {
		if s, ok := o.Request.(*wire.Search); ok && s.Base != "" {
			return directory.Fault{Code: 51}
		}
		return directory.Fault{}
	})
	var bad []string
	for _, f := range open(t, o).Probe(t.Context()) {
		if !f.OK {
			bad = append(bad, f.Name[strings.LastIndex(f.Name, ": ")+2:])
			if !strings.Contains(f.Detail, "it is busy") {
				t.Errorf("%+v", f)
			}
		}
	}
	if strings.Join(bad, ",") != "base DN,addresses" {
		t.Errorf("found wrong: %q", bad)
	}
}

// TestOneBadHolder: what goes wrong with one of many does not spoil the rest.
func TestOneBadHolder(t *testing.T) {
	t.Parallel()
	d := embedded(t, directory.Options{ValueRange: 2})
	b := newBundle(t, d.Site())
	good, gone, refused := b.user(t, "good", ""), b.user(t, "gone", "", b.smtp("smtp:a", "smtp:b", "smtp:c")...), b.user(t, "refused", "", b.smtp("smtp:d", "smtp:e", "smtp:f")...)
	d.OnOperation(func(_ context.Context, o directory.Operation) directory.Fault {
		s, ok := o.Request.(*wire.Search)
		switch {
		case ok && s.Base == fmt.Sprintf("<GUID=%x>", gone[:]):
			return directory.Fault{Code: 32}
		case ok && s.Base == fmt.Sprintf("<GUID=%x>", refused[:]):
			return directory.Fault{Code: 80}
		}
		return directory.Fault{}
	})
	entries, errs := open(t, b.options()).ReadAll(t.Context(), []address.GUID{refused, good, gone})
	meets(t, errs[0], cause.Waiting, cause.DirectoryUnavailable, "inside it")
	meets(t, errs[2], cause.Refusal, cause.UnknownHolder)
	if errs[1] != nil || entries[1].GUID != good {
		t.Errorf("%v, %v", entries[1], errs[1])
	}
}

// What takes a modify back is sent in the time of the lease too: a process that slept in between leaves it to the next owner, as a doubt.
func TestTakingBackAsksForTheLease(t *testing.T) {
	t.Parallel()
	w := watch(t, nil)
	entry := read(t, w.writer, w.guid)
	var modifies, asked atomic.Int32
	w.answer(func(o directory.Operation) directory.Fault {
		if _, ok := o.Request.(*wire.Modify); !ok || modifies.Add(1) > 1 {
			return directory.Fault{}
		}
		return directory.Fault{Then: func() { w.edit(t, w.guid, proxyEdit(nil, w.smtp("SMTP:theirs"))) }}
	})
	lost := errors.New("the lease is over")
	_, err := w.writer.Write(t.Context(), ldapwriter.Job{Entry: entry, Change: address.Change{Delete: entry.Proxies, Add: proxySet(w.smtp("smtp:watched", "SMTP:ours")...)},
		Confirm: func(context.Context) error {
			if asked.Add(1) > 1 {
				return lost
			}
			return nil
		}})
	var unknown *ldapwriter.UnknownOutcomeError
	if !errors.As(err, &unknown) || !errors.Is(err, lost) {
		t.Errorf("got %v", err)
	}
	if n := modifies.Load(); n != 1 {
		t.Errorf("%d modifies", n)
	}
}

// TestLandedIsReadBack judges a modify that landed without an answer as any other one: what somebody did meanwhile counts.
func TestLandedIsReadBack(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		edit []string // what somebody adds meanwhile
		slip bool
		left []string
	}{
		"nobody did anything": {nil, false, []string{"smtp:watched", "SMTP:ours"}},
		"a harmless edit":     {[]string{"smtp:theirs"}, false, []string{"smtp:watched", "SMTP:ours", "smtp:theirs"}},
		"a second primary":    {[]string{"SMTP:theirs"}, true, []string{"smtp:watched", "SMTP:theirs"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := watch(t, nil)
			before := read(t, w.writer, w.guid)
			setPrimary := address.Change{Delete: before.Proxies, Add: proxySet(w.smtp("smtp:watched", "SMTP:ours")...)}
			w.edit(t, w.guid, proxyEdit(w.smtp("SMTP:watched"), w.smtp("smtp:watched", "SMTP:ours"))) // it landed
			if c.edit != nil {
				w.edit(t, w.guid, proxyEdit(nil, w.smtp(c.edit...)))
			}
			receipt, err := w.writer.Write(t.Context(), ldapwriter.Job{Entry: before, Change: setPrimary, Landed: true})
			var slip *ldapwriter.SlippedError
			if errors.As(err, &slip) != c.slip || !c.slip && err != nil {
				t.Errorf("got %v", err)
			}
			if !c.slip {
				same(t, "before", receipt.Before, before.Values)
				same(t, "after", receipt.After, w.stored(t, w.guid))
			}
			same(t, "left", w.stored(t, w.guid), address.Values{Mail: before.Mail, Proxies: proxySet(w.smtp(c.left...)...)})
		})
	}
}

// TestEqualForTheDirectory: AD takes two addresses for one value where only accents, width or case tell them apart, and says 20 each
// time. The error names the one that stands there; where nothing that was read is equal, somebody was faster.
func TestEqualForTheDirectory(t *testing.T) {
	t.Parallel()
	o := site.Object{Kind: site.User, Name: "Equal", UPN: "equal@contoso.test", Proxies: []string{"SMTP:equal@contoso.test", "smtp:müller@contoso.test", "smtp:Ｗide@contoso.test"}}
	dc := startEmbedded(t, o)
	d := open(t, optionsOf(dc, newClock()))
	guid, err := dc.GUID(t.Context(), dc.DNOf(o))
	if err != nil {
		t.Fatal(err)
	}
	for value, equal := range map[string]address.Proxy{
		"smtp:muller@contoso.test": "smtp:müller@contoso.test",
		"smtp:wide@contoso.test":   "smtp:Ｗide@contoso.test",
	} {
		entry := read(t, d, guid)
		_, err := d.Write(t.Context(), ldapwriter.Job{Entry: entry, Change: address.Change{Add: proxySet(value)}})
		var exists *ldapwriter.ExistsError
		if !errors.As(err, &exists) || !errors.Is(err, ldapwriter.ErrConflict) || exists.Equal != equal || string(exists.Value) != value {
			t.Errorf("%s: %v", value, err)
		}
		if again := read(t, d, guid); again.USNChanged != entry.USNChanged || !again.Proxies.Equal(entry.Proxies) {
			t.Errorf("%s changed the holder: %+v", value, again)
		}
	}
	entry := read(t, d, guid)
	if err := dc.Modify(t.Context(), dc.DNOf(o), site.Changes{Add: map[string][]string{"proxyAddresses": {"smtp:late@contoso.test"}}}); err != nil {
		t.Fatal(err)
	}
	_, err = d.Write(t.Context(), ldapwriter.Job{Entry: entry, Change: address.Change{Add: proxySet("smtp:late@contoso.test")}})
	var exists *ldapwriter.ExistsError
	if !errors.As(err, &exists) || exists.Equal != "" {
		t.Errorf("somebody was faster: %v", err)
	}
}
