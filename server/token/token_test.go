package token_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/server/token"
)

func TestNew(t *testing.T) {
	t.Parallel()
	a, b := token.New(), token.New()
	if a == b || a.Hash() == b.Hash() {
		t.Fatal("two tokens are the same")
	}
	if text := a.Reveal(); !strings.HasPrefix(text, "aliasd_") || len(text) != 50 {
		t.Errorf("a token of %d characters", len(text))
	}
	if (token.Secret{}).Reveal() != "" {
		t.Error("nobody's token says something")
	}
	if len(a.Hash()) != 64 {
		t.Errorf("hash %q", a.Hash())
	}
	back, err := token.Parse(a.Reveal())
	if err != nil || back != a || back.Hash() != a.Hash() {
		t.Errorf("read back: %v", err)
	}
}

// TestHash is the SHA-256 of the text, worked out by sha256sum.
func TestHash(t *testing.T) {
	t.Parallel()
	s, err := token.Parse("aliasd_" + strings.Repeat("A", 43))
	if err != nil {
		t.Fatal(err)
	}
	if want := token.Hash("43190bb1d11bbf6168fbdf2503e45fc38637600e366b687c531110ce199cd34b"); s.Hash() != want {
		t.Errorf("got %s", s.Hash())
	}
}

func TestNotTokens(t *testing.T) {
	t.Parallel()
	good := token.New().Reveal()
	for _, text := range []string{"", "aliasd_", good[:49], good + "A", good + "=", " " + good, good + "\n", strings.ToUpper(good),
		strings.TrimPrefix(good, "aliasd_"), "aliasd-" + good[7:], "aliasd_" + strings.Repeat("A", 42) + "+", "aliasd_" + strings.Repeat("A", 42) + "B"} {
		if _, err := token.Parse(text); !errors.Is(err, token.ErrMalformed) {
			t.Errorf("%q: %v", text, err)
		} else if text != "" && len(text) > 20 && strings.Contains(err.Error(), text) {
			t.Errorf("the error holds the text: %v", err)
		}
	}
}

func TestSecretHides(t *testing.T) {
	t.Parallel()
	s := token.New()
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("made", "token", s, "in", struct{ Token token.Secret }{s})
	}
	// Marshalled by mistake it must show nothing: that it has no field to show is what is tested.
	coded, err := json.Marshal(map[string]any{"token": s})
	if err != nil {
		t.Fatal(err)
	}
	type holds struct{ inside token.Secret }
	log.WriteString(fmt.Sprintf("%v %+v %#v", holds{s}, holds{s}, &holds{s}))
	all := log.String() + string(coded) + s.String() + fmt.Sprint(s, &s) + fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s, s)
	if strings.Contains(all, s.Reveal()[7:]) {
		t.Errorf("shown: %s", all)
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	for list, want := range map[string][]token.Scope{
		"read": {token.Read}, "read,submit": {token.Submit, token.Read}, " admin , admin": {token.Admin},
		"approve,read,submit,admin": token.Scopes(),
	} {
		if got, err := token.ParseScopes(list); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v", list, got, err)
		}
	}
	for _, list := range []string{"", "read,", "Read", "read submit", "root"} {
		if got, err := token.ParseScopes(list); err == nil {
			t.Errorf("%q: %v", list, got)
		}
	}
}

func TestAllows(t *testing.T) {
	t.Parallel()
	for _, have := range token.Scopes() {
		for _, need := range token.Scopes() {
			who := token.Identity{Name: "x", Scopes: []token.Scope{have}}
			if got, want := who.Allows(need), have == need || have == token.Admin; got != want {
				t.Errorf("%s allows %s: %v", have, need, got)
			}
		}
	}
	var nobody token.Identity
	if nobody.Known() || nobody.Allows(token.Read) || nobody.Allows("") {
		t.Error("nobody may do something")
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"helpdesk", "Service-Now_2.1", "7", strings.Repeat("a", 63), "locals"} {
		if err := token.CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "local", "-a", ".a", "a b", "ä", "a\n", strings.Repeat("a", 64)} {
		if err := token.CheckName(name); err == nil {
			t.Errorf("%q passes", name)
		}
	}
}

func TestLocalToken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := token.ReadLocal(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("before the first start: %v", err)
	}
	first, err := token.LocalToken(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := token.LocalToken(dir)
	if err != nil || again != first {
		t.Errorf("after a restart: another one, %v", err)
	}
	read, err := token.ReadLocal(dir)
	if err != nil || read != first {
		t.Errorf("a command reads another one, %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != token.LocalFile {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	info, err := os.Stat(filepath.Join(dir, token.LocalFile))
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestLocalTokenThatIsBroken(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "aliasd_half", "\x00\x00"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, token.LocalFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := token.ReadLocal(dir); !errors.Is(err, token.ErrMalformed) {
			t.Errorf("%q: %v", text, err)
		}
		made, err := token.LocalToken(dir)
		if err != nil {
			t.Fatal(err)
		}
		if read, err := token.ReadLocal(dir); err != nil || read != made {
			t.Errorf("%q: not replaced: %v", text, err)
		}
	}
}

func TestLocalTokenOpenToOthers(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the folder's DACL says who may read it")
	}
	dir := t.TempDir()
	if _, err := token.LocalToken(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, token.LocalFile)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := token.LocalToken(dir); err == nil || !strings.Contains(err.Error(), "0640") || !strings.Contains(err.Error(), "restart") {
		t.Errorf("got %v", err)
	}
	elsewhere := filepath.Join(t.TempDir(), "x")
	if err := os.Rename(path, elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, path); err != nil {
		t.Fatal(err)
	}
	if _, err := token.LocalToken(dir); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a link: %v", err)
	}
}

func TestLocalTokenWithoutAFolder(t *testing.T) {
	t.Parallel()
	if _, err := token.LocalToken(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(token.New().Reveal())
	f.Add("aliasd_")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := token.Parse(text)
		if err != nil {
			return
		}
		if s.Reveal() != text || len(text) != 50 {
			t.Errorf("%q is taken for %q", text, s.Reveal())
		}
	})
}
