package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/aliasd/aliasd/private"
)

// ErrNoCredentials says that systemd has handed no credentials to this process: it sets CREDENTIALS_DIRECTORY for the service
// alone.
var ErrNoCredentials = errors.New("systemd sets it for a unit")

// Secret says where a secret stands; it does not hold the secret itself, and printing one in any way gives
// the place. The zero value is no secret.
type Secret struct {
	kind string // file, env or credential
	ref  string // path or name
	env  func(string) (string, bool)
}

// Set says whether a place was given.
func (s Secret) Set() bool { return s.kind != "" }

// Value reads the secret, now: the file's text without one trailing newline, or the variable's. The file must be UTF-8
// and closed to others (package private). An empty secret is an error: with an empty password a directory lets anybody
// in, as nobody (RFC 4513, 5.1.2). No error holds anything of the secret.
func (s Secret) Value() (string, error) {
	data, err := s.Bytes()
	if err != nil {
		return "", err
	}
	if err := wrongEncoding(data); err != nil {
		return "", fmt.Errorf("read the secret from %s: %w", s, err)
	}
	text := string(data)
	if s.kind != "env" {
		text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	}
	if text == "" {
		return "", fmt.Errorf("read the secret from %s: it is empty", s)
	}
	return text, nil
}

// Bytes reads the secret, now, byte for byte: for certificates with their key. Errors are those of Value.
func (s Secret) Bytes() ([]byte, error) {
	var data []byte
	var err error
	switch s.kind {
	case "file":
		data, err = private.ReadFile(s.ref)
	case "credential":
		data, err = s.credential()
	case "env":
		data, err = s.variable(s.ref)
	default:
		return nil, errors.New("read a secret: none is set")
	}
	if err == nil && len(data) == 0 {
		err = errors.New("it is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("read the secret from %s: %w", s, err)
	}
	return data, nil
}

func (s Secret) variable(name string) ([]byte, error) {
	value, ok := s.env(name)
	if !ok {
		return nil, fmt.Errorf("the environment variable %s is not set", name)
	}
	return []byte(value), nil
}

// credential reads what systemd put down for the service (systemd.exec(5), LoadCredential=).
func (s Secret) credential() ([]byte, error) {
	dir, err := s.variable("CREDENTIALS_DIRECTORY")
	if err != nil {
		return nil, fmt.Errorf("%w: %w with LoadCredential=%s:/path", err, ErrNoCredentials, s.ref)
	}
	return private.ReadFile(filepath.Join(string(dir), s.ref))
}

// wrongEncoding notices what editors and shells on Windows make of a text file.
func wrongEncoding(data []byte) error {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")), bytes.IndexByte(data, 0) >= 0:
		return errors.New("it is UTF-16, or no text; save it as UTF-8 (PowerShell: Set-Content -Encoding ascii -NoNewline)")
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return errors.New("it begins with a byte order mark; save it as UTF-8 without one")
	case !utf8.Valid(data):
		return errors.New("it is not UTF-8; save it as UTF-8")
	}
	return nil
}

// String says where the secret stands: "file /etc/aliasd/secret.txt".
func (s Secret) String() string {
	if !s.Set() {
		return "nowhere"
	}
	return s.kind + " " + s.ref
}

// Format prints String for every verb and flag.
func (s Secret) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, s.String()) // a formatter cannot tell its caller
}

// LogValue logs String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalYAML gives the reference as it stands in a settings file.
func (s Secret) MarshalYAML() (any, error) { return s.reference(), nil }

// MarshalJSON likewise.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.reference()) }

func (s Secret) reference() map[string]string {
	if !s.Set() {
		return nil
	}
	return map[string]string{s.kind: s.ref}
}

// secret reads a reference. What stands there is never shown: it may be the secret itself.
func secret(into *Secret, b base) reader {
	return func(n *yaml.Node) []fault {
		name, value, bad := reference(n)
		if bad == nil {
			value, bad = checkReference(name, value, b)
		}
		if bad != nil {
			return []fault{{node: n, flaw: *bad}}
		}
		*into = Secret{kind: name, ref: value, env: b.env}
		return nil
	}
}

// reference takes a mapping with one key and one text apart.
func reference(n *yaml.Node) (name, value string, bad *flaw) {
	const hint = "{file: PATH}, {env: NAME} or {credential: NAME}"
	if n.Kind == yaml.ScalarNode || n.Kind == yaml.AliasNode {
		return "", "", &flaw{"must say where the secret stands, not what it is", hint}
	}
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		return "", "", &flaw{"must be one place", hint}
	}
	key, val := n.Content[0], n.Content[1]
	if val.Kind != yaml.ScalarNode || val.ShortTag() != "!!str" || strings.TrimSpace(val.Value) == "" {
		return "", "", &flaw{"must be one place, as text", hint}
	}
	return key.Value, val.Value, nil
}

func checkReference(name, value string, b base) (string, *flaw) {
	switch name {
	case "file":
		return filePath(b)(value)
	case "env":
		if !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(value) {
			return "", &flaw{"must be the name of an environment variable", "{env: ALIASD_PASSWORD}"}
		}
	case "credential":
		if !regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`).MatchString(value) {
			return "", &flaw{"must be the name of a systemd credential", "{credential: password}, and LoadCredential=password:/path in the unit"}
		}
	case "dpapi":
		return "", &flaw{"is not supported yet", "DPAPI comes in a later version; {file: PATH} in a folder that is closed to others"}
	default:
		return "", &flaw{"must be one of file, env, credential", "{file: PATH}, {env: NAME} or {credential: NAME}"}
	}
	return value, nil
}
