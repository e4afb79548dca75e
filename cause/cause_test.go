package cause_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"testing"

	"github.com/aliasd/aliasd/cause"
)

func TestErrorSaysBoth(t *testing.T) {
	t.Parallel()
	cases := []struct {
		err  *cause.Error
		kind cause.Kind
		want string
	}{
		{cause.Refuse(cause.IsPrimary, "%s is the primary", "a@contoso.test"), cause.Refusal, "is_primary: a@contoso.test is the primary"},
		{cause.Wait(cause.Throttled, "later").Because(io.EOF), cause.Waiting, "throttled: later: EOF"},
		{cause.Fail(cause.NotKept, "100%% gone"), cause.Failure, "not_kept: 100% gone"},
	}
	for _, c := range cases {
		if c.err.Error() != c.want || c.err.Kind != c.kind {
			t.Errorf("got %s (%s), want %s (%s)", c.err, c.err.Kind, c.want, c.kind)
		}
	}
}

func TestAs(t *testing.T) {
	t.Parallel()
	inner := cause.Wait(cause.CloudUnavailable, "no token").Because(io.ErrUnexpectedEOF)
	e, ok := cause.As(fmt.Errorf("look at the cloud: %w", inner))
	if !ok || e != inner {
		t.Errorf("got %v, %v", e, ok)
	}
	if !errors.Is(e, io.ErrUnexpectedEOF) {
		t.Error("the private error below is lost")
	}
	if _, ok := cause.As(io.EOF); ok {
		t.Error("found a cause in an error without one")
	}
	if _, ok := cause.As(nil); ok {
		t.Error("found a cause in nothing")
	}
}

// TestPublicJSON: the private error never reaches the public.
func TestPublicJSON(t *testing.T) {
	t.Parallel()
	e := cause.Refuse(cause.HeldOnPremises, "held").
		WithConflict(cause.Conflict{Kind: "user", ID: "1", Name: "Ann", Address: "smtp:a@contoso.test"}).
		WithCandidates([]cause.Candidate{{ObjectGUID: "2", Kind: "group", Name: "Sales", DN: "CN=Sales"}}).
		Because(errors.New("password s3cret"))
	got, err := json.Marshal(e.Cause)
	const want = `{"code":"held_on_premises","message":"held",` +
		`"conflict":{"kind":"user","id":"1","name":"Ann","address":"smtp:a@contoso.test"},` +
		`"candidates":[{"object_guid":"2","kind":"group","name":"Sales","dn":"CN=Sales"}]}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
}

// TestCodes: the shape of a code, and that none is listed twice under one kind.
func TestCodes(t *testing.T) {
	t.Parallel()
	shape := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	for code, kinds := range cause.Codes() {
		if !shape.MatchString(string(code)) {
			t.Errorf("%q is no code", code)
		}
		sorted := slices.Sorted(slices.Values(kinds))
		if len(sorted) == 0 || len(slices.Compact(sorted)) != len(kinds) {
			t.Errorf("%s: kinds %v", code, kinds)
		}
	}
	all := []cause.Kind{cause.Refusal, cause.Contradiction, cause.Finding}
	for _, code := range []cause.Code{cause.DomainNotVerified, cause.HeldByDeleted, cause.CloudManaged} {
		if !slices.Equal(cause.Codes()[code], all) {
			t.Errorf("%s: kinds %v, want %v", code, cause.Codes()[code], all)
		}
	}
}
