package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliasd/aliasd/server"
	"github.com/aliasd/aliasd/server/token"
)

// costly is a server whose clock stands still, and where each look at a holder costs so many units.
func costly(t *testing.T, cost int, u server.Units) (*fixture, *stoppedClock) {
	t.Helper()
	f, clock := rated(t, server.Rates{Units: u})
	f.queue.cost = cost
	f.queue.holders["jdoe"] = server.HolderView{Name: "Jane Doe"}
	return f, clock
}

func (f *fixture) explain(secret token.Secret) answer {
	return f.do(call{method: http.MethodGet, path: "/v1/holders/jdoe", token: secret})
}

func (f *fixture) validate(secret token.Secret, requester string) answer {
	body := strings.Replace(sample, "{", fmt.Sprintf(`{"requester": %q, `, requester), 1)
	return f.do(call{method: http.MethodPost, path: "/v1/validate", body: body, token: secret})
}

// until makes calls until one is refused, and gives how many were answered and how long to wait.
func (f *fixture) until(refused server.Code, one func() answer) (answered int, wait time.Duration) {
	f.t.Helper()
	for ; answered < 1000; answered++ {
		if got := one(); got.status != http.StatusOK {
			return answered, got.refused(f.t, refused)
		}
	}
	f.t.Fatal("nothing bounds it")
	return 0, 0
}

// TestReadsAreBoundedByWhatTheyCost: a token that has spent its units is refused whatever it reads, others are not, and what was spent
// too much has to be paid first.
func TestReadsAreBoundedByWhatTheyCost(t *testing.T) {
	t.Parallel()
	f, clock := costly(t, 25, server.Units{All: 60, Token: 30})
	reader := f.tokens.add("reader", token.Read, token.Submit)
	answered, wait := f.until(server.TooCostly, func() answer { return f.explain(reader) })
	if answered != 12 { // 300 units at once
		t.Errorf("%d dear reads at once", answered)
	}
	f.validate(reader, "mary").refused(t, server.TooCostly) // explain and validate have one budget
	if got := f.do(call{method: http.MethodGet, path: "/v1/requests", token: reader}); got.status != http.StatusOK {
		t.Errorf("what costs Graph nothing is answered %d", got.status)
	}
	clock.pass(wait)
	for range 2 { // 30 units came back; the second read spends 20 that are not there
		if got := f.explain(reader); got.status != http.StatusOK {
			t.Errorf("after the wait: %d", got.status)
		}
	}
	clock.pass(500 * time.Millisecond)
	f.explain(reader).refused(t, server.TooCostly)
	other := f.tokens.add("other", token.Read)
	if got := f.explain(other); got.status != http.StatusOK {
		t.Errorf("another token: %d", got.status)
	}
}

// TestManyTokensShareOneBudget: tokens that one may make at will do not multiply what the tenant and the directory have to bear.
func TestManyTokensShareOneBudget(t *testing.T) {
	t.Parallel()
	f, _ := costly(t, 20, server.Units{All: 60, Token: 30})
	answered := 0
	for i := range 5 {
		n, _ := f.until(server.TooCostly, func() answer { return f.explain(f.tokens.add(fmt.Sprint(i, answered), token.Read)) })
		answered += n
	}
	if answered != 30 {
		t.Errorf("%d reads of 20 units, want 600 units at once", answered)
	}
	if f.explain(f.local).refused(t, server.TooCostly) == 0 {
		t.Error("the local administrator's token has units of its own")
	}
}

// TestOneRequesterLeavesRoomForOthers: a helpdesk portal sends everybody's questions with one token.
func TestOneRequesterLeavesRoomForOthers(t *testing.T) {
	t.Parallel()
	f, _ := costly(t, 15, server.Units{All: 60, Token: 30, Person: 15})
	answered, _ := f.until(server.TooCostly, func() answer { return f.validate(f.all, "mary") })
	if answered != 10 {
		t.Errorf("%d previews for one person, want 150 units at once", answered)
	}
	if got := f.validate(f.all, "bob"); got.status != http.StatusOK {
		t.Errorf("for another person: %d", got.status)
	}
}

// TestReadsLeaveRoomForWrites: while writes and sweeps need Graph, nobody has a holder looked up.
func TestReadsLeaveRoomForWrites(t *testing.T) {
	t.Parallel()
	busy := 7 * time.Second
	f := newFixture(t, func(o *server.Options) { o.Room = func() time.Duration { return busy } })
	for _, got := range []answer{f.explain(f.all), f.validate(f.all, "mary"), f.explain(f.local)} {
		if wait := got.refused(t, server.TooCostly); wait != busy {
			t.Errorf("is to wait %v", wait)
		}
	}
	if f.queue.looks != 0 {
		t.Errorf("%d were looked up", f.queue.looks)
	}
	if got := f.post("/v1/requests", sample); got.status != http.StatusAccepted {
		t.Errorf("a request is answered %d", got.status)
	}
}

// TestFewReadsAreMadeAtATime: a hundred who ask wait at the server, and not at Graph or the directory.
func TestFewReadsAreMadeAtATime(t *testing.T) {
	t.Parallel()
	f, _ := costly(t, 1, server.Units{})
	looking := make(chan struct{})
	f.queue.set(func(q *fakeQueue) { q.looking = looking })
	var asking sync.WaitGroup
	for i := range 60 {
		secret := f.tokens.add(fmt.Sprint(i), token.Read)
		asking.Go(func() {
			if got := f.explain(secret); got.status != http.StatusOK && got.status != http.StatusTooManyRequests {
				t.Errorf("answered %d", got.status)
			}
		})
	}
	inside := 0
	for deadline := time.Now().Add(patience); inside < 4; time.Sleep(time.Millisecond) {
		f.queue.set(func(q *fakeQueue) { inside = q.inside })
		if time.Now().After(deadline) {
			t.Fatalf("%d are looked up", inside)
		}
	}
	all := make(chan struct{})
	go func() {
		defer close(all)
		asking.Wait()
	}()
	for answered := false; !answered; {
		select {
		case looking <- struct{}{}:
		case <-all:
			answered = true
		}
	}
	if f.queue.together != 4 {
		t.Errorf("%d at a time, want 4", f.queue.together)
	}
}
