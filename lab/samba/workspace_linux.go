package samba

import (
	"errors"
	"fmt"
	"os"

	"github.com/aliasd/aliasd/lab/child"
)

// workspace is the temporary folder of one domain controller.
type workspace struct{ *child.Folder }

// newWorkspace makes a workspace, and removes those of test processes that were killed.
func newWorkspace() (*workspace, error) {
	made, err := child.NewFolder("aliasd-dc-")
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(made.Path("dc"), 0o700); err != nil {
		return nil, errors.Join(fmt.Errorf("make a folder for the domain controller: %w", err), made.Remove())
	}
	return &workspace{made}, nil
}

// folder is where the domain is.
func (w *workspace) folder() folder { return folder(w.Path("dc")) }
