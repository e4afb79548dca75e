package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
)

// verdict is one way for a written request not to be verified, and how the lab is brought to it.
type verdict struct {
	name     string
	tenant   tenant.Options
	settings func(*testing.T, *stack) // before the daemon starts
	ask      func(*testing.T, *stack) requestJSON
	after    func(*testing.T, *stack) // after the write
	cycles   bool                     // sync cycles run until the verdict is there
	state    queue.State
	code     cause.Code
	says     []string // parts of the sentence
	conflict string   // the name of the object in conflict
	// mend takes the obstacle away: then the request becomes verified. Nil where nobody can.
	mend func(*testing.T, *stack)
}

// Each waiting and each contradiction after the write: the lab is driven into it, the cause is read back through the API,
// and where the obstacle can be taken away, the request becomes verified after all, without a cause.
func TestVerdictsEndToEnd(t *testing.T) {
	t.Parallel()
	for _, v := range slices.Concat(waitingVerdicts(), onPremisesVerdicts(), cloudVerdicts(), conflictVerdicts()) {
		t.Run(string(v.code)+"/"+v.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, lab.Embedded, v.tenant)
			if v.settings != nil {
				v.settings(t, s)
			}
			s.startDaemon(t)
			id := s.drive(t, v)
			got := s.until(t, id, string(v.code), func(r requestJSON) bool {
				if v.cycles {
					s.cycle(t)
				}
				s.look(r)
				return r.State == v.state && codeOf(r) == v.code
			})
			checkCause(t, got, v)
			if v.mend != nil {
				v.mend(t, s)
				s.verifyLater(t, id)
			}
		})
	}
}

// drive submits, waits until it is written, and lets happen what happens then.
func (s *stack) drive(t *testing.T, v verdict) queue.RequestID {
	t.Helper()
	if v.ask == nil {
		v.ask = func(t *testing.T, s *stack) requestJSON {
			return s.submit(t, address.AddAlias, "jdoe", "j.doe@contoso.test")
		}
	}
	r := v.ask(t, s)
	s.until(t, r.ID, "written", func(r requestJSON) bool { return r.State == queue.Written })
	if v.after != nil {
		v.after(t, s)
	}
	return r.ID
}

// checkCause: one public sentence with the values in it, and the object in conflict.
func checkCause(t *testing.T, r requestJSON, v verdict) {
	t.Helper()
	message := r.Cause.Message
	if len(message) < 40 || strings.ContainsAny(message, "\n") || strings.Contains(message, "%!") || strings.HasSuffix(message, ".") {
		t.Errorf("not a public sentence: %q", message)
	}
	for _, part := range v.says {
		contains(t, message, part)
	}
	name := ""
	if r.Cause.Conflict != nil {
		name = r.Cause.Conflict.Name
		contains(t, message, name)
	}
	if name != v.conflict {
		t.Errorf("the conflict is %q, want %q: %s", name, v.conflict, message)
	}
}

// look asks for a sweep now. One of the schedule may verify the request before this call, which then says 409.
func (s *stack) look(r requestJSON) {
	if r.State == queue.Written || r.State == queue.Mismatched {
		_, _ = s.remote.Recheck(context.Background(), r.ID)
	}
}

// verifyLater lets sync cycles run and asks to look again, until a request is verified.
func (s *stack) verifyLater(t *testing.T, id queue.RequestID) {
	t.Helper()
	verified := s.until(t, id, "verified", func(r requestJSON) bool {
		s.cycle(t)
		s.look(r)
		return r.State == queue.Verified
	})
	if verified.Cause != nil || verified.VerifiedAt.IsZero() {
		t.Errorf("verified at %s with the cause %+v", verified.VerifiedAt, verified.Cause)
	}
}

// TestEachVerdictHasARow: every contradiction, and every waiting that its page calls one of a written request.
func TestEachVerdictHasARow(t *testing.T) {
	t.Parallel()
	reached := map[cause.Code]bool{
		cause.DCUnavailable: true, // needs a second DC that is behind: TestASweepDoesNotJudgeFromADCThatIsBehind
	}
	for _, v := range slices.Concat(waitingVerdicts(), onPremisesVerdicts(), cloudVerdicts(), conflictVerdicts()) {
		reached[v.code] = true
	}
	afterTheWrite := 0
	for code, kinds := range cause.Codes() {
		if slices.Contains(kinds, cause.Contradiction) || slices.Contains(kinds, cause.Waiting) && waitsWritten(t, code) {
			afterTheWrite++
			if !reached[code] {
				t.Errorf("no row brings the lab to %s", code)
			}
		}
	}
	if afterTheWrite < 18 {
		t.Errorf("only %d codes are said after a write", afterTheWrite)
	}
}

// waitsWritten reads on a code's page whether a written request waits with it.
func waitsWritten(t *testing.T, code cause.Code) bool {
	t.Helper()
	page, err := os.ReadFile("../../docs/causes/" + string(code) + ".md")
	fatal(t, err)
	_, line, found := strings.Cut(string(page), "**Waiting**: ")
	line, _, _ = strings.Cut(line, "\n")
	return found && strings.Contains(line, "`written`")
}

// Whatever happens after it, a verified request stays so and has no cause.
func TestVerifiedStaysVerified(t *testing.T) {
	t.Parallel()
	s := newStack(t, lab.Embedded, tenant.Options{})
	r := s.submit(t, address.AddAlias, "jdoe", "j.doe@contoso.test")
	s.verify(t, r.ID)
	s.replace(t, "Jane Doe", "proxyAddresses", "SMTP:jdoe@contoso.test") // the alias is gone again
	s.Tenant.UnverifyDomain("contoso.test")
	later := s.submit(t, address.AddAlias, "carla", "c.ruiz@contoso.com")
	s.verify(t, later.ID) // so sweeps ran since
	if _, err := s.remote.Recheck(context.Background(), r.ID); err == nil {
		t.Error("a verified request is rechecked")
	}
	got, err := s.remote.Get(context.Background(), r.ID)
	fatal(t, err)
	if got.State != queue.Verified || got.Cause != nil {
		t.Errorf("the verified request is %s with the cause %+v", got.State, got.Cause)
	}
	for i, e := range got.Events {
		if e.To == queue.Verified && (e.Cause != nil || i != len(got.Events)-1) {
			t.Errorf("event %d of %d: %+v", i, len(got.Events), e)
		}
	}
}
