// Package adtext compares text as Active Directory does. That is not how addresses are compared (address.Key): the directory takes
// values for equal that are two mailboxes to us, and refuses the second one on an object.
package adtext

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Fold brings text into the form in which Windows compares it: without case, width and accents (MS-ADTS 3.1.1.2.2.2:
// NORM_IGNORECASE, NORM_IGNOREWIDTH, NORM_IGNORENONSPACE).
func Fold(text string) string {
	if isASCII(text) {
		return strings.ToLower(text)
	}
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(unicode.ToUpper(r))
	}, norm.NFKD.String(text))
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
