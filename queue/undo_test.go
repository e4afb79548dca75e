package queue_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/storetest"
)

// losing is a store that has lost one request, or cannot read it just now.
type losing struct {
	*storetest.Model
	id  queue.RequestID
	err error
}

func (f *losing) Get(ctx context.Context, id queue.RequestID) (queue.Request, error) {
	if id == f.id {
		return queue.Request{}, fmt.Errorf("request %s: %w", id, f.err)
	}
	return f.Model.Get(ctx, id)
}

// undo asks for the undo of a request.
func (b *bench) undo(t *testing.T, id queue.RequestID, key string) queue.Request {
	t.Helper()
	r, _, err := b.service.Undo(context.Background(), id, queue.Submission{}, key)
	if err != nil {
		t.Fatalf("undo %s: %v", id, err)
	}
	return r
}

// undoOf makes a request, writes it, and asks for its undo; what the store says of it from then on is in the losing one.
func undoOf(t *testing.T, b *bench) (undo queue.Request, f *losing) {
	t.Helper()
	r := b.submit(t, "bob", address.AddAlias, "b1@contoso.test")
	b.pass(t)
	undo = b.undo(t, r.ID, "")
	f = &losing{Model: b.store, id: r.ID}
	b.restart("node-1", f)
	return undo, f
}

// An undo whose original is gone is refused; nobody waits behind it.
func TestUndoOfWhatIsGoneIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench()
	undo, f := undoOf(t, b)
	other := b.submit(t, "ann", address.AddAlias, "a1@contoso.test")
	f.err = errors.New("read error")
	b.pass(t)
	b.wantState(t, undo.ID, queue.Accepted, cause.DirectoryUnavailable) // it may be there
	f.err = queue.ErrNotFound
	b.clock.Add(queue.Farthest)
	b.pass(t)
	b.wantState(t, undo.ID, queue.Refused, cause.ChangedSince)
	b.wantState(t, other.ID, queue.Written, cause.NotSyncedYet)
}

// The same where it goes between the look-up and the write.
func TestUndoOfWhatGoesIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench()
	undo, f := undoOf(t, b)
	f.id = ""
	if err := b.runner.ResolvePass(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.wantState(t, undo.ID, queue.Queued, "")
	f.id, f.err = undo.Undoes, queue.ErrNotFound
	b.pass(t)
	b.wantState(t, undo.ID, queue.Refused, cause.ChangedSince)
}

// Where the outcome of its own modify is not known and somebody changed the holder since, nobody may say that nothing was written.
func TestUndoInDoubtOfWhatGoesFails(t *testing.T) {
	t.Parallel()
	b := newBench()
	undo, f := undoOf(t, b)
	f.id = ""
	b.directory.onWrite = func(ldapwriter.Job) fault {
		return fault{err: &ldapwriter.UnknownOutcomeError{DC: "dc1"}}
	}
	b.pass(t)
	b.wantState(t, undo.ID, queue.Writing, cause.DCUnavailable)
	b.directory.edit(b.get(t, undo.ID).Object, address.Values{Mail: "bob@contoso.test", Proxies: address.Set{"smtp:b2@contoso.test", "smtp:b1@contoso.test"}})
	f.id, f.err = undo.Undoes, queue.ErrNotFound
	b.clock.Add(queue.Farthest)
	b.pass(t)
	b.wantState(t, undo.ID, queue.Failed, cause.NotKept)
}

// play makes requests of ann's, each written before the next comes, and gives their ids. "undo 0" takes back the first.
func (b *bench) play(t *testing.T, steps ...string) (ids []queue.RequestID) {
	t.Helper()
	for _, step := range steps {
		var r queue.Request
		if action, arg, _ := strings.Cut(step, " "); action == "undo" {
			n, err := strconv.Atoi(arg)
			if err != nil {
				t.Fatal(err)
			}
			r = b.undo(t, ids[n], fmt.Sprint(len(ids)))
		} else {
			r = b.submit(t, "ann", address.Action(action), address.Address(arg))
		}
		b.pass(t)
		b.cycle(t)
		b.clock.Add(queue.Farthest) // what waits may be tried again
		ids = append(ids, r.ID)
	}
	return ids
}

