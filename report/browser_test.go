package report_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/aliasd/aliasd/cloudcheck/audit"
	"github.com/aliasd/aliasd/report"
)

// browser starts a real one, or skips the test aloud. It is closed with the test.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" {
		t.Skip("SKIPPED: chromium is not installed (package chromium)")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	deadline, cancelDeadline := context.WithTimeout(context.Background(), 2*time.Minute)
	alloc, cancelAlloc := chromedp.NewExecAllocator(deadline, options...)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("close the browser: %v", err)
		}
		cancel()
		cancelAlloc()
		cancelDeadline()
	})
	return ctx
}

// evaluate runs a script in the page.
func evaluate[T any](t *testing.T, ctx context.Context, script string) T {
	t.Helper()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func do(t *testing.T, ctx context.Context, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// watch lists what pages ask for from then on.
func watch(t *testing.T, ctx context.Context) func() []string {
	t.Helper()
	var mu sync.Mutex
	var urls []string
	do(t, ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, network.Enable, network.EnableParams{})
		return chromedp.Void{}, err
	})
	err := chromedp.Listen(ctx, func(event any) {
		if sent, ok := event.(*network.EventRequestWillBeSent); ok {
			mu.Lock()
			defer mu.Unlock()
			urls = append(urls, sent.Request.URL)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(urls)
	}
}

// saved writes the report's page and gives its address.
func saved(t *testing.T, r report.Report) string {
	t.Helper()
	files, err := r.Save(filepath.Join(t.TempDir(), "reports"))
	if err != nil {
		t.Fatal(err)
	}
	return fileURL(files.HTML)
}

func fileURL(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}

// auditPages are the pages of audits: with nothing, something and much that is found, and with hostile text.
func auditPages(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{"a hostile audit": fileURL(savedAudit(t, audited(t), hostileFindings(), hostileSummary()).HTML)}
	for name, items := range map[string][]audit.Item{"an audit in order": nil, "an audit": someFindings(), "a long audit": manyFindings(30000)} {
		pages[name] = fileURL(savedAudit(t, audited(t), items, summed(items, 104211)).HTML)
	}
	return pages
}

// overflow lists the elements that stick out of the window to the right.
const overflow = `[...document.querySelectorAll('body *:not(svg *)')]
	.filter(e => e.getBoundingClientRect().right > window.innerWidth + 0.5 || e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0)
	.map(e => e.tagName + ' ' + e.textContent.slice(0, 60))`

// TestFitsTheWindow: nothing sticks out at the width of a mail pane or of a screen, hostile text included.
func TestFitsTheWindow(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	pages := auditPages(t)
	for name, r := range map[string]report.Report{
		"a day": built(), "hostile": report.Build(hostileDay(), since(), until()), "empty": report.Build(nil, since(), until()),
	} {
		pages[name] = saved(t, r)
	}
	for name, address := range pages {
		for _, width := range []int64{600, 1000} {
			do(t, ctx, chromedp.EmulateViewport(width, 800), chromedp.Navigate(address))
			out := evaluate[[]string](t, ctx, overflow)
			page := evaluate[float64](t, ctx, `document.documentElement.scrollWidth`)
			window := evaluate[float64](t, ctx, `window.innerWidth`)
			if window != float64(width) || page > window || len(out) > 0 {
				t.Errorf("%s at %d: the window is %v wide, the page %v; sticks out: %q", name, width, window, page, out)
			}
		}
	}
}

// TestHostileTextInABrowser: it is shown as text, runs nothing, and fetches nothing.
func TestHostileTextInABrowser(t *testing.T) {
	t.Parallel()
	var hits atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer server.Close()
	requests := hostileDay()
	lure := `<img src="` + server.URL + `/x"><script src="` + server.URL + `/y"></script>`
	requests[0].Cause.Message = lure
	address := saved(t, report.Build(requests, since(), until()))

	ctx := browser(t)
	asked := watch(t, ctx)
	do(t, ctx, chromedp.Navigate(address))
	text := evaluate[string](t, ctx, `document.body.innerText`)
	title := evaluate[string](t, ctx, `document.title`)
	foreign := evaluate[int](t, ctx,
		`document.querySelectorAll('script,img,link,iframe,object,embed,a,form,[onerror],[onmouseover]').length`)
	for _, want := range []string{lure, `<script>document.title='pwned'</script>`, `</td></table></body>`, `&lt;b&gt;`, `{{.Total}}`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not shown as text", want)
		}
	}
	if title != "aliasd: verification report, Tuesday, 4 March 2025, 07:00 CET" || foreign != 0 {
		t.Errorf("title %q, %d elements that do not belong there", title, foreign)
	}
	if urls := asked(); len(urls) != 1 || urls[0] != address || hits.Load() != 0 {
		t.Errorf("asked for %v, %d hits", urls, hits.Load())
	}
}

// TestReadsWithoutStyles: with every style taken away the page still says the same, in tables and headings.
func TestReadsWithoutStyles(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	do(t, ctx, chromedp.Navigate(saved(t, built())))
	styled := evaluate[string](t, ctx, `document.body.textContent`)
	plain := evaluate[string](t, ctx, `document.querySelectorAll('style').forEach(e => e.remove());
		document.querySelectorAll('[style]').forEach(e => e.removeAttribute('style')); document.body.textContent`)
	headings := evaluate[int](t, ctx, `document.querySelectorAll('h1,h2').length`)
	heads := evaluate[int](t, ctx, `[...document.querySelectorAll('th[scope]')].filter(e => e.getBoundingClientRect().width > 20).length`)
	if styled != plain || headings != 5 || heads < 12 {
		t.Errorf("%d headings, %d heads of columns, the same text: %v", headings, heads, styled == plain)
	}
}

// TestChartsInABrowser: each chart has a size and a name, no bar is longer than its place or too short to be seen, the
// numbers can be read beside them, and nothing is fetched.
func TestChartsInABrowser(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	address := auditPages(t)["an audit"]
	asked := watch(t, ctx)
	do(t, ctx, chromedp.EmulateViewport(600, 800), chromedp.Navigate(address))
	charts := evaluate[int](t, ctx, `document.querySelectorAll('svg[role=img]').length`)
	sized := evaluate[int](t, ctx, `[...document.querySelectorAll('svg[role=img]')].filter(e => e.getBoundingClientRect().height >= 10 &&
		e.getBoundingClientRect().width >= 100 && e.getAttribute('aria-label') && e.querySelector('title').textContent).length`)
	bars := evaluate[int](t, ctx, `[...document.querySelectorAll('svg[role=img] rect:last-child')].filter(e => e.getBoundingClientRect().width >= 3 &&
		e.getBoundingClientRect().width <= e.parentNode.getBoundingClientRect().width).length`)
	if charts != 13 || sized != charts || bars != 12 {
		t.Errorf("%d charts, %d of a good size, %d bars", charts, sized, bars)
	}
	text := evaluate[string](t, ctx, `document.body.innerText`)
	for _, want := range []string{"10 of 104,211 holders need somebody; 1 more waits for the cloud.", "duplicate_on_premises needs somebody", "Berlin / Staff", "5 of 52", "99.9 %"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q cannot be read", want)
		}
	}
	if urls := asked(); len(urls) != 1 || urls[0] != address {
		t.Errorf("asked for %v", urls)
	}
}
