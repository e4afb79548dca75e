package cause_test

import (
	"testing"

	"github.com/aliasd/aliasd/cause"
)

// A sentence stays one when its promise to try again goes.
func TestOnce(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		"Entra wants fewer sign-ins; it is tried again":                                   "Entra wants fewer sign-ins",
		"no domain controller can be used (a); this is tried again by itself":             "no domain controller can be used (a)",
		"it answered 503; it is tried again; see the service health":                      "it answered 503; see the service health",
		"it asks to wait until 10:00; it is tried again then; if this happens often, ask": "it asks to wait until 10:00; if this happens often, ask",
		"the name is not known; check the name servers":                                   "the name is not known; check the name servers",
	} {
		if got := (cause.Cause{Message: message}).Once(); got != want {
			t.Errorf("%q became %q, want %q", message, got, want)
		}
	}
}
