package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
)

// childJobs are what a child process does until it is killed. Before each round it writes a line.
func childJobs() map[string]func(path string) error {
	return map[string]func(string) error{"prune": pruneForEver, "backup": backupForEver, "restore": restoreForEver}
}

func pruneForEver(path string) error {
	s, err := Open(context.Background(), path)
	for n := time.Now().UnixNano(); err == nil; n++ {
		err = s.write(context.Background(), func(t *txn) error { return t.lives(n<<8, 40, address.GUID{byte(n), byte(n >> 8), byte(n >> 16), 9}) })
		fmt.Println("begins")
		if err == nil {
			_, err = s.Prune(context.Background(), Pruning{Before: inAYear().Add(-30 * 24 * time.Hour), Now: inAYear()})
		}
	}
	return err
}

func backupForEver(path string) error {
	s, err := Open(context.Background(), path)
	for n := 0; err == nil; n++ {
		fmt.Println("begins")
		_, err = s.Backup(context.Background(), fmt.Sprintf("%s.copy-%d-%d", path, os.Getpid(), n))
	}
	return err
}

func restoreForEver(path string) error {
	for n := 0; ; n++ {
		fmt.Println("begins")
		now := time.Now().Add(time.Duration(n) * time.Hour)
		if _, err := Restore(context.Background(), Restoring{From: path + ".copy", Path: path, Now: now}); err != nil {
			return err
		}
	}
}

// killedAt runs a child's job and kills it so long after it has begun a round.
func killedAt(t *testing.T, job, path string, after time.Duration) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), childStore+"="+path, childJob+"="+job), os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if _, err := lines.ReadString('\n'); err != nil {
		t.Fatal("the child ended by itself: ", err, cmd.Wait())
	}
	time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	_, _ = io.Copy(io.Discard, lines)
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatal("the child ended by itself: ", err)
	}
}

// A process that is killed while it removes, copies or restores leaves a store that is whole. CI's long part kills it three times
// as often.
func TestKilledAtWork(t *testing.T) {
	t.Parallel()
	for job := range childJobs() {
		t.Run(job, func(t *testing.T) {
			t.Parallel()
			path := livedIn(t, 20)
			s := opened(t, path)
			if err := errors.Join(errOf(s.Backup(context.Background(), path+".copy")), s.Close()); err != nil {
				t.Fatal(err)
			}
			every := 3
			if os.Getenv("ALIASD_TEST_LONG") != "" {
				every = 1
			}
			for i := 0; i < 12; i += every {
				killedAt(t, job, path, time.Duration(i*i)*2*time.Millisecond)
				again := opened(t, path)
				wantSound(t, again)
				if err := again.Close(); err != nil {
					t.Fatal(err)
				}
				wantCopies(t, path)
			}
		})
	}
}

func errOf(_ any, err error) error { return err }

// wantCopies looks whether every file that is called like a finished copy is one.
func wantCopies(t *testing.T, path string) {
	t.Helper()
	copies, err := filepath.Glob(path + ".copy*")
	kept, keptErr := filepath.Glob(path + ".replaced-*")
	if copies = append(copies, kept...); err != nil || keptErr != nil || len(copies) == 0 {
		t.Fatal(copies, err, keptErr)
	}
	for _, copied := range copies {
		if strings.Contains(copied, ".part") {
			continue
		}
		if _, err := Inspect(context.Background(), copied); err != nil {
			t.Errorf("%s: %v", filepath.Base(copied), err)
		}
	}
}
