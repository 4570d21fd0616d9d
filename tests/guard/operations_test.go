package guard

import (
	"go/ast"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
)

const operations = "docs/operations.md"

// Whoever sees a counter finds it in the document by the words of the counter, and what the sender got.
func TestEachReasonIsExplained(t *testing.T) {
	text := read(t, operations)
	for i := range message.Reasons {
		r := message.Reason(i)
		if r == message.Reason(sipwire.None) {
			continue // is never counted
		}
		row := regexp.MustCompile("(?m)^\\| (?:`[^`]*`, )*`" + regexp.QuoteMeta(r.String()) + "`(?:, `[^`]*`)* \\| ([^|]*) \\|").FindStringSubmatch(text)
		want := "—"
		if r.Status() != 0 {
			want = strconv.Itoa(r.Status())
		}
		switch {
		case row == nil:
			t.Errorf("%s has no row for %q: what it means, what the sender gets (%s), what to do", operations, r, want)
		case row[1] != want:
			t.Errorf("%s: %q is answered %s, the document says %s", operations, r, want, row[1])
		}
	}
}

// Each key of the configuration file is explained.
func TestEachKeyIsExplained(t *testing.T) {
	text, keys := read(t, operations), 0
	for _, s := range sources(t) {
		if s.dir() != "system" || s.isTest() {
			continue
		}
		ast.Inspect(s.File, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			if id, ok := lit.Type.(*ast.Ident); !ok || id.Name != "configKey" {
				return true
			}
			keys++
			key, _ := strconv.Unquote(lit.Elts[0].(*ast.BasicLit).Value)
			if !regexp.MustCompile("`([a-z_]+\\.)*" + key + "(\\.[a-z_]+)?`").MatchString(text) {
				t.Errorf("%s does not explain the key %s: a sentence, the unit, the default, an example", operations, key)
			}
			return true
		})
	}
	if keys == 0 {
		t.Error("system/ has no keys: this test looks in the wrong place")
	}
}

// What the command can be told is explained.
func TestEachFlagIsExplained(t *testing.T) {
	text := read(t, operations)
	words, flags := commandLine(t)
	for _, w := range words {
		if !strings.Contains(text, "actorsip "+w) {
			t.Errorf("%s does not explain actorsip %s", operations, w)
		}
	}
	for _, f := range flags {
		if !strings.Contains(text, "--"+f) {
			t.Errorf("%s does not explain the flag --%s", operations, f)
		}
	}
}
