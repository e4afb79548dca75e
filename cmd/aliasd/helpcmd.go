package main

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/docs/causes"
)

func (a *app) helpCommand() *cobra.Command {
	c := &cobra.Command{Use: "help [COMMAND | CODE]", Short: "Explain a command, or a cause code",
		Example: "  aliasd help add\n  aliasd help quarantined",
		Long: `Explains a command, as its --help does, or a cause code: what it means, what to look at, what to do, and what aliasd does by itself.
Cause codes stand in the API, in reports and audits, and in what the commands print.`}
	c.RunE = func(c *cobra.Command, given []string) error { return a.help(c, given) }
	return c
}

// help explains a command or a cause code. No code is the name of a command.
func (a *app) help(c *cobra.Command, given []string) error {
	about, rest, err := c.Root().Find(given)
	if err == nil && len(rest) == 0 {
		about.InitDefaultHelpFlag() // cobra adds these to a command that is run
		about.InitDefaultVersionFlag()
		return about.Help()
	}
	code := strings.ToLower(strings.Join(given, " "))
	if _, known := cause.Codes()[cause.Code(code)]; !known {
		return usage(c, fmt.Errorf("%s is neither a command nor a cause code%s", code, meant(c.Root(), code)))
	}
	page, err := causes.Page(code)
	if err != nil {
		return fmt.Errorf("read the page of %s: %w", code, err)
	}
	if a.json {
		return a.printJSON(causePageJSON{Code: code, Page: page})
	}
	printPage(a.out, page)
	return nil
}

// causePageJSON is the page of a cause code.
type causePageJSON struct {
	Code string `json:"code"`
	Page string `json:"page"` // Markdown
}

// meant names the commands and codes that may have been meant; "" where none comes near.
func meant(root *cobra.Command, word string) string {
	var names, near []string
	for code := range maps.Keys(cause.Codes()) {
		names = append(names, string(code))
	}
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	slices.Sort(names)
	closest := config.Nearest(word, names)
	for _, name := range names {
		isPart := len(word) > 2 && strings.Contains(name, word)
		if name == closest || isPart {
			near = append(near, name)
		}
	}
	if len(near) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(near, ", ") + "?"
}

// printPage prints a page of the documents for a terminal: paragraphs are wrapped, code and tables stay as they are, and links
// say what to call instead.
func printPage(w io.Writer, page string) {
	toCause := regexp.MustCompile(`\[([^\]]+)\]\(([a-z_]+)\.md\)`)
	toDocument := regexp.MustCompile(`\[([^\]]+)\]\(\.\./([a-z-]+\.md)\)`)
	lead := regexp.MustCompile(`^ *((\d+\.|-) )?`)
	isCode := false
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(strings.TrimLeft(line, " "), "```") {
			isCode = !isCode
			continue
		}
		if isCode {
			fmt.Fprintln(w, strings.TrimRight("  "+line, " "))
			continue
		}
		if strings.HasPrefix(line, "|") {
			fmt.Fprintln(w, line)
			continue
		}
		line = toCause.ReplaceAllString(line, "$1 (aliasd help $2)")
		line = toDocument.ReplaceAllString(line, "$1 (docs/$2)")
		begins := lead.FindString(line)
		say(w, begins, strings.TrimPrefix(line, begins))
	}
}