// An undo takes back what its own request wrote, not what a later one did to the same address.
func TestUndoLeavesWhatALaterRequestWrote(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		steps   []string
		refused bool // the last one
		want    string
	}{
		"nothing since":                        {[]string{"add_alias a@contoso.test", "undo 0"}, false, ""},
		"another address since":                {[]string{"add_alias a@contoso.test", "add_alias b@contoso.test", "undo 0"}, false, "smtp:b@contoso.test"},
		"removed and added again":              {[]string{"add_alias a@contoso.test", "remove_alias a@contoso.test", "add_alias a@contoso.test", "undo 0"}, true, "smtp:a@contoso.test"},
		"the later one of the two":             {[]string{"add_alias a@contoso.test", "remove_alias a@contoso.test", "add_alias a@contoso.test", "undo 2"}, false, ""},
		"set, taken back, set again":           {[]string{"set_primary p@contoso.test", "undo 0", "set_primary p@contoso.test", "undo 0"}, true, "SMTP:p@contoso.test smtp:ann@contoso.test"},
		"the one that stands":                  {[]string{"set_primary p@contoso.test", "undo 0", "set_primary p@contoso.test", "undo 2"}, false, "SMTP:ann@contoso.test"},
		"a removal, its undo, and then this":   {[]string{"add_alias a@contoso.test", "remove_alias a@contoso.test", "undo 1", "undo 0"}, false, ""},
		"a removal, its undo, and the redoing": {[]string{"add_alias a@contoso.test", "remove_alias a@contoso.test", "undo 1", "undo 2", "add_alias a@contoso.test", "undo 0"}, true, "smtp:a@contoso.test"},
		"the primary of an alias":              {[]string{"add_alias a@contoso.test", "set_primary a@contoso.test", "undo 0"}, true, "SMTP:a@contoso.test smtp:ann@contoso.test"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench()
			ids := b.play(t, c.steps...)
			last := b.get(t, ids[len(ids)-1])
			if refused := last.State == queue.Refused; refused != c.refused {
				t.Fatalf("the undo is %s: %+v", last.State, last.Cause)
			}
			if c.refused && (last.Cause.Code != cause.ChangedSince || !strings.Contains(last.Cause.Message, "request "+string(ids[len(ids)-2])+" (")) {
				t.Errorf("refused with %+v, which does not name the one before", last.Cause)
			}
			got := b.directory.values(b.get(t, ids[0]).Object).Proxies
			for _, p := range strings.Fields(c.want) {
				if !got.Has(address.Proxy(p)) {
					t.Errorf("%s is gone: %v", p, got)
				}
			}
			if c.want == "" && len(got.SMTP()) != 1 {
				t.Errorf("left over: %v", got)
			}
		})
	}
}

// mail is an address like any other: it does not come back by an undo while somebody else has it.
func TestUndoGivesMailBackToNobodyElse(t *testing.T) {
	t.Parallel()
	b := newBench()
	ann := b.directory.add(3, "anna", address.Values{Mail: "m@contoso.test", Proxies: address.Set{"SMTP:anna@contoso.test"}})
	first := b.submit(t, "anna", address.SetPrimary, "anna@contoso.test")
	b.pass(t)
	if got := b.directory.values(ann); got.Mail != "anna@contoso.test" {
		t.Fatalf("mail is %q", got.Mail)
	}
	b.cycle(t)
	other := b.submit(t, "bob", address.AddAlias, "m@contoso.test")
	b.pass(t)
	b.wantState(t, other.ID, queue.Written, cause.NotSyncedYet)
	b.cycle(t)
	undo := b.undo(t, first.ID, "")
	b.pass(t)
	b.wantState(t, undo.ID, queue.Refused, cause.HeldOnPremises)
	if got := b.directory.values(ann); got.Mail != "anna@contoso.test" {
		t.Errorf("mail is %q, which bob has", got.Mail)
	}
}

// The same while the other's request is on its way: the address is claimed by the undo as by any other request.
func TestUndoClaimsTheMailThatComesBack(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.directory.add(3, "anna", address.Values{Mail: "m@contoso.test", Proxies: address.Set{"SMTP:anna@contoso.test"}})
	first := b.submit(t, "anna", address.SetPrimary, "anna@contoso.test")
	b.pass(t)
	b.cycle(t)
	other := b.submit(t, "bob", address.AddAlias, "m@contoso.test")
	if err := b.runner.ResolvePass(context.Background()); err != nil {
		t.Fatal(err)
	}
	undo := b.undo(t, first.ID, "")
	b.pass(t)
	b.wantState(t, undo.ID, queue.Refused, cause.AddressBusy)
	b.wantState(t, other.ID, queue.Written, cause.NotSyncedYet)
}

