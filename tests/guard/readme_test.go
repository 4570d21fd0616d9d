package guard

import (
	"context"
	"go/ast"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/system"
)

const sample = "actorsip.yaml"

// documents are the texts for people.
func documents(t *testing.T) (all []string) {
	t.Helper()
	files, err := paths()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if strings.HasSuffix(path, ".md") {
			all = append(all, path)
		}
	}
	return all
}

func TestTheSampleParses(t *testing.T) {
	if _, err := system.Load(filepath.Join(root, sample)); err != nil {
		t.Error(err)
	}
}

var link = regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	for _, document := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, document), -1) {
			if target := path.Join(path.Dir(document), m[1]); !strings.Contains(m[1], "://") && !exists(target) {
				t.Errorf("%s links to %s, which is not there: write it or take the link out", document, target)
			}
		}
	}
}

var (
	made    = regexp.MustCompile(`(?m)(?:^|\W)make ([a-z]+)`)
	told    = regexp.MustCompile(`(?:\./bin/)?\bactorsip ([a-z]+)`)
	options = regexp.MustCompile(`actorsip ([a-z]+)(?: list| make| rotate| retire)?((?: .*)?)`)
	option  = regexp.MustCompile(`--([a-z-]+)`)
	asked   = regexp.MustCompile(`127\.0\.0\.1:8060((?:/\w+)+)`)
)

// What a document tells people to type is there to be typed.
func TestWhatIsToBeTypedIsThere(t *testing.T) {
	targets := regexp.MustCompile(`(?m)^([a-z]+):`).FindAllStringSubmatch(read(t, "Makefile"), -1)
	admin := read(t, "system/admin.go")
	words, flags := commandLine(t)
	for _, document := range documents(t) {
		text := read(t, document)
		for _, m := range made.FindAllStringSubmatch(code(text), -1) {
			if !slices.ContainsFunc(targets, func(target []string) bool { return target[1] == m[1] }) {
				t.Errorf("%s: make %s: the Makefile has no such target", document, m[1])
			}
		}
		for _, m := range asked.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(admin, `"GET `+m[1]+`"`) {
				t.Errorf("%s: %s: system/admin.go has no such path", document, m[1])
			}
		}
		for line := range strings.Lines(typed(text)) {
			for _, m := range told.FindAllStringSubmatch(line, -1) {
				if !slices.Contains(words, m[1]) {
					t.Errorf("%s: actorsip %s: there is no such command", document, m[1])
				}
			}
			if m := options.FindStringSubmatch(line); m != nil {
				for _, o := range option.FindAllStringSubmatch(m[2], -1) {
					if !slices.Contains(flags, o[1]) {
						t.Errorf("%s: actorsip %s has no flag --%s", document, m[1], o[1])
					}
				}
			}
		}
	}
}

// typed are the lines of shell in the fenced blocks of a document, without their comments.
func typed(text string) string {
	lines := regexp.MustCompile(`(?m)(^|\s)#.*$`).ReplaceAllString(strings.Join(fenced(text, "sh"), ""), "")
	for _, block := range fenced(text, "") {
		for line := range strings.Lines(block) {
			if command, is := strings.CutPrefix(line, "$ "); is {
				lines += command
			}
		}
	}
	return lines
}

// code is what a document sets in code, be it inside a line.
func code(text string) string {
	lines := typed(text)
	for _, m := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(text, -1) {
		lines += m[1] + "\n"
	}
	return lines
}

// commandLine are the command's words and all their flags.
func commandLine(t *testing.T) (words, flags []string) {
	t.Helper()
	for _, s := range packages(t)["cmd/actorsip"] {
		ast.Inspect(s.File, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Name.Name == "commands" {
					words = append(words, firstTexts(n)...)
				}
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.SelectorExpr); ok && strings.HasSuffix(f.Sel.Name, "Var") && len(n.Args) > 1 {
					if text, ok := n.Args[1].(*ast.BasicLit); ok {
						name, _ := strconv.Unquote(text.Value)
						flags = append(flags, name)
					}
				}
			}
			return true
		})
	}
	if len(words) < 3 || len(flags) < 3 {
		t.Fatalf("cmd/actorsip has the commands %v and the flags %v: this test looks in the wrong place", words, flags)
	}
	return words, flags
}

// firstTexts are the texts that stand first in the composite literals below n.
func firstTexts(n ast.Node) (texts []string) {
	ast.Inspect(n, func(n ast.Node) bool {
		if lit, ok := n.(*ast.CompositeLit); ok && len(lit.Elts) > 0 {
			if text, ok := lit.Elts[0].(*ast.BasicLit); ok {
				s, _ := strconv.Unquote(text.Value)
				texts = append(texts, s)
			}
		}
		return true
	})
	return texts
}

// A block of YAML in a document is a configuration, whole or a part of one.
func TestTheConfigurationsOfTheDocumentsAreRight(t *testing.T) {
	const leg = "legs: [{name: inside, listen: \"udp:127.0.0.1:0\"}]\n"
	for _, document := range documents(t) {
		for _, block := range fenced(read(t, document), "yaml") {
			if !strings.Contains("\n"+block, "\nlegs:") {
				block = leg + block
			}
			if _, err := system.Parse(document, []byte(block)); err != nil {
				t.Errorf("%s shows a configuration that is refused:\n%v\n%s", document, err, block)
			}
		}
	}
}

var explained = regexp.MustCompile(`(?m)^\$ (?:\./bin/)?actorsip route --config ` + sample + ` --from (\S+) (\S+)\n((?:[^$\n].*\n)+)`)

// The explanations that documents show are what the command says with the sample configuration and a fresh key file.
func TestTheExplanationsOfTheDocumentsAreTrue(t *testing.T) {
	src, err := fs.ReadFile(os.DirFS(root), sample)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := system.Parse(filepath.Join(t.TempDir(), sample), src)
	if err != nil {
		t.Fatal(err)
	}
	if err := keyring.Create(cfg.KeyFile, "", time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, document := range documents(t) {
		for _, block := range fenced(read(t, document), "") {
			for _, m := range explained.FindAllStringSubmatch(block, -1) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				steps, err := system.Explain(ctx, cfg, m[1], m[2], "")
				cancel()
				if got := strings.Join(steps, "\n") + "\n"; got != m[3] || err != nil {
					t.Errorf("%s shows for %s from %s\n%s\nbut the command says (%v)\n%s", document, m[2], m[1], m[3], err, got)
				}
			}
		}
	}
}
