package child

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// pollEvery is how often a process group is looked at until it has ended.
const pollEvery = 10 * time.Millisecond

// Process is a running server. It leads a process group of its own, so that its children end with it.
type Process struct {
	name string
	pid  int
	done chan struct{} // closed when the process has ended
	err  error         // how it ended; read after done
}

// Start starts a command as a group of its own, and returns at once. As soon as this process ends, however it ends, the kernel
// sends the command the signal farewell.
func Start(command *exec.Cmd, farewell syscall.Signal) (*Process, error) {
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	command.SysProcAttr.Setpgid, command.SysProcAttr.Pdeathsig = true, farewell
	p := &Process{name: command.Path, done: make(chan struct{})}
	started := make(chan error)
	go p.supervise(command, started)
	return p, <-started
}

// supervise starts the process and waits for its end on one thread, because the death signal comes when the thread ends that
// started the process, not when we do. The thread ends with this goroutine.
func (p *Process) supervise(command *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer close(p.done)
	if err := command.Start(); err != nil {
		started <- fmt.Errorf("start %s: %w", p.name, err)
		return
	}
	p.pid = command.Process.Pid
	started <- nil
	p.err = command.Wait()
}

// PID is the id of the process, and of its group.
func (p *Process) PID() int { return p.pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is how the process ended, once Done is closed.
func (p *Process) Err() error { return p.err }

// Stop asks the group to end by a signal, kills what is left of it after limit, and returns when nothing is. It may
// be called for a process that has ended already.
func (p *Process) Stop(gently syscall.Signal, limit time.Duration) error {
	select {
	case <-p.done:
		return nil
	default:
	}
	if err := p.send(-p.pid, gently); err != nil {
		return err
	}
	if p.gone(limit) {
		return nil
	}
	if err := p.send(-p.pid, syscall.SIGKILL); err != nil {
		return err
	}
	if !p.gone(limit) {
		return fmt.Errorf("the process group %d of %s does not end", p.pid, p.name)
	}
	return nil
}

// gone waits until the whole group has ended: workers outlive their leader for a moment, and write into the folder.
func (p *Process) gone(limit time.Duration) bool {
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

func (p *Process) send(pid int, signal syscall.Signal) error {
	if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("send %v to %s: %w", signal, p.name, err)
	}
	return nil
}
