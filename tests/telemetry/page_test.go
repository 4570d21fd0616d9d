package telemetry

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

var screenshot = flag.Bool("screenshot", false, "write docs/call-page.png anew")

// browser is a Chromium without a window, at a page of Jaeger's. It finds nothing outside of this machine.
func browser(t *testing.T, b *Backend) context.Context {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed: Debian's package of that name has it")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(program), chromedp.NoSandbox,
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"), chromedp.Flag("disable-component-update", true),
		chromedp.WindowSize(1360, 940), chromedp.UserDataDir(t.TempDir()))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

// do does what people do, one after another; look tells what they see.
func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		page, _ := chromedp.Run(ctx, chromedp.Text("body"))
		t.Fatalf("%v; the page says:\n%s", err, page)
	}
}

func look[T any](t *testing.T, ctx context.Context, at chromedp.Action[T]) T {
	t.Helper()
	seen, err := chromedp.Run(ctx, at)
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// until waits for a JavaScript expression to be true.
func until(expression string) chromedp.Action[chromedp.Void] {
	return chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingTimeout(patience))
}

// spoken are the rows of the list that is shown, as a screen reader has them.
func spoken(t *testing.T, ctx context.Context, list string) []string {
	t.Helper()
	return look(t, ctx, chromedp.Evaluate[[]string](`[...document.querySelectorAll('`+list+` button.row')].map(b => b.ariaLabel)`))
}

func count(t *testing.T, ctx context.Context, selector string) int {
	t.Helper()
	return look(t, ctx, chromedp.Evaluate[int](`document.querySelectorAll('`+selector+`').length`))
}

func hasRow(rows []string, part string) bool {
	return slices.ContainsFunc(rows, func(row string) bool { return strings.Contains(row, part) })
}

// People search a Call-ID, see who sent what to whom, choose a message, and look at its spans.
func TestThePageLeadsFromACallIDToItsLadderAndItsSpans(t *testing.T) {
	b := Start(t)
	answered(t, "answered@example.com").send(b)
	unplaced(t, "unplaced@example.com").send(b)
	b.Trace(t, "answered@example.com", 23)
	b.Trace(t, "unplaced@example.com", 5)
	ctx := browser(t, b)

	do(t, ctx, chromedp.Navigate(b.Page()), chromedp.WaitVisible(".card"))
	cards := look(t, ctx, chromedp.Text(".calls"))
	for _, want := range []string{"answered@example.com", "200 OK", "unplaced@example.com", "503"} {
		if !strings.Contains(cards, want) {
			t.Errorf("the list of calls does not say %q:\n%s", want, cards)
		}
	}
	do(t, ctx, chromedp.SendKeys("[name=call]", "answered@example.com"), chromedp.Click("#search button"),
		until(`document.querySelectorAll('.card').length === 1`), chromedp.Click(".card"), chromedp.WaitVisible(".ladder button.row"))
	if address := look(t, ctx, chromedp.Location()); !strings.Contains(address, "/trace/") {
		t.Errorf("the call is at %s, which is no address of a trace", address)
	}
	rows := spoken(t, ctx, ".ladder")
	way := caller + " to edge-1 inside to edge-1 outside to edge-2 inside to edge-2 outside to " + callee
	for _, want := range []string{
		"INVITE, from " + way, "INVITE, copy 2, from " + way, "100 Trying to INVITE, from " + callee + " to edge-2 outside", "180 Ringing to INVITE",
		"200 OK to INVITE", "ACK, from " + way, "BYE, from " + callee, "200 OK to BYE, from " + way, "media for 21.3 s", "inside: 1063 packets, MOS 4.4",
	} {
		if !hasRow(rows, want) {
			t.Errorf("the ladder has no row %q", want)
		}
	}
	if len(rows) != 12 {
		t.Errorf("the ladder has %d rows, not 11 messages and a relay", len(rows))
	}
	if t.Failed() {
		t.Log(strings.Join(rows, "\n"))
	}

	do(t, ctx, chromedp.Click(`.ladder button[aria-label*="200 OK to INVITE"]`), chromedp.WaitVisible("aside section"))
	details := look(t, ctx, chromedp.Text("aside"))
	for _, want := range []string{"sip 200 INVITE", "edge-1", "edge-2", "contact seal", "sip.call_id"} {
		if !strings.Contains(details, want) {
			t.Errorf("the details of the 200 do not say %q:\n%s", want, details)
		}
	}
	shoot(t, ctx)

	do(t, ctx, chromedp.Click("#tab-spans"), chromedp.WaitVisible(".waterfall button.row"))
	if chosen := count(t, ctx, ".waterfall [aria-pressed=true]"); chosen != 2 {
		t.Errorf("%d spans are marked, not the two of the chosen message", chosen)
	}
	spans := spoken(t, ctx, ".waterfall")
	if len(spans) != 23 || !hasRow(spans, "mediasession relay in edge-1") {
		t.Errorf("%d spans, not 23 with a relay: %s", len(spans), spans)
	}
	do(t, ctx, chromedp.Click(`.waterfall button[aria-label^="mediasession relay"]`))
	if details := look(t, ctx, chromedp.Text("aside")); !strings.Contains(details, "actorsip.media.b.lost") {
		t.Errorf("the details of the relay do not tell of lost packets:\n%s", details)
	}
}

