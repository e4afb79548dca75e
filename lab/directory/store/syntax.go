package store

import (
	"encoding/binary"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aliasd/aliasd/ldapwriter/adtext"
)

// Syntax is an attribute syntax, by its object identifier (MS-ADTS 3.1.1.2.2.2).
type Syntax string

// The syntaxes of the attributes that the directory knows.
const (
	DNSyntax      Syntax = "2.5.5.1"
	OIDSyntax     Syntax = "2.5.5.2"
	CaseIgnore    Syntax = "2.5.5.4"
	BoolSyntax    Syntax = "2.5.5.8"
	IntegerSyntax Syntax = "2.5.5.9"
	Octets        Syntax = "2.5.5.10"
	TimeSyntax    Syntax = "2.5.5.11"
	Unicode       Syntax = "2.5.5.12"
	LargeInteger  Syntax = "2.5.5.16"
	SIDSyntax     Syntax = "2.5.5.17"
)

// timeFormat is how a domain controller writes a generalized time.
const timeFormat = "20060102150405.0Z"

// key gives what two values of the syntax have in common when they are the same to the directory. It is false for what is no
// value of the syntax.
func (s Syntax) key(value string) (string, bool) {
	switch s {
	case Unicode, CaseIgnore, OIDSyntax:
		return adtext.Fold(value), utf8.ValidString(value)
	case IntegerSyntax, LargeInteger:
		n, err := strconv.ParseInt(value, 10, s.bits())
		return strconv.FormatInt(n, 10), err == nil
	case BoolSyntax:
		return value, value == "TRUE" || value == "FALSE"
	case TimeSyntax:
		_, err := time.Parse("20060102150405.0Z07", value)
		return value, err == nil
	case SIDSyntax:
		return sidKey(value)
	default:
		return value, true
	}
}

func (s Syntax) bits() int {
	if s == IntegerSyntax {
		return 32
	}
	return 64
}

// text says that the values are text, whose length counts in characters and which may not be empty.
func (s Syntax) text() bool { return s == Unicode || s == CaseIgnore }

// sidKey accepts a SID as its bytes and as text, S-1-5-….
func sidKey(value string) (string, bool) {
	if !strings.HasPrefix(strings.ToUpper(value), "S-1-") {
		return value, true
	}
	return parseSID(value)
}

// parseSID encodes S-1-… (MS-DTYP 2.4.2.1) as its bytes (2.4.2.2).
func parseSID(text string) (string, bool) {
	parts := strings.Split(text, "-")[2:]
	if len(parts) < 1 || len(parts) > 16 {
		return "", false
	}
	authority, err := strconv.ParseUint(parts[0], 10, 32)
	if err != nil {
		return "", false
	}
	raw := []byte{1, byte(len(parts) - 1), 0, 0}
	raw = binary.BigEndian.AppendUint32(raw, uint32(authority))
	for _, part := range parts[1:] {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return "", false
		}
		raw = binary.LittleEndian.AppendUint32(raw, uint32(n))
	}
	return string(raw), true
}