// An undo that failed took nothing back, though nobody knows what became of it: what it was to take back counts still.
func TestAnUndoInDoubtTakesNothingBack(t *testing.T) {
	t.Parallel()
	b := newBench()
	ids := b.play(t, "add_alias a@contoso.test", "remove_alias a@contoso.test")
	b.directory.onWrite = func(ldapwriter.Job) fault { return lost(false) }
	undo := b.undo(t, ids[1], "")
	b.pass(t)
	ann := b.get(t, undo.ID).Object
	b.directory.edit(ann, b.directory.values(ann)) // the USN moves: what became of it is not known
	b.directory.onWrite = func(ldapwriter.Job) fault { return fault{err: cause.Refuse(cause.NoRights, "not allowed")} }
	b.clock.Add(2 * time.Minute)
	b.pass(t)
	b.wantState(t, undo.ID, queue.Failed, cause.NotKept)
	b.directory.onWrite = nil
	theirs := b.directory.values(ann)
	theirs.Proxies = theirs.Proxies.With("smtp:a@contoso.test")
	b.directory.edit(ann, theirs)
	last := b.undo(t, ids[0], "")
	b.pass(t)
	b.wantState(t, last.ID, queue.Refused, cause.ChangedSince)
	if !b.directory.values(ann).Proxies.Has("smtp:a@contoso.test") {
		t.Error("what an administrator added is gone")
	}
}

// Whatever a request wrote, or may have written with any of its modifies, has a say; and so has what it found in place.
func TestWhoHasASayInWhatAnUndoTakesBack(t *testing.T) {
	t.Parallel()
	touches := func(a string) address.Change {
		return address.Change{Add: []address.Proxy{address.Proxy("smtp:" + a + "@contoso.test")}}
	}
	sent := func(a string, earlier *queue.Intent) *queue.Intent {
		return &queue.Intent{DC: dc, Change: touches(a), Sent: true, Earlier: earlier}
	}
	settled := func(i *queue.Intent) *queue.Intent { i.Sent = false; return i }
	receipt := func(c address.Change) *ldapwriter.Receipt { return &ldapwriter.Receipt{DC: dc, Change: c} }
	asked := queue.Submission{Address: "a@contoso.test"}
	for what, c := range map[string]struct {
		r    queue.Request
		want bool
	}{
		"it wrote":                           {queue.Request{Receipt: receipt(touches("a"))}, true},
		"it wrote to another address":        {queue.Request{Submission: asked, Receipt: receipt(touches("b"))}, false},
		"it found it in place":               {queue.Request{Submission: asked, Receipt: receipt(address.Change{})}, true},
		"it never came so far":               {queue.Request{Submission: asked}, false},
		"its modify may have landed":         {queue.Request{Intent: sent("a", nil)}, true},
		"an earlier modify may have landed":  {queue.Request{Intent: sent("b", sent("a", nil))}, true},
		"and another one was written":        {queue.Request{Intent: sent("b", sent("a", nil)), Receipt: receipt(touches("b"))}, true},
		"what may have landed is another's":  {queue.Request{Intent: sent("b", nil)}, false},
		"it is known that nothing landed":    {queue.Request{Intent: settled(sent("a", nil))}, false},
		"nothing written, but in doubt once": {queue.Request{Intent: sent("a", nil), Receipt: receipt(address.Change{})}, true},
	} {
		if got := c.r.HasASayIn(touches("a")); got != c.want {
			t.Errorf("%s: %v, want %v", what, got, c.want)
		}
	}
}

// A later request that got its primary by a modify of mail alone keeps it.
func TestUndoLeavesThePrimaryOfALaterRequest(t *testing.T) {
	t.Parallel()
	b := newBench()
	ann := b.directory.add(3, "anna", address.Values{Mail: "p@contoso.test", Proxies: address.Set{"SMTP:anna@contoso.test", "smtp:p@contoso.test"}})
	b.cloud.sync()
	first := b.submit(t, "anna", address.SetPrimary, "p@contoso.test")
	b.pass(t)
	b.cycle(t)
	v := b.directory.values(ann)
	v.Mail = "anna@contoso.test" // somebody
	b.directory.edit(ann, v)
	b.cycle(t)
	second, _, err := b.service.Submit(t.Context(), queue.Submission{Holder: "anna", Action: address.SetPrimary, Address: "p@contoso.test"}, "k2")
	if err != nil {
		t.Fatal(err)
	}
	b.pass(t)
	t.Logf("second: %+v", b.get(t, second.ID).Receipt)
	b.cycle(t)
	undo := b.undo(t, first.ID, "")
	b.clock.Add(time.Hour)
	b.pass(t)
	got := b.get(t, undo.ID)
	if got.State != queue.Refused {
		t.Errorf("the undo of the first is %s, and the second (%s, %s) has %+v", got.State, second.ID, b.get(t, second.ID).State, b.directory.values(ann))
	}
}

