package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// take takes a turn that has to be free.
func take(t *testing.T, s *Store, name string) *Turn {
	t.Helper()
	turn, ok, err := s.Turn(context.Background(), name)
	if err != nil || !ok {
		t.Fatalf("the turn for %s: %v, %v", name, ok, err)
	}
	t.Cleanup(func() { _ = turn.Release() })
	return turn
}

// taken stops the test where a turn is free.
func taken(t *testing.T, s *Store, name string) {
	t.Helper()
	if _, ok, err := s.Turn(context.Background(), name); ok || err != nil {
		t.Fatalf("the turn for %s: %v, %v", name, ok, err)
	}
}

// takeSoon takes a turn that is about to be free.
func takeSoon(t *testing.T, s *Store, name string) *Turn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		turn, ok, err := s.Turn(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			t.Cleanup(func() { _ = turn.Release() })
			return turn
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the turn for %s is not free", name)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestTurn(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) {
		s := d.fresh(t)
		first := take(t, s, "sweep")
		taken(t, s, "sweep")
		take(t, s, "report")
		for range 2 {
			if err := first.Release(); err != nil {
				t.Fatal(err)
			}
		}
		take(t, s, "sweep")
		select {
		case <-first.Lost():
			t.Error("a turn that was released was lost")
		default:
		}
	})
}

func TestTurnAcrossNodes(t *testing.T) {
	t.Parallel()
	url := lab.place(t)
	one, other := openedPostgres(t, url), openedPostgres(t, url)
	turn := take(t, one, "sweep")
	taken(t, other, "sweep")
	if err := turn.Release(); err != nil {
		t.Fatal(err)
	}
	take(t, other, "sweep")
	taken(t, one, "sweep")
}

// A node whose connection breaks learns that the job is not its own any more.
func TestTurnIsLost(t *testing.T) {
	t.Parallel()
	url := lab.place(t)
	one, other := openedPostgres(t, url), openedPostgres(t, url)
	turn := take(t, one, "sweep")
	var ended int
	_, err := other.row(context.Background(), `SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory'
		AND classid = ? AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`, []any{turnSpace}, &ended)
	if err != nil || ended != 1 {
		t.Fatalf("%d connections were ended: %v", ended, err)
	}
	takeSoon(t, other, "sweep")
	select {
	case <-turn.Lost():
	case <-time.After(patience):
		t.Fatal("the turn was lost, and nobody was told")
	}
	taken(t, one, "sweep")
	if err := turn.Release(); err != nil {
		t.Error(err)
	}
}

// childTurn names the store on which a child process takes a turn and then waits to be killed.
const childTurn = "ALIASD_TEST_CHILD_TURN"

// The turn of a process that is killed is free.
func TestTurnOfTheDead(t *testing.T) {
	t.Parallel()
	if url := os.Getenv(childTurn); url != "" {
		take(t, openedPostgres(t, url), "sweep")
		fmt.Println("taken")
		select {}
	}
	url := lab.place(t)
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTurnOfTheDead$")
	command.Env, command.Stderr = append(os.Environ(), childTurn+"="+url), os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); strings.TrimSpace(line) != "taken" {
		t.Fatalf("the child says %q: %v", line, err)
	}
	s := openedPostgres(t, url)
	taken(t, s, "sweep")
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait()
	takeSoon(t, s, "sweep")
}
