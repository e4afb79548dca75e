//go:build unix

package config

import (
	"errors"
	"os"
	"testing"

	"github.com/aliasd/aliasd/private"
)

func TestSecretFileOpenToOthers(t *testing.T) {
	t.Parallel()
	s := secretFile(t, "s3cret\n")
	if err := os.Chmod(s.ref, 0o644); err != nil {
		t.Fatal(err)
	}
	var wider *private.WiderError
	if _, err := s.Value(); !errors.As(err, &wider) || wider.Mend != "chmod 0600 "+s.ref {
		t.Errorf("got %v", err)
	}
	if err := os.Chmod(s.ref, 0o640); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Value(); err != nil || got != "s3cret" {
		t.Errorf("got %q, %v", got, err)
	}
}
