package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/private"
)

// A data folder keeps its name, also where a start was killed before the name was in its file; another folder has another.
func TestNode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := thisNode(dir)
	fatal(t, err)
	again, err := thisNode(dir)
	fatal(t, err)
	other, err := thisNode(t.TempDir())
	fatal(t, err)
	if first != again || first.folder == other.folder || !strings.HasPrefix(first.name(), first.home()) {
		t.Errorf("%+v, again %+v, another folder %+v", first, again, other)
	}
	fatal(t, private.WriteFile(filepath.Join(dir, nodeFile), nil))
	fatal(t, os.Truncate(filepath.Join(dir, nodeFile), 0))
	mended, err := thisNode(dir)
	fatal(t, err)
	if again, err := thisNode(dir); err != nil || again != mended || mended.folder == "" {
		t.Errorf("%+v, again %+v: %v", mended, again, err)
	}
}
