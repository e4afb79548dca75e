package report_test

import (
	"bytes"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck/audit"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/report"
)

// leastContrast is what WCAG 2.2 asks of text (1.4.3, level AA).
const leastContrast = 4.5

// pair is a colour of text and what stands behind it, as #rrggbb.
type pair struct{ text, behind string }

// TestContrast: every text of the pages can be read on what stands behind it. The pages declare that they are light ones, so
// there are no other colours.
func TestContrast(t *testing.T) {
	t.Parallel()
	pairs := map[pair]string{}
	for name, page := range colouredPages(t) {
		if !bytes.Contains(page, []byte(`<meta name="color-scheme" content="light">`)) || bytes.Contains(page, []byte("prefers-color-scheme")) {
			t.Errorf("%s: it has dark colours, which this test does not look at", name)
		}
		root, err := html.Parse(bytes.NewReader(page))
		if err != nil {
			t.Fatal(err)
		}
		collectPairs(pairs, name, root, pair{"#000000", "#ffffff"})
	}
	for p, example := range pairs {
		if got := contrast(t, p); got < leastContrast {
			t.Errorf("%s on %s is %.2f to 1: %s", p.text, p.behind, got, example)
		}
	}
	for _, tone := range report.Tones() {
		if p := (pair{tone.Colour, tone.Tint}); pairs[p] == "" {
			t.Errorf("no page has %s on %s", p.text, p.behind)
		}
		if p := (pair{tone.Colour, "#ffffff"}); contrast(t, p) < leastContrast {
			t.Errorf("%s on white is %.2f to 1", p.text, contrast(t, p))
		}
	}
}

// colouredPages have every tone, on white and on its tint, between them.
func colouredPages(t *testing.T) map[string][]byte {
	t.Helper()
	stopped := summed(someFindings(), 480)
	stopped.Complete, stopped.Stopped = false, "stopped while holders were compared"
	m := &maker{}
	m.add("x", "y", queue.Held, because(cause.Wait(cause.OverCap, "why")))
	pages := map[string][]byte{
		"the report":         rendered(t, report.Build(day(), since(), until()).WriteHTML),
		"a report of a hold": rendered(t, report.Build(m.list, since(), until()).WriteHTML),
	}
	for name, one := range map[string]struct {
		items []audit.Item
		s     audit.Summary
	}{
		"an audit": {someFindings(), summed(someFindings(), 480)}, "an audit in order": {nil, summed(nil, 480)}, "an audit that was stopped": {someFindings(), stopped},
	} {
		pages[name] = []byte(pageOf(t, one.items, one.s))
	}
	return pages
}

// collectPairs notes in what colours texts stand below a node, with one text of each. Styles stand at the elements, and texts of
// an SVG are filled.
func collectPairs(pairs map[pair]string, page string, n *html.Node, now pair) {
	declared := regexp.MustCompile(`(?:^|;)\s*(color|background):\s*(#[0-9a-fA-F]{6})`)
	for _, a := range n.Attr {
		if a.Key == "fill" && n.Data == "text" {
			now.text = strings.ToLower(a.Val)
		}
		if a.Key != "style" {
			continue
		}
		for _, m := range declared.FindAllStringSubmatch(a.Val, -1) {
			if m[1] == "color" {
				now.text = strings.ToLower(m[2])
			} else {
				now.behind = strings.ToLower(m[2])
			}
		}
	}
	text := strings.Trim(n.Data, " \n\u00a0")
	if n.Type == html.TextNode && text != "" {
		pairs[now] = page + ": " + text
	}
	if n.Data == "head" || n.Data == "title" {
		return
	}
	for child := range n.ChildNodes() {
		collectPairs(pairs, page, child, now)
	}
}

// contrast is the ratio of WCAG 2.2 (the definition of "contrast ratio").
func contrast(t *testing.T, p pair) float64 {
	t.Helper()
	a, b := luminance(t, p.text), luminance(t, p.behind)
	return (max(a, b) + 0.05) / (min(a, b) + 0.05)
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimPrefix(colour, "#"), 16, 32)
	if err != nil || len(colour) != 7 {
		t.Fatalf("colour %q: %v", colour, err)
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		share := float64(n>>(16-8*i)&0xff) / 255
		if share <= 0.04045 {
			sum += weight * share / 12.92
			continue
		}
		sum += weight * math.Pow((share+0.055)/1.055, 2.4)
	}
	return sum
}

// TestContrastOfKnownPairs holds the sum to figures of others (the W3C's examples, and the pair that was too pale).
func TestContrastOfKnownPairs(t *testing.T) {
	t.Parallel()
	for p, want := range map[pair]string{{"#000000", "#ffffff"}: "21.00", {"#777777", "#ffffff"}: "4.48", {"#1a7f4b", "#e8f5ee"}: "4.48", {"#ffffff", "#ffffff"}: "1.00"} {
		if got := strconv.FormatFloat(contrast(t, p), 'f', 2, 64); got != want {
			t.Errorf("%v: %s, want %s", p, got, want)
		}
	}
}
