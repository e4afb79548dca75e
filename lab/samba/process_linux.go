package samba

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/lab/site"
)

// How long a domain controller may take to answer, and to end by itself.
const (
	startLimit = 2 * time.Minute
	stopLimit  = 5 * time.Second
	pollEvery  = 10 * time.Millisecond
)

// process is a running Samba. It leads a process group of its own, so that its children end with it, and it ends with us:
// by a signal when the thread that started it does, and by the end of its standard input.
type process struct {
	folder folder
	pid    int
	stdin  io.Closer     // held open; Wait closes it
	done   chan struct{} // closed when the process has ended
	err    error         // how it ended; read after done
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
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start samba: %w", err), out.Close())
	}
	p := &process{folder: f, stdin: stdin, done: make(chan struct{})}
	started := make(chan error)
	go p.supervise(command, started)
	err = errors.Join(<-started, out.Close())
	return p, err
}

// supervise starts the process and waits for its end on one thread, because the death signal comes when the thread ends that
// started the process, not when we do. The thread ends with this goroutine.
func (p *process) supervise(command *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer close(p.done)
	if err := command.Start(); err != nil {
		started <- fmt.Errorf("start samba: %w", err)
		return
	}
	p.pid = command.Process.Pid
	started <- nil
	p.err = command.Wait()
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
		case <-p.done:
			return fmt.Errorf("samba ended before it answered: %w\n%s", p.err, p.lastWords())
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
func (p *process) stop() error {
	select {
	case <-p.done:
		return nil
	default:
	}
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	if p.gone(stopLimit) {
		return nil
	}
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	if !p.gone(stopLimit) {
		return fmt.Errorf("samba's process group %d does not end", p.pid)
	}
	return nil
}

// gone waits until the whole group has ended: workers outlive their leader for a moment, and write into the folder.
func (p *process) gone(limit time.Duration) bool {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); <-tick.C {
		if errors.Is(syscall.Kill(-p.pid, 0), syscall.ESRCH) {
			<-p.done
			return true
		}
	}
	return false
}

func (p *process) signal(signal syscall.Signal) error {
	if err := syscall.Kill(-p.pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("send %v to samba: %w", signal, err)
	}
	return nil
}
