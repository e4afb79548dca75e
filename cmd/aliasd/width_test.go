package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/spf13/cobra"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// fits fails where a line is wider than the texts may be.
func fits(t *testing.T, what, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if line = strings.TrimSuffix(line, "\n"); lipgloss.Width(line) > textWidth {
			t.Errorf("%s: %d columns: %s", what, lipgloss.Width(line), line)
		}
	}
}

// The help of every command stands in 80 columns, and loses nothing.
func TestHelpFitsTheTerminal(t *testing.T) {
	t.Parallel()
	root := newApp(nil, nil, nil, func(string) (string, bool) { return "", false }).rootCommand()
	var all func(c *cobra.Command, path []string)
	all = func(c *cobra.Command, path []string) {
		help := call(t, nil, append(path, "--help")...)
		help.want(t, exitDone, reflow(c.Long))
		fits(t, c.CommandPath(), help.out)
		for _, sub := range c.Commands() {
			all(sub, append(path[:len(path):len(path)], sub.Name()))
		}
	}
	all(root, nil)
	call(t, nil, "--help").want(t, exitDone, "Exit codes: 0 done, 1 error, 2 wrong usage, wrong settings or an invalid request, 3 refused, 4 mismatched")
}

func TestReflow(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("word ", 20) + "\nand more.\n\n  kept   as\n  it is"
	want := strings.TrimSpace(strings.Repeat("word ", 16)) + "\nword word word word  and more.\n\n  kept   as\n  it is"
	if got := reflow(text); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What goes wrong is told in 80 columns.
func TestErrorsFitTheTerminal(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a sentence that says what to do ", 6)
	for what, err := range map[string]error{
		"problem": &client.Problem{Code: server.Code(cause.UnknownHolder), Detail: long,
			Candidates: []cause.Candidate{{Kind: "user", Name: long, UPN: "a@contoso.test"}}},
		"cause": cause.Wait(cause.CloudUnavailable, "%s", long), "other": errors.New(long),
		"usage": &usageError{err: cause.Wait(cause.Paused, "%s", long), try: "aliasd --help"},
	} {
		var out bytes.Buffer
		newApp(nil, nil, &out, os.LookupEnv).tell(err)
		fits(t, what, out.String())
		if out.Len() == 0 || !strings.HasPrefix(out.String(), "aliasd: ") {
			t.Errorf("%s: %q", what, out.String())
		}
	}
	var out bytes.Buffer
	c := &cause.Cause{Code: cause.HeldInCloud, Message: long, Conflict: &cause.Conflict{Kind: "group", Name: long, ID: "f387e3fb-c111-4716-9010-450711c693c9", Address: "smtp:a@contoso.test"}}
	printCause(&out, c)
	r := server.RequestJSON{State: queue.Refused, Action: address.AddAlias, Holder: long, Address: "a@contoso.test", Cause: c}
	newScreen(&out, false).show(play{title: "t", state: queue.Refused, code: cause.HeldInCloud}, r, time.Second, true, os.ErrInvalid)
	fits(t, "story", out.String())
}

// A settings file that is missing is a problem of the settings, said once.
func TestNoSettingsFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "none.yaml")
	for _, command := range [][]string{{"run"}, {"audit"}, {"check"}, {"config", "check"}, {"list"}, {"report"}, {"token", "list"}} {
		got := call(t, nil, append(command, "-c", file)...)
		if got.code != exitUsage || got.out != "" || got.err != file+": there is no such settings file (aliasd config sample prints one to start from)\n" {
			t.Errorf("%v: %+v", command, got)
		}
	}
}