// What went wrong is what people look for: it must be found, and must not look like what went well.
func TestThePageShowsWhatFailed(t *testing.T) {
	b := Start(t)
	answered(t, "well").send(b)
	refused, nobodys := unplaced(t, "refused"), lost(t, "nobody's <b>call</b>")
	refused.send(b)
	nobodys.send(b)
	b.Trace(t, "well", 23)
	b.Trace(t, "refused", 5)
	b.Trace(t, nobodys.callID, 6)
	ctx := browser(t, b)

	for query, want := range map[string][]string{
		"status=failed": {"refused", nobodys.callID}, "status=5xx": {"refused"}, "status=503": {"refused"}, "status=180": {"well"}, "call=none": nil, "user=eve": nil,
	} {
		do(t, ctx, chromedp.Navigate(b.Page()+"/search?"+query), chromedp.WaitVisible("main h1"))
		found := look(t, ctx, chromedp.Evaluate[[]string](`[...document.querySelectorAll('.card .id')].map(e => e.textContent)`))
		if !slices.Equal(found, want) && len(found)+len(want) > 0 {
			t.Errorf("the search %s finds %q, not %q", query, found, want)
		}
	}

	do(t, ctx, chromedp.Navigate(b.Page()+"/trace/"+refused.trace), chromedp.WaitVisible(".ladder button.row"))
	if rows := spoken(t, ctx, ".ladder"); !hasRow(rows, "503 Unavailable to INVITE, from edge-2 inside to edge-1 outside to edge-1 inside to "+caller+": no leg reaches the next hop") || len(rows) != 3 {
		t.Errorf("the ladder does not have INVITE, the second proxy's own 503, and ACK:\n%s", strings.Join(rows, "\n"))
	}
	if failed := count(t, ctx, ".ladder .row.failed"); failed != 1 {
		t.Errorf("%d rows look failed, not the 503 alone", failed)
	}

	do(t, ctx, chromedp.Navigate(b.Page()+"/trace/"+nobodys.trace+"?view=spans"), chromedp.WaitVisible(".waterfall button.row"))
	if count(t, ctx, ".id b, title b") != 0 {
		t.Error("markup in a Call-ID is taken as markup")
	}
	if rows := spoken(t, ctx, ".ladder"); len(rows) != 1 || !hasRow(rows, "edge-1 outside, dropped: the top Via is not ours") {
		t.Errorf("the ladder does not say that the response was dropped: %q", rows)
	}
	if spans := spoken(t, ctx, ".waterfall"); len(spans) != 6 || !strings.HasPrefix(spans[2], "contact open") {
		t.Errorf("the spans are not the packet and its five rooms in their order: %q", spans)
	}
}

// Of two machines one is ahead: the second proxy seems to have had a message before the first one.
func TestClocksThatDifferDoNotTearAMessageApart(t *testing.T) {
	b := Start(t)
	const ahead = 3 * time.Millisecond
	s := newScript(t, "skewed", time.Minute)
	first := s.add(ahead, near.onward("INVITE", caller, far.inside, "", 1))
	second := s.add(calm, far.onward("INVITE", near.outside, callee, first, 1))
	s.add(time.Second, far.back("200 INVITE", callee, near.outside, second, 1))
	s.add(time.Second+calm+ahead, near.back("200 INVITE", far.inside, caller, first, 1))
	s.add(time.Second+10*time.Millisecond, far.back("200 INVITE", callee, near.outside, second, 1))
	s.add(time.Second+10*time.Millisecond-ahead, near.back("200 INVITE", far.inside, caller, first, 1))
	s.send(b)
	b.Trace(t, "skewed", 6)
	ctx := browser(t, b)
	do(t, ctx, chromedp.Navigate(b.Page()+"/trace/"+s.trace), chromedp.WaitVisible(".ladder button.row"))
	way := []string{caller, "edge-1 inside", "edge-1 outside", "edge-2 inside", "edge-2 outside", callee}
	there := strings.Join(way, " to ")
	slices.Reverse(way)
	back := strings.Join(way, " to ")
	if rows := spoken(t, ctx, ".ladder"); len(rows) != 3 || !hasRow(rows, "INVITE, from "+there) || !hasRow(rows, "200 OK to INVITE, from "+back) || !hasRow(rows, "copy 2, from "+back) {
		t.Errorf("the ladder is not INVITE, 200 and its copy, each in one row:\n%s", strings.Join(rows, "\n"))
	}
}

func TestThePageSaysThatATraceIsNotThere(t *testing.T) {
	b := Start(t)
	ctx := browser(t, b)
	do(t, ctx, chromedp.Navigate(b.Page()+"/trace/00000000000000000000000000000001"), until(`document.querySelector('#says').textContent.includes('not found')`),
		chromedp.Navigate(b.Page()), chromedp.WaitVisible("main h1"))
	if says := look(t, ctx, chromedp.Text("main")); !strings.Contains(says, "No calls yet") {
		t.Errorf("an empty Jaeger's page says %q", says)
	}
}

// What the page reads of a span is what the proxy writes.
func TestThePageReadsNoAttributeThatNobodyWrites(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(Root(t), "tools/jaeger/page/static/names.js"))
	if err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(filepath.Join(Root(t), "telemetry/names.go"))
	if err != nil {
		t.Fatal(err)
	}
	keys := regexp.MustCompile(`'((?:sip|network|server|error|actorsip|mediasession)[. ][\w. ]+)'`).FindAllStringSubmatch(string(page), -1)
	if len(keys) < 18 {
		t.Fatalf("names.js has %d names: this test looks in the wrong place", len(keys))
	}
	for _, key := range keys {
		if !strings.Contains(string(written), `"`+strings.TrimSuffix(key[1], ".")) {
			t.Errorf("names.js has %q, which is not in telemetry/names.go", key[1])
		}
	}
}

// shoot stores what is seen as the picture in the documents, if that was asked for.
func shoot(t *testing.T, ctx context.Context) {
	t.Helper()
	if !*screenshot {
		return
	}
	png := look(t, ctx, chromedp.CaptureScreenshot())
	if err := os.WriteFile(filepath.Join(Root(t), "docs", "call-page.png"), png, 0o644); err != nil {
		t.Fatal(err)
	}
}
