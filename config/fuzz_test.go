package config

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// FuzzMisplacedSecret puts a secret where only its place may stand, in every spelling that YAML has for a text: it is
// refused, and no problem shows it.
func FuzzMisplacedSecret(f *testing.F) {
	for _, s := range []string{"Tr0ub4dor&3", "hunter2!", "pass word", "a: b", "{file", "*x", "'", `"`, "\x00\x1b[2J", "ü\u202e", "a\nb: c", "-----BEGIN PRIVATE KEY-----"} {
		for place := range 4 {
			f.Add(s, place)
		}
	}
	f.Fuzz(func(t *testing.T, secret string, place int) {
		marked := "s3cr3t-" + strings.ToValidUTF8(secret, "")
		value := strconv.Quote(marked)
		wrong := []string{"password: %s", "password: {value: %s}", "password: [%s]", "password: {file: a, %s: b}"}[uint(place)%4]
		text := strings.Replace(good, "password: {file: secret.txt}", fmt.Sprintf(wrong, value), 1)
		settings, err := Parse("x", []byte(text), "/")
		if err == nil {
			t.Fatalf("accepted: %v", settings.Directory.Bind.Password)
		}
		if strings.Contains(err.Error(), "s3cr3t-") {
			t.Fatalf("%s shows the secret: %v", text, err)
		}
	})
}

// FuzzSecretReference: what a secret's place is made of comes back as it was written, and is no secret itself.
func FuzzSecretReference(f *testing.F) {
	for _, s := range []string{"secret.txt", "/etc/aliasd/a b.txt", "../x", `C:\x`, "NAME", "", " ", "a\nb", "\x00", "~/x", "a/../../../etc/shadow"} {
		f.Add("file", s)
		f.Add("env", s)
		f.Add("credential", s)
		f.Add("dpapi", s)
	}
	f.Fuzz(func(t *testing.T, kind, ref string) {
		text := strings.Replace(good, "{file: secret.txt}", fmt.Sprintf("{%s: %s}", strconv.Quote(kind), strconv.Quote(ref)), 1)
		settings, err := Parse("x", []byte(text), "")
		if err != nil {
			return
		}
		s := settings.Directory.Bind.Password
		if !s.Set() || s.kind != kind || strings.ContainsAny(s.ref, "\x00\n") {
			t.Fatalf("%q %q becomes %q", kind, ref, s)
		}
		if kind == "credential" && strings.ContainsAny(s.ref, `/\`) {
			t.Fatalf("a credential leads out of its folder: %q", s.ref)
		}
	})
}
