package guard

import (
	"bytes"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// unwanted are words that no file has. They are written in two parts here, or this file would have them.
var unwanted = []struct{ word, instead string }{
	{"TO" + "DO", "do it, or open an issue and say in the code how it is"},
	{"FIX" + "ME", "do it, or open an issue and say in the code how it is"},
	{"XX" + "X:", "do it, or open an issue and say in the code how it is"},
	{"help" + "er-", "the project speaks of itself alone"},
	{"/wo" + "rk/", "a path of one machine means nothing on another"},
	{".." + "/shared", "a path of one machine means nothing on another"},
	{"DESIGN" + ".md", "refer to ARCHITECTURE.md or docs/decisions, which are part of the project"},
	{"STYLE" + ".md", "refer to CONTRIBUTING.md, which is part of the project"},
	{"PARITY" + ".md", "refer to docs/parity.md, which is part of the project"},
	{"NUMBERS" + ".md", "refer to docs/performance.md, which is part of the project"},
	{"proxy.gol" + "ang.org", "where modules come from is set by whoever builds"},
	{"sum.gol" + "ang.org", "where modules come from is set by whoever builds"},
	{"pypi" + ".org", "where packages come from is set by whoever builds"},
	{"npmjs" + ".org", "where packages come from is set by whoever builds"},
	{"deb.deb" + "ian.org", "where packages come from is set by whoever builds"},
}

// excused may have a word nevertheless.
var excused = map[string]string{
	".ci/run": ".." + "/shared", // where the messages of the torture RFCs may lie beside a checkout
}

func TestNoFileHasUnwantedWords(t *testing.T) {
	all, err := paths()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(text, 0) >= 0 {
			continue // no text
		}
		for _, u := range unwanted {
			i := bytes.Index(text, []byte(u.word))
			if i < 0 || excused[path] == u.word {
				continue
			}
			t.Errorf("%s:%d: %q: %s", path, 1+bytes.Count(text[:i], []byte("\n")), u.word, u.instead)
		}
	}
}

// A test waits for what happens; a sleep is too short on some day and too long on all others.
func TestNoTestSleepsWithoutAReason(t *testing.T) {
	for _, s := range sources(t) {
		if !strings.HasSuffix(s.path, "_test.go") {
			continue // the comparison in tests/bench has its own clock
		}
		ast.Inspect(s.File, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if ok && isNamed(call.Fun, "time", "Sleep") && !hasRemark(s, call) {
				t.Errorf("%s: wait for what happens; if nothing announces it, say so in a comment on this line", s.at(call))
			}
			return true
		})
	}
}

func TestNoTestIsSkippedWithoutAReason(t *testing.T) {
	for _, s := range sources(t) {
		if !s.isTest() {
			continue
		}
		ast.Inspect(s.File, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			f, ok := call.Fun.(*ast.SelectorExpr)
			switch {
			case !ok:
			case f.Sel.Name == "SkipNow", (f.Sel.Name == "Skip" || f.Sel.Name == "Skipf") && !beginsWithText(call.Args):
				t.Errorf("%s: say in a sentence what is missing, so that whoever reads the output can provide it", s.at(call))
			}
			return true
		})
	}
}

// hasRemark tells whether a comment stands on the line of n.
func hasRemark(s source, n ast.Node) bool {
	line := places.Position(n.Pos()).Line
	for _, group := range s.Comments {
		if places.Position(group.Pos()).Line == line {
			return true
		}
	}
	return false
}

func beginsWithText(args []ast.Expr) bool {
	if len(args) == 0 {
		return false
	}
	text, ok := args[0].(*ast.BasicLit)
	if !ok || text.Kind != token.STRING {
		return false
	}
	s, err := strconv.Unquote(text.Value)
	return err == nil && strings.Contains(s, " ")
}
