package config

import (
	"fmt"
	"strings"
)

// sampleWidth is how long a comment's line may be, in bytes.
const sampleWidth = 100

// Sample is a settings file with every key, explained: those that have to be filled in with an example, the others at
// their default, and what is seldom needed as a comment. It is the same on every platform.
func Sample() []byte {
	var b strings.Builder
	comment(&b, "", "Settings of aliasd. Unknown keys are errors; aliasd config check shows every problem with its line.")
	comment(&b, "", "Paths are relative to this file; Windows paths go into single quotes. A secret is {file: PATH} (closed to others; a trailing newline is cut), "+
		"{env: NAME}, or {credential: NAME} for what systemd's LoadCredential= put down. Lines of the form #key: value "+
		"show what is seldom needed: take the # away.")
	writeKeys(&b, "", table(&Settings{}, base{goos: "linux"}))
	return []byte(b.String())
}

func writeKeys(b *strings.Builder, indent string, keys []key) {
	for _, k := range keys {
		if indent == "" {
			b.WriteByte('\n')
		}
		comment(b, indent, k.doc)
		switch {
		case k.keys != nil:
			fmt.Fprintf(b, "%s%s:\n", indent, k.name)
			writeKeys(b, indent+"  ", k.keys)
		case k.off:
			fmt.Fprintf(b, "%s#%s: %s\n", indent, k.name, k.shown())
		default:
			fmt.Fprintf(b, "%s%s: %s\n", indent, k.name, k.shown())
		}
	}
}

func (k key) shown() string {
	if k.sample != "" {
		return k.sample
	}
	return k.def
}

// comment writes text as a comment, its lines broken between words.
func comment(b *strings.Builder, indent, text string) {
	line := indent + "#"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > sampleWidth {
			b.WriteString(line + "\n")
			line = indent + "#"
		}
		line += " " + word
	}
	if text != "" {
		b.WriteString(line + "\n")
	}
}
