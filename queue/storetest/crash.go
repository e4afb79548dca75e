package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

// Crash starts a child process that runs Load on a store and says on its standard output what was acknowledged, kills it
// in the middle of it, several times over on the same store, and looks each time whether all that was acknowledged is
// there. open opens the store that the children work on, once they are dead; verify walks its event log.
func Crash(t *testing.T, child func() *exec.Cmd, open func(t *testing.T) queue.Store, verify func(queue.Store) error) {
	seen := acknowledged{}
	for _, after := range []int{40, 700, 300} {
		t.Run(fmt.Sprintf("after %d", after), func(t *testing.T) {
			seen.merge(killAfter(t, child(), after))
			s := open(t)
			if err := errors.Join(seen.check(s), checkChain(s), verify(s)); err != nil {
				t.Fatal(err)
			}
		})
	}
	if seen.in(queue.Verified) == 0 {
		t.Fatalf("the children verified nothing: %v", seen)
	}
}

// killAfter starts a child and kills it as soon as it has acknowledged so much; it returns all that it acknowledged.
func killAfter(t *testing.T, child *exec.Cmd, lines int) acknowledged {
	t.Helper()
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	kill := sync.OnceValue(child.Process.Kill)
	t.Cleanup(func() { _ = kill() })
	seen, n := acknowledged{}, 0
	for in := bufio.NewReader(out); ; n++ {
		line, err := in.ReadString('\n')
		if err != nil {
			break // what is cut off was not acknowledged
		}
		seen.add(t, line)
		if n == lines {
			if err := kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); n < lines || err == nil {
		t.Fatalf("the child ended by itself after %d lines: %v", n, err)
	}
	return seen
}

// acknowledged is the furthest that the store said a request had come, by the key that it was submitted with.
type acknowledged map[string]progress

type progress struct {
	id    queue.RequestID
	state queue.State
}

func (a acknowledged) add(t *testing.T, line string) {
	t.Helper()
	var key string
	var p progress
	if _, err := fmt.Sscan(line, &key, &p.id, &p.state); err != nil {
		t.Fatalf("the child says %q: %v", line, err)
	}
	a.merge(acknowledged{key: p})
}

// rank is how far on its way a request is in a state. Load knows only this way.
func rank(s queue.State) int {
	for i, step := range []queue.State{queue.Accepted, queue.Queued, queue.Writing, queue.Written, queue.Verified} {
		if s == step {
			return i
		}
	}
	return -1
}

func (a acknowledged) merge(b acknowledged) {
	for key, p := range b {
		if known, ok := a[key]; !ok || rank(p.state) > rank(known.state) {
			a[key] = p
		}
	}
}

func (a acknowledged) in(s queue.State) (n int) {
	for _, p := range a {
		if p.state == s {
			n++
		}
	}
	return n
}

// check looks whether a store has all of it: each request as far as it was said to be, and its key used.
func (a acknowledged) check(s queue.Store) error {
	for key, p := range a {
		r, created, err := s.Accept(context.Background(), loadSubmission(key), queue.Idempotency{Key: key}, time.Now())
		if err != nil || created || r.ID != p.id {
			return fmt.Errorf("key %s gave %s (new: %v, %v), it was acknowledged as %s", key, r.ID, created, err, p.id)
		}
		if rank(r.State) < rank(p.state) {
			return fmt.Errorf("request %s is %s, it was acknowledged as %s", r.ID, r.State, p.state)
		}
		if rank(r.State) >= rank(queue.Written) && (r.Receipt == nil || r.Intent == nil || r.Receipt.At.IsZero()) {
			return fmt.Errorf("request %s is %s without intent or receipt: %s", r.ID, r.State, inJSON(r))
		}
	}
	return nil
}

func loadSubmission(key string) queue.Submission {
	return queue.Submission{Holder: key, Action: address.AddAlias, Address: address.Address(key + "@contoso.test"), SubmittedBy: "load"}
}

// Load submits requests from several goroutines and brings them to verified in several others, without end. After each
// step that the store has acknowledged it writes a line: key, id and state. It returns where the store or out fails.
func Load(s queue.Store, out io.Writer) error {
	l := &load{store: s, out: out, start: time.Now().UnixNano()}
	failed := make(chan error)
	for i := range 6 {
		go func() { failed <- l.submit(i) }()
	}
	for i := range 3 {
		go func() { failed <- l.work(fmt.Sprint("worker", i)) }()
	}
	return <-failed
}

type load struct {
	store queue.Store
	start int64

	mu  sync.Mutex
	out io.Writer
}

func (l *load) say(r queue.Request, err error) error {
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err = fmt.Fprintln(l.out, r.Holder, r.ID, r.State)
	return err
}

func (l *load) submit(caller int) error {
	for n := 0; ; n++ {
		key := fmt.Sprintf("k%d-%d-%d", l.start, caller, n)
		r, _, err := l.store.Accept(context.Background(), loadSubmission(key), queue.Idempotency{Key: key}, time.Now())
		if err := l.say(r, err); err != nil {
			return err
		}
	}
}

// work resolves and writes what there is. The others do the same: that somebody was faster is no failure.
func (l *load) work(owner string) error {
	for {
		waiting, err := l.store.Unresolved(context.Background(), time.Now(), 8)
		for _, r := range waiting {
			h := address.GUID{byte(r.Seq), byte(r.Seq >> 8), byte(r.Seq >> 16), 1}
			if err := l.step(l.store.Resolve(context.Background(), r.ID, h, takes(r.Address), time.Now())); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
		leased, err := l.store.Claim(context.Background(), owner, time.Now(), time.Second, 8)
		if err != nil {
			return err
		}
		for _, r := range leased {
			if err := l.write(r, owner); err != nil {
				return err
			}
		}
	}
}

func (l *load) step(r queue.Request, err error) error {
	if errors.Is(err, queue.ErrStale) {
		return nil
	}
	return l.say(r, err)
}

func (l *load) write(r queue.Request, owner string) error {
	change := changeOf(r.Address)
	receipt := &ldapwriter.Receipt{DC: "dc1", Change: change, At: time.Now()}
	for _, t := range []queue.Transition{
		{From: queue.Writing, To: queue.Writing, What: "intent", Intent: &queue.Intent{DC: "dc1", Change: change, Sent: true}},
		{From: queue.Writing, To: queue.Written, Receipt: receipt, Expectation: &cloudcheck.Expectation{}, Supersedes: []address.Key{r.Address.Key()}},
		{From: queue.Written, To: queue.Verified},
	} {
		t.ID, t.Owner, t.Now = r.ID, owner, time.Now()
		if err := l.step(l.store.Advance(context.Background(), t)); err != nil {
			return err
		}
	}
	return nil
}
