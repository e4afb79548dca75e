package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/aliasd/aliasd/private"
)

// nodeFile holds the name of a data folder, which is that of the node.
const nodeFile = "node"

// node names a daemon in leases and events: the machine, its data folder, and the process.
type node struct {
	host, folder string
	pid          int
}

// thisNode is the node of a data folder, which gets its name at the first start. Only who holds the folder's lock may ask.
func thisNode(dataDir string) (node, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	folder, err := folderName(filepath.Join(dataDir, nodeFile))
	if err != nil {
		return node{}, fmt.Errorf("the node's name: %w", err)
	}
	return node{host: host, folder: folder, pid: os.Getpid()}, nil
}

// folderName reads the name, and makes one where there is none: a start that was killed may have left the file without it.
func folderName(path string) (string, error) {
	text, err := private.ReadFile(path)
	name := strings.TrimSpace(string(text))
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", err
	case err != nil, !regexp.MustCompile(`^[0-9a-f]{8}$`).MatchString(name):
		return newFolderName(path)
	}
	return name, nil
}

func newFolderName(path string) (string, error) {
	var random [4]byte
	rand.Read(random[:])
	name := hex.EncodeToString(random[:])
	return name, private.WriteFile(path, []byte(name+"\n"))
}

// home is what the names of all processes of this node begin with. One of them runs at a time: the data folder is locked.
func (n node) home() string { return fmt.Sprintf("%s/%s.", n.host, n.folder) }

// name is that of this process: a lease of the one before is not ours.
func (n node) name() string { return fmt.Sprintf("%s%d", n.home(), n.pid) }
