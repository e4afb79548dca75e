package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
)

// haystack is everything that aliasd wrote, by where.
type haystack map[string][]byte

func (h haystack) add(where string, text ...string) {
	h[where] = append(h[where], strings.Join(text, "\n")...)
}

// addFiles reads every file of a folder but those that are secrets themselves.
func (h haystack) addFiles(t *testing.T, dir string, but ...string) {
	t.Helper()
	skip := map[string]bool{}
	for _, name := range but {
		skip[filepath.Join(dir, name)] = true
	}
	fatal(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || skip[path] {
			return err
		}
		data, err := os.ReadFile(path)
		h.add("file "+path, string(data))
		return err
	}))
}

// spellings are how a secret could stand in a text: as it is, quoted for JSON, Go, HTML or a URL, in hex, in UTF-16, and in
// base64 with any number of bytes before it.
func spellings(secret string) map[string][]byte {
	quoted, _ := json.Marshal(secret)
	found := map[string][]byte{
		"as it is": []byte(secret), "JSON": bytes.Trim(quoted, `"`), "Go": []byte(strings.Trim(strconv.Quote(secret), `"`)),
		"HTML": []byte(html.EscapeString(secret)), "query": []byte(url.QueryEscape(secret)), "path": []byte(url.PathEscape(secret)),
		"hex": []byte(hex.EncodeToString([]byte(secret))), "HEX": []byte(strings.ToUpper(hex.EncodeToString([]byte(secret)))),
		"bytes": []byte(strings.Trim(fmt.Sprint([]byte(secret)), "[]")),
	}
	var wide []byte
	for _, unit := range utf16.Encode([]rune(secret)) {
		wide = append(wide, byte(unit), byte(unit>>8))
	}
	found["UTF-16"] = wide
	for name, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
		for before := range 3 {
			// The characters at the ends depend on what stands beside.
			text := encoding.EncodeToString(append(make([]byte, before), secret...))
			from, to := []int{0, 2, 3}[before], len(text)
			if (before+len(secret))%3 != 0 {
				to--
			}
			found[fmt.Sprint(name, before)] = []byte(text[from:to])
		}
	}
	return found
}

// leaks names where a secret stands, and how.
func (h haystack) leaks(secrets map[string]string) []string {
	var found []string
	for name, secret := range secrets {
		for how, spelling := range spellings(secret) {
			for where, text := range h {
				if len(spelling) >= 8 && bytes.Contains(text, spelling) {
					found = append(found, fmt.Sprintf("%s, %s: in %s", name, how, where))
				}
			}
		}
	}
	return found
}

// TestTheSearchFindsALeak plants a secret in each spelling, at each place of a base64 text.
func TestTheSearchFindsALeak(t *testing.T) {
	t.Parallel()
	const secret = `m4rk&d "s3cr3t" <ü>`
	secrets := map[string]string{"secret": secret}
	for how, spelling := range spellings(secret) {
		h := haystack{"log": []byte("level=INFO msg=x y=" + string(spelling) + " z")}
		if len(h.leaks(secrets)) == 0 {
			t.Errorf("%s is not found: %q", how, spelling)
		}
	}
	for before := range 10 {
		for after := range 4 {
			plain := strings.Repeat("a", before) + secret + strings.Repeat("b", after)
			h := haystack{"file": []byte(base64.StdEncoding.EncodeToString([]byte(plain)))}
			if len(h.leaks(secrets)) == 0 {
				t.Errorf("not found in base64 between %d and %d bytes", before, after)
			}
		}
	}
	if found := (haystack{"log": []byte("nothing to see")}).leaks(secrets); len(found) > 0 {
		t.Errorf("found %v in nothing", found)
	}
}
