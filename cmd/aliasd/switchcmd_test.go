package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/eventlog"
	"github.com/aliasd/aliasd/server"
	"github.com/aliasd/aliasd/server/token"
)

// impatient runs a command line that gives the API little time before it turns the switch in the store.
func impatient(t *testing.T, env map[string]string, args ...string) answer {
	t.Helper()
	return giving(t, 100*time.Millisecond, env, args...)
}

// giving runs a command line that gives the API so much time before it turns the switch in the store.
func giving(t *testing.T, apiPatience time.Duration, env map[string]string, args ...string) answer {
	t.Helper()
	var out, errOut bytes.Buffer
	a := newApp(strings.NewReader(""), &out, &errOut, func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	})
	a.apiPatience = apiPatience
	return answer{code: a.run(t.Context(), args), out: out.String(), err: errOut.String()}
}

// mute listens, takes connections, and never says anything.
func mute(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	fatal(t, err)
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

// TestTheStopSwitchWorksWithoutTheAPI: the daemon's API hangs. The switch is turned in its store, the daemon goes by it, and the event
// log says who did.
func TestTheStopSwitchWorksWithoutTheAPI(t *testing.T) {
	t.Parallel()
	s := newStack(t, lab.Embedded, tenant.Options{})
	replaceInFile(t, s.file, strings.TrimPrefix(s.daemon.URL(), "http://"), mute(t))
	env := map[string]string{"ALIASD_CONFIG": s.file}
	got := impatient(t, env, "pause", "--json")
	got.want(t, exitDone, "does not answer", "the switch is turned in its store")
	var state server.PauseJSON
	fatal(t, json.Unmarshal([]byte(got.out), &state))
	account, err := user.Current()
	fatal(t, err)
	by := "local (" + account.Username + ", in the store)"
	if !state.Paused || state.By != by {
		t.Errorf("paused: %+v, want by %s", state, by)
	}
	r := s.submit(t, address.AddAlias, "jdoe", "j1@contoso.test")
	s.untilState(t, r.ID, queue.Queued, cause.Paused)
	impatient(t, env, "resume").want(t, exitDone, "writing goes on")
	s.until(t, r.ID, "written", func(r requestJSON) bool { return r.State == queue.Written })
	events, err := s.daemon.store.Events(context.Background(), "", queue.Part{})
	fatal(t, err)
	if len(events) != 2 || events[0].What != eventlog.Stopped || events[1].What != eventlog.GoesOn || string(events[1].Detail) != `{"by":"`+by+`"}` {
		t.Errorf("the log says %+v", events)
	}
	s.cli(t, "log", "verify").want(t, exitDone, "holds")
}

// TestTheStopSwitchWithoutAToken: the local token is gone, or an answer begins and never ends: neither keeps anybody from the switch.
func TestTheStopSwitchWithoutAToken(t *testing.T) {
	t.Parallel()
	s := newStack(t, lab.Embedded, tenant.Options{})
	fatal(t, os.Remove(filepath.Join(filepath.Dir(s.file), "data", token.LocalFile)))
	env := map[string]string{"ALIASD_CONFIG": s.file}
	impatient(t, env, "pause").want(t, exitDone, "cannot be asked", "the switch is turned in its store", "writing is stopped")
	hanging := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write([]byte("{"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(hanging.Close)
	replaceInFile(t, s.file, strings.TrimPrefix(s.daemon.URL(), "http://"), hanging.Listener.Addr().String())
	env["ALIASD_TOKEN"] = s.token(t, "boss")
	impatient(t, env, "resume").want(t, exitDone, "does not answer", "the switch is turned in its store", "writing goes on")
}

// TestTheStopSwitchOfAnotherMachine: only the daemon of this machine's settings has a store here.
func TestTheStopSwitchOfAnotherMachine(t *testing.T) {
	t.Parallel()
	s := newStack(t, lab.Embedded, tenant.Options{})
	env := map[string]string{"ALIASD_CONFIG": s.file, "ALIASD_TOKEN": s.token(t, "boss"), "ALIASD_URL": "http://" + mute(t)}
	impatient(t, env, "pause").want(t, exitError, "context deadline exceeded")
	// An answer is an answer: this token may not.
	env["ALIASD_URL"] = s.daemon.URL()
	a := call(t, env, "pause")
	a.want(t, exitError, "forbidden")
	if since, _, err := s.daemon.store.Paused(context.Background()); err != nil || !since.IsZero() {
		t.Errorf("paused since %v, %v", since, err)
	}
}

// TestTheStopSwitchUnderAFlood: hundreds of connections say nothing, and the command line turns the switch by the API.
func TestTheStopSwitchUnderAFlood(t *testing.T) {
	t.Parallel()
	s := newStack(t, lab.Embedded, tenant.Options{})
	for range 600 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.daemon.URL(), "http://"))
		fatal(t, err)
		t.Cleanup(func() { conn.Close() })
	}
	var state server.PauseJSON
	got := giving(t, patience, map[string]string{"ALIASD_CONFIG": s.file}, "pause", "--json")
	fatal(t, json.Unmarshal([]byte(got.out), &state))
	if !state.Paused || state.By != "local" {
		t.Errorf("paused: %+v", state)
	}
	s.cli(t, "resume").want(t, exitDone, "writing goes on")
}
