//go:build !windows

package torture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/server/token"
)

// Launcher makes the command that runs the daemon with these arguments. The daemon has to be one that obeys the environment
// (NewInside).
type Launcher func(args ...string) *exec.Cmd

// startLimit is how long a daemon may take to answer, and stopLimit how long to end in order.
const (
	startLimit = 60 * time.Second
	stopLimit  = 60 * time.Second
)

// node is one daemon: a data folder and a settings file that stay, and a process that comes and goes.
type node struct {
	launch   Launcher
	settings string
	dataDir  string
	url      string
	log      *os.File
	env      []string

	mu      sync.Mutex
	process *process
}

// process is one life of a daemon.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it was waited for
	err   error         // of Wait; read it after ended
}

// start starts the daemon, with more environment, and returns without waiting until it answers.
func (n *node) start(env ...string) error {
	cmd := n.launch("run", "-c", n.settings)
	cmd.Env = append(append(append(os.Environ(), childKey+"=1"), n.env...), env...)
	cmd.Stdout, cmd.Stderr = n.log, n.log
	if _, err := fmt.Fprintf(n.log, "--- started with %q\n", env); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the daemon: %w", err)
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.process = p
	return nil
}

// life is the process that runs or ran last; nil before the first start.
func (n *node) life() *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.process
}

// pid is the process's, 0 before the first start.
func (n *node) pid() int {
	if p := n.life(); p != nil {
		return p.cmd.Process.Pid
	}
	return 0
}

// kill ends the process by SIGKILL and returns when it is gone. One that is gone already is no error.
func (n *node) kill() {
	if p := n.life(); p != nil {
		_ = p.cmd.Process.Kill() // a stopped process dies of it too
		<-p.ended
	}
}

// resume wakes a daemon that fell asleep.
func (n *node) resume() error { return n.life().cmd.Process.Signal(syscall.SIGCONT) }

// stop ends the process in order; one that does not end is killed, and that is an error.
func (n *node) stop() error {
	p := n.life()
	if p == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.ended:
	case <-time.After(stopLimit):
		n.kill()
		return fmt.Errorf("the daemon did not end within %s of SIGTERM", stopLimit)
	}
	if p.err != nil {
		return fmt.Errorf("the daemon ended badly: %w", p.err)
	}
	return nil
}

// killed says whether the process ended by SIGKILL.
func (p *process) killed() bool {
	select {
	case <-p.ended:
	default:
		return false
	}
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// over says whether the process has ended.
func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// remote makes a client for the daemon, as soon as it answers.
func (n *node) remote(ctx context.Context) (*client.Client, error) {
	ctx, stop := context.WithTimeout(ctx, startLimit)
	defer stop()
	for {
		c, err := n.tryRemote(ctx)
		if err == nil {
			return c, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the daemon does not answer: %w", err)
		case <-n.life().ended:
			return nil, fmt.Errorf("the daemon ended before it answered: %w", n.life().err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (n *node) tryRemote(ctx context.Context) (*client.Client, error) {
	secret, err := token.ReadLocal(n.dataDir)
	if err != nil {
		return nil, err
	}
	c, err := client.New(client.Options{URL: n.url, Token: secret.Reveal(), Timeout: 10 * time.Second})
	if err != nil {
		return nil, err
	}
	_, err = c.List(ctx, client.Query{Limit: 1})
	return c, err
}
