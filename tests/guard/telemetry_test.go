package guard

import (
	"flag"
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/telemetry"
)

var update = flag.Bool("update", false, "write the tables of docs/telemetry.md anew")

const telemetryPage = "docs/telemetry.md"

// The tables of the page are made from telemetry/names.go: go test ./tests/guard -update writes them.
func TestTelemetryIsWhatItsPageSays(t *testing.T) {
	text := read(t, telemetryPage)
	for name, table := range map[string]string{
		"spans":      spanTable(append(telemetry.Spans, telemetry.Events...)),
		"attributes": attributeTable(telemetry.Attributes, true),
		"metrics":    metricTable(telemetry.Metrics),
		"labels":     attributeTable(telemetry.Labels, false),
	} {
		begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->"
		i, j := strings.Index(text, begin), strings.Index(text, end)
		if i < 0 || j < i {
			t.Errorf("%s has no place for a table between %q and %q", telemetryPage, begin, end)
			continue
		}
		i += len(begin)
		if text[i:j] != table && !*update {
			t.Errorf("%s: the table of %s is not that of telemetry/names.go: go test ./tests/guard -update", telemetryPage, name)
		}
		text = text[:i] + table + text[j:]
	}
	if *update {
		if err := os.WriteFile(filepath.Join(root, telemetryPage), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func spanTable(all []telemetry.Span) string {
	out := "| name | kind | what it is |\n|---|---|---|\n"
	for _, s := range all {
		out += fmt.Sprintf("| `%s` | %s | %s |\n", s.Name, s.Kind, s.Text)
	}
	return out
}

func attributeTable(all []telemetry.Attribute, spans bool) string {
	out := "| attribute | what it says |\n|---|---|\n"
	if spans {
		out = "| attribute | of a | what it says |\n|---|---|---|\n"
	}
	for _, a := range all {
		if spans {
			out += fmt.Sprintf("| `%s` | %s | %s |\n", a.Key, a.On, a.Text)
		} else {
			out += fmt.Sprintf("| `%s` | %s |\n", a.Key, a.Text)
		}
	}
	return out
}

func metricTable(all []telemetry.Metric) string {
	out := "| metric | unit | kind | labels | what it counts |\n|---|---|---|---|---|\n"
	for _, m := range all {
		labels := "—"
		if len(m.Labels) > 0 {
			labels = "`" + strings.Join(m.Labels, "`, `") + "`"
		}
		out += fmt.Sprintf("| `%s` | `%s` | %s | %s | %s |\n", m.Name, m.Unit, m.Kind, labels, m.Text)
	}
	return out
}

// What a span or a metric is called stands in telemetry/names.go and nowhere else: nothing can be counted that the page
// does not explain.
func TestNamesOfTelemetryStandInOnePlace(t *testing.T) {
	names := map[string]bool{}
	for _, table := range [][]telemetry.Attribute{telemetry.Attributes, telemetry.Labels} {
		for _, a := range table {
			names[a.Key] = true
		}
	}
	for _, m := range telemetry.Metrics {
		names[m.Name] = true
	}
	for _, s := range sources(t) {
		if s.isTest() || s.path == "telemetry/names.go" || strings.HasPrefix(s.path, "tools/") {
			continue
		}
		ast.Inspect(s.File, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, _ := strconv.Unquote(lit.Value); names[text] {
					t.Errorf("%s: %q is a name of telemetry: use that of telemetry/names.go", s.at(lit), text)
				}
			}
			return true
		})
	}
}
