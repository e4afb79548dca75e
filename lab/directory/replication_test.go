package directory_test

import (
	"slices"
	"testing"
	"time"

	"github.com/aliasd/aliasd/lab/directory"
	"github.com/aliasd/aliasd/lab/site"
)

// pair is a directory and its replica, and the clock of both.
type pair struct {
	a, b  *directory.Directory
	joint *directory.Replication
	now   time.Time
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	p.a = start(t, directory.Options{Objects: []site.Object{jdoe}, Now: func() time.Time { return p.now }})
	var err error
	if p.b, err = p.a.Replica(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.b.Site().Stop(); err != nil {
			t.Error(err)
		}
	})
	p.joint = directory.Replicate(p.a, p.b)
	return p
}

// step carries over what was written, and must change so many objects.
func (p *pair) step(t *testing.T, want int) {
	t.Helper()
	if changed, err := p.joint.Step(); err != nil || changed != want {
		t.Errorf("a step changed %d objects, %v; want %d", changed, err, want)
	}
}

func replace(t *testing.T, d *directory.Directory, attribute string, values ...string) {
	t.Helper()
	err := d.Site().Modify(t.Context(), d.Site().DNOf(jdoe), site.Changes{Replace: map[string][]string{attribute: values}})
	if err != nil {
		t.Fatal(err)
	}
}

// both must show the same values of an attribute of jdoe.
func (p *pair) both(t *testing.T, attribute string, want ...string) {
	t.Helper()
	for _, d := range []*directory.Directory{p.a, p.b} {
		if got := read(t, d, attribute); !slices.Equal(got, want) {
			t.Errorf("%s has %s %q, want %q", d.Site().Server, attribute, got, want)
		}
	}
}

func read(t *testing.T, d *directory.Directory, attribute string) []string {
	t.Helper()
	entry, err := d.Site().Read(t.Context(), d.Site().DNOf(jdoe), attribute)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(slices.Values(entry.GetAttributeValues(attribute)))
}

func TestReplicaIsTheSameDomain(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	if a, b := read(t, p.a, "objectGUID"), read(t, p.b, "objectGUID"); !slices.Equal(a, b) {
		t.Errorf("objectGUID is %x and %x", a, b)
	}
	if a, b := read(t, p.a, "uSNChanged"), read(t, p.b, "uSNChanged"); slices.Equal(a, b) {
		t.Errorf("both have uSNChanged %q", a)
	}
	p.step(t, 0)
	replace(t, p.a, "mail", "new@contoso.test")
	if got := read(t, p.b, "mail"); !slices.Equal(got, []string{jdoe.Mail}) {
		t.Errorf("it replicates by itself: %q", got)
	}
	p.step(t, 1)
	p.both(t, "mail", "new@contoso.test")
	p.step(t, 0)
}

// TestWholeAttributesReplicate: each writes one attribute, and both writes stay.
func TestWholeAttributesReplicate(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	replace(t, p.a, "mail", "new@contoso.test")
	replace(t, p.b, "displayName", "Johnny")
	p.step(t, 2)
	p.both(t, "mail", "new@contoso.test")
	p.both(t, "displayName", "Johnny")
}

// TestLastWriterWins: both write one attribute, and the loser's values are gone, those too that the winner never saw.
func TestLastWriterWins(t *testing.T) {
	t.Parallel()
	primary, ours, theirs := jdoe.Proxies[0], "smtp:ours@contoso.test", "smtp:theirs@contoso.test"
	for name, test := range map[string]struct {
		write func(*testing.T, *pair)
		want  string
	}{
		"the later one": {func(t *testing.T, p *pair) {
			replace(t, p.b, "proxyAddresses", primary, theirs)
			p.now = p.now.Add(time.Second)
			replace(t, p.a, "proxyAddresses", primary, ours)
		}, ours},
		"the one written more often": {func(t *testing.T, p *pair) {
			replace(t, p.b, "proxyAddresses", theirs)
			replace(t, p.b, "proxyAddresses", primary, theirs)
			p.now = p.now.Add(time.Hour)
			replace(t, p.a, "proxyAddresses", primary, ours)
		}, theirs},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			test.write(t, p)
			p.step(t, 1)
			p.both(t, "proxyAddresses", primary, test.want)
			p.step(t, 0)
		})
	}
}

// TestSameSecondConverges: nobody is later, and both agree all the same.
func TestSameSecondConverges(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	replace(t, p.a, "mail", "a@contoso.test")
	replace(t, p.b, "mail", "b@contoso.test")
	p.step(t, 1)
	p.both(t, "mail", read(t, p.a, "mail")...)
}

// TestObjectsReplicate: what one of the two makes, moves and deletes.
func TestObjectsReplicate(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	made := site.Object{Kind: site.Contact, Name: "Partner", Mail: "partner@fabrikam.test"}
	if err := p.b.Site().Populate(t.Context(), []site.Object{made}); err != nil {
		t.Fatal(err)
	}
	p.step(t, 1)
	there, err := p.a.Site().Read(t.Context(), p.a.Site().DNOf(made), "mail", "objectGUID")
	if err != nil || there.GetAttributeValue("mail") != made.Mail {
		t.Fatalf("the new contact is %v, %v", there, err)
	}
	if err := p.a.Site().Move(t.Context(), p.a.Site().DNOf(made), "CN=Moved", p.a.Site().DN(site.Sales)); err != nil {
		t.Fatal(err)
	}
	p.step(t, 1)
	made.Name, made.OU = "Moved", site.Sales
	moved, err := p.b.Site().Read(t.Context(), p.b.Site().DNOf(made), "objectGUID")
	if err != nil || moved.GetAttributeValue("objectGUID") != there.GetAttributeValue("objectGUID") {
		t.Fatalf("the moved contact is %v, %v", moved, err)
	}
	if err := p.b.Site().Remove(t.Context(), p.b.Site().DNOf(made)); err != nil {
		t.Fatal(err)
	}
	p.step(t, 1)
	if gone, err := p.a.Site().Read(t.Context(), p.a.Site().DNOf(made), "cn"); err == nil {
		t.Errorf("the deleted contact is %v", gone)
	}
}

// TestSwitchedOffDoesNotReplicate: what was written meanwhile comes when it is back.
func TestSwitchedOffDoesNotReplicate(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	if err := p.a.Suspend(); err != nil {
		t.Fatal(err)
	}
	replace(t, p.b, "mail", "new@contoso.test")
	p.step(t, 0)
	if err := p.a.Resume(); err != nil {
		t.Fatal(err)
	}
	p.step(t, 1)
	p.both(t, "mail", "new@contoso.test")
}
