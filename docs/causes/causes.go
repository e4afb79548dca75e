// Package causes holds the pages about the cause codes, so that the program can print them where nobody has these files.
package causes

import (
	"embed"
	"io/fs"
)

//go:embed *.md
var pages embed.FS

// Page gives the page of a cause code in Markdown. The error is fs.ErrNotExist where there is none.
func Page(code string) (string, error) {
	text, err := fs.ReadFile(pages, code+".md")
	return string(text), err
}
