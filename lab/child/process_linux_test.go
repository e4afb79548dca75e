package child

import (
	"errors"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// A process ends also where it does not listen to the first signal. Stopping twice is harmless.
func TestStop(t *testing.T) {
	t.Parallel()
	p, err := Start(exec.Command("sh", "-c", `trap "" TERM; exec sleep 60`), syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.Stop(syscall.SIGTERM, time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Kill(-p.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("something of the group is left: %v", err)
	}
	if p.Err() == nil {
		t.Error("it ended well")
	}
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	if _, err := Start(exec.Command("/nowhere/program"), syscall.SIGKILL); err == nil {
		t.Error("a program that is not there was started")
	}
}