// What a later request took away does not come back as mail.
func TestUndoBringsBackNoMailThatALaterRequestTookAway(t *testing.T) {
	t.Parallel()
	b := newBench()
	ann := b.directory.add(3, "anna", address.Values{Mail: "old@contoso.test", Proxies: address.Set{"SMTP:anna@contoso.test"}})
	b.cloud.sync()
	first := b.submit(t, "anna", address.SetPrimary, "anna@contoso.test")
	b.pass(t)
	b.cycle(t)
	b.submit(t, "anna", address.AddAlias, "old@contoso.test")
	b.pass(t)
	b.cycle(t)
	removed := b.submit(t, "anna", address.RemoveAlias, "old@contoso.test")
	b.pass(t)
	b.cycle(t)
	b.clock.Add(time.Hour)
	undo := b.undo(t, first.ID, "")
	b.pass(t)
	got := b.get(t, undo.ID)
	if got.State != queue.Refused {
		t.Errorf("the undo is %s: mail is %q, which request %s (%s) took away", got.State, b.directory.values(ann).Mail, removed.ID, b.get(t, removed.ID).State)
	}
}

// An undo released an address, and a later request supersedes it over another one: who asks for the address waits for the cloud still.
func TestAReleaseGoesOnWithWhatSupersedesIt(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.restart("node-1", b.store, func(o *queue.Options) { o.Cloud = tenantOf{b.cloud} })
	set := b.submit(t, "ann", address.SetPrimary, "p@contoso.test")
	b.pass(t)
	b.cycle(t)
	b.wantState(t, set.ID, queue.Verified, "")
	b.clock.Add(time.Hour)
	undo := b.undo(t, set.ID, "") // ann is the primary again, p is released; the cloud still shows p
	b.pass(t)
	b.wantState(t, undo.ID, queue.Written, cause.NotSyncedYet)
	b.clock.Add(time.Minute)
	b.submit(t, "ann", address.SetPrimary, "q@contoso.test")
	b.pass(t)
	t.Log(b.get(t, undo.ID).State)
	b.clock.Add(time.Minute)
	bob := b.submit(t, "bob", address.AddAlias, "p@contoso.test")
	b.pass(t)
	if got := b.get(t, bob.ID); got.State == queue.Refused {
		t.Errorf("it is refused (%s: %s), though our own release of p is on its way to the cloud", got.Cause.Code, got.Cause.Message)
	}
}

// Where the first of two modifies got no answer, the receipt tells half of what was written.
func TestUndoOfHalfIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench()
	r := b.submitLost(t, true, "ann", address.SetPrimary, "p@contoso.test")
	ann := b.get(t, r.ID).Object
	v := b.directory.values(ann)
	v.Mail = "ann@contoso.test" // somebody turns mail back
	b.directory.edit(ann, v)
	b.clock.Add(2 * time.Minute)
	b.pass(t)
	got := b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet)
	t.Logf("receipt: %+v, in doubt %+v", got.Receipt, got.Doubt())
	b.cycle(t)
	b.clock.Add(time.Hour)
	undo := b.undo(t, r.ID, "")
	b.pass(t)
	b.cycle(t)
	b.cycle(t)
	u := b.get(t, undo.ID)
	if u.State != queue.Refused && b.directory.values(ann).Proxies.Has("SMTP:p@contoso.test") {
		t.Errorf("the undo is %s, request 1 is %s by %q, and the holder has %+v", u.State, b.get(t, r.ID).State, b.get(t, r.ID).SupersededBy, b.directory.values(ann))
	}
}

// What may have been written is not called nothing.
func TestUndoOfWhatWasDoubted(t *testing.T) {
	t.Parallel()
	b := newBench()
	r := b.submitLost(t, true, "bob", address.SetPrimary, "p@contoso.test")
	bob := b.get(t, r.ID).Object
	v := b.directory.values(bob)
	v.Mail = "P@contoso.test" // somebody spells mail otherwise
	b.directory.edit(bob, v)
	b.clock.Add(2 * time.Minute)
	b.pass(t)
	got := b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet)
	if _, _, err := b.service.Undo(t.Context(), r.ID, queue.Submission{}, ""); err != nil {
		t.Errorf("%v; WroteNothing %v, doubted %v, %+v", err, got.WroteNothing(), got.Receipt.Doubted, b.directory.values(bob))
	}
}

// An undo that came since, of a request that came before, has its say like any other.
func TestUndoSeesAnUndoOfWhatCameBefore(t *testing.T) {
	t.Parallel()
	b := newBench()
	ids := b.play(t, "add_alias a@contoso.test", "remove_alias a@contoso.test", "add_alias a@contoso.test",
		"undo 2", // gone
		"undo 1", // there: the removal is taken back
		"undo 0", // gone: the first addition is taken back
		"undo 3") // the undo of the second addition
	for i, id := range ids {
		r := b.get(t, id)
		t.Logf("%d %s %s: %+v", i, r.Action, r.State, r.Cause)
	}
	last := b.get(t, ids[6])
	if v := b.directory.values(last.Object); last.State != queue.Refused {
		t.Errorf("the last undo is %s, and ann has %q, which request 5 took away after the one that it takes back", last.State, v.Proxies)
	}
}
