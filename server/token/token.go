// Package token makes and recognises the bearer tokens of the REST API: what they look like, how they are hashed, what
// their scopes allow, and where the local administrator's token lies.
//
// It keeps nothing: tokens stand in the store as hashes, and a token itself is shown once and never logged.
package token

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"unique"
)

// prefix makes a token easy to recognise, for people and for scanners of leaked secrets.
const prefix = "aliasd_"

// secretBytes is how much of a token is random: as much as its SHA-256 can tell apart.
const secretBytes = 32

// LocalName is the name of the local administrator's token. No token in the store can have it.
const LocalName = "local"

// Errors of this package.
var (
	// ErrUnknown: no token has that hash, or it was revoked.
	ErrUnknown = errors.New("no such token")
	// ErrMalformed: the text is not a token of ours.
	ErrMalformed = errors.New("not an aliasd token")
)

// Secret is a token as its bearer has it: "aliasd_" and 43 characters of base64url (RFC 4648, section 5). It prints and
// logs as a placeholder, also inside of other values; Reveal gives the text. The zero value is no token.
type Secret struct {
	// A handle, since fmt prints the unexported fields of a struct without asking their String.
	text unique.Handle[string]
}

// New makes a token from 32 random bytes.
func New() Secret {
	random := make([]byte, secretBytes)
	// crypto/rand.Read never fails since Go 1.24: the program ends instead.
	_, _ = rand.Read(random)
	return Secret{text: unique.Make(prefix + base64.RawURLEncoding.EncodeToString(random))}
}

// Parse reads a token; ErrMalformed where the text cannot be one. The error never holds the text.
func Parse(text string) (Secret, error) {
	body, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return Secret{}, ErrMalformed
	}
	// The length is checked on the text, since the decoder passes over line breaks.
	if _, err := base64.RawURLEncoding.Strict().DecodeString(body); err != nil || len(body) != base64.RawURLEncoding.EncodedLen(secretBytes) ||
		strings.ContainsAny(body, "\r\n") {
		return Secret{}, ErrMalformed
	}
	return Secret{text: unique.Make(text)}, nil
}

// Reveal gives the token's text, to show it once or to send it. It never goes into a log or an error.
func (s Secret) Reveal() string {
	if s == (Secret{}) {
		return ""
	}
	return s.text.Value()
}

// String hides the token.
func (s Secret) String() string { return prefix + "…" }

// GoString hides the token from %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue hides the token from logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Hash gives what is stored of the token.
func (s Secret) Hash() Hash {
	sum := sha256.Sum256([]byte(s.Reveal()))
	return Hash(hex.EncodeToString(sum[:]))
}

// Hash is the SHA-256 of a token's text, 64 lower-case hex digits. A look-up by it takes no longer for a better guess,
// since a guess decides nothing about its hash. Empty is no token's hash.
type Hash string

// Scope is one thing that a token allows.
type Scope string

// The scopes. Admin allows everything; each of the others allows only itself.
const (
	Submit  Scope = "submit"  // make, check, cancel, undo and recheck requests
	Read    Scope = "read"    // see requests, holders and metrics; changes nothing and starts nothing
	Approve Scope = "approve" // release held requests
	Admin   Scope = "admin"   // everything, pause and resume included
)

// Scopes lists every scope.
func Scopes() []Scope { return []Scope{Submit, Read, Approve, Admin} }

// ParseScopes reads a comma-separated list of scopes, "submit,read", without doubles and in the order of Scopes.
func ParseScopes(list string) ([]Scope, error) {
	asked := map[Scope]bool{}
	for _, word := range strings.Split(list, ",") {
		asked[Scope(strings.TrimSpace(word))] = true
	}
	var scopes []Scope
	for _, s := range Scopes() {
		if asked[s] {
			scopes = append(scopes, s)
			delete(asked, s)
		}
	}
	for s := range asked {
		return nil, fmt.Errorf("scope %q is none of submit, read, approve, admin", s)
	}
	return scopes, nil
}

// CheckName says what is wrong with a token's name: it goes into every request that comes with the token.
func CheckName(name string) error {
	if name == LocalName {
		return fmt.Errorf("token name %q is the local administrator's; choose another", name)
	}
	if ok, _ := regexp.MatchString(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`, name); !ok {
		return fmt.Errorf("token name %q: use 1 to 63 letters, digits, dots, hyphens and underscores, a letter or digit first", name)
	}
	return nil
}

// Identity is who calls: a token's name and what it allows. The zero value is nobody.
type Identity struct {
	Name   string
	Scopes []Scope
}

// Known says whether it is somebody.
func (i Identity) Known() bool { return i.Name != "" }

// Allows says whether the token has the scope, or admin.
func (i Identity) Allows(need Scope) bool {
	for _, s := range i.Scopes {
		if s == need || s == Admin {
			return true
		}
	}
	return false
}
