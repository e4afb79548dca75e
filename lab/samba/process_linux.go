package samba

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/lab/child"
	"github.com/aliasd/aliasd/lab/site"
)

// How long a domain controller may take to answer, and to end by itself.
const (
	startLimit = 2 * time.Minute
	stopLimit  = 5 * time.Second
	pollEvery  = 10 * time.Millisecond
)

// process is a running Samba. It ends with us: by a signal when we do, and by the end of its standard input.
type process struct {
	*child.Process
	folder folder
}

// launch starts Samba and returns at once.
func launch(f folder, model string) (*process, error) {
	path, err := program(sambaProgram)
	if err != nil {
		return nil, err
	}
	out, err := os.OpenFile(f.path("output"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start samba: %w", err)
	}
	command := exec.Command(path, "-s", f.conf(), "-F", "--no-process-group", "-M", model)
	command.Stdout, command.Stderr = out, out
	if _, err := command.StdinPipe(); err != nil { // held open until it ends
		return nil, errors.Join(fmt.Errorf("start samba: %w", err), out.Close())
	}
	started, err := child.Start(command, syscall.SIGKILL)
	return &process{started, f}, errors.Join(err, out.Close())
}

// await returns when the server answers over LDAPS, or with what its log says when it does not.
func (p *process) await(ctx context.Context, running *site.Site) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if answers(running.Server) && answers(running.GlobalCatalog) {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.Done():
			return fmt.Errorf("samba ended before it answered: %w\n%s", p.Err(), p.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("samba did not answer: %w\n%s", ctx.Err(), p.lastWords())
		}
	}
}

// answers says whether a server at the URL reads its root entry to us. Its certificate is not looked at, because a test may have
// asked for a wrong one; nothing secret is sent.
func answers(url string) bool {
	conn, err := ldap.DialURL(url, ldap.DialWithTLSConfig(&tls.Config{InsecureSkipVerify: true})) //nolint:gosec // see above
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	conn.SetTimeout(stopLimit)
	_, err = conn.Search(ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=*)", []string{"dnsHostName"}, nil))
	return err == nil
}

// lastWords are the ends of what Samba printed and logged.
func (p *process) lastWords() string {
	const length = 2000
	var words bytes.Buffer
	for _, name := range []string{"output", "log"} {
		content, err := os.ReadFile(p.folder.path(name))
		if err == nil {
			words.Write(content[max(0, len(content)-length):])
		}
	}
	return words.String()
}

// stop ends the process group, gently first, and returns when nothing of it is left. It may be called for a process that has
// ended already.
func (p *process) stop() error { return p.Stop(syscall.SIGTERM, stopLimit) }
