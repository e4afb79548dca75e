package samba

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// settings is the smb.conf of a domain controller, with two placeholders.
//
//go:embed provision/smb.conf
var settings string

// folder is where one domain controller lives; everything that it writes stays in there.
type folder string

func (f folder) path(name string) string { return filepath.Join(string(f), name) }

func (f folder) conf() string { return f.path("smb.conf") }

func (f folder) database() string { return f.path("private/sam.ldb") }

// write makes a file that only its owner reads (Samba refuses a key that others can).
func (f folder) write(name string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(f.path(name)), 0o700); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return os.WriteFile(f.path(name), content, 0o600)
}

// writeSettings writes smb.conf for a domain controller in this folder and at that address.
func (f folder) writeSettings(ip string) error {
	filled := strings.NewReplacer("@DIR@", string(f), "@ADDRESS@", ip).Replace(settings)
	return f.write("smb.conf", []byte(filled))
}
