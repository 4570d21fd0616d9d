package guard

import (
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// place is a file, or a name in a Go file, as documents write it: `actors/leg/send.go:recordRoute`.
var place = regexp.MustCompile("`((?:[\\w-]+/)*[\\w.-]+\\.(?:go|pm|yaml|md|c|cfg|xml))(?::(\\w+))?`")

// What documents point to in the code is there.
func TestTheCodeThatDocumentsNameIsThere(t *testing.T) {
	for _, document := range documents(t) {
		for _, m := range place.FindAllStringSubmatch(read(t, document), -1) {
			file, name := m[1], m[2]
			if !strings.Contains(file, "/") && name == "" {
				continue // a file name in passing
			}
			switch {
			case !exists(file):
				t.Errorf("%s names %s, which is not there: it was moved or renamed", document, file)
			case name != "" && !slices.Contains(declared(sourceOf(t, file)), name):
				t.Errorf("%s names %s in %s, which does not declare it: it was moved or renamed", document, name, file)
			}
		}
	}
}

// declared are the names that a file declares at its top, methods included.
func declared(s source) (names []string) {
	for _, d := range s.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			names = append(names, d.Name.Name)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					names = append(names, spec.Name.Name)
				case *ast.ValueSpec:
					for _, n := range spec.Names {
						names = append(names, n.Name)
					}
				}
			}
		}
	}
	return names
}

const (
	parity = "docs/parity.md"
	rfc    = "docs/rfc.md"
)

// states are what a row of the parity table may be. What is done has code and a test.
var states = []string{"done", "differs", "partly", "later", "none"}

func TestEachRowOfParityHasItsProof(t *testing.T) {
	rows := map[string]bool{}
	for line := range strings.Lines(read(t, parity)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		id := cells[0]
		if !regexp.MustCompile(`^[FRU]\d+$`).MatchString(id) {
			continue
		}
		if rows[id] {
			t.Errorf("%s has two rows %s", parity, id)
		}
		rows[id] = true
		if len(cells) != 6 {
			t.Errorf("%s: row %s has %d cells, not 6: id, behaviour, actorsip, file, test, state", parity, id, len(cells))
			continue
		}
		state, _, explained := strings.Cut(cells[5], ": ")
		switch isProven := place.MatchString(cells[3]) && strings.Contains(cells[4], "_test.go:"); {
		case !slices.Contains(states, state):
			t.Errorf("%s: row %s is %q: write one of %v", parity, id, state, states)
		case state != "done" && !explained:
			t.Errorf("%s: row %s is %q without a reason: write %s: and why or what", parity, id, state, state)
		case (state == "done" || state == "partly") && !isProven:
			t.Errorf("%s: row %s is %s, but names no file and no test", parity, id, state)
		}
	}
	if len(rows) == 0 {
		t.Errorf("%s has no rows: this test looks in the wrong place", parity)
	}
}

// section finds what comments and the document say of RFCs: "RFC 3261 §16.6 step 8".
var section = regexp.MustCompile(`RFC (\d+)|§(\d+(?:\.\d+)*)`)

// sections are the sections that the comments of a file name; one without an RFC is of the RFC named before it.
func sections(s source) map[string]bool {
	found := map[string]bool{}
	current := ""
	for _, group := range s.Comments {
		for _, m := range section.FindAllStringSubmatch(group.Text(), -1) {
			if m[1] != "" {
				current = m[1]
			} else {
				found[current+" §"+m[2]] = true
			}
		}
	}
	return found
}

// Each row of a table below a heading "RFC nnnn" names sections and the files that do what they say: there the section
// stands in a comment beside the code.
func TestEachSectionStandsBesideItsCode(t *testing.T) {
	current, rows := "", 0
	for line := range strings.Lines(read(t, rfc)) {
		if m := regexp.MustCompile(`^#+ RFC (\d+)`).FindStringSubmatch(line); m != nil {
			current = m[1]
		}
		cells := strings.Split(line, " | ")
		named, files := section.FindAllStringSubmatch(cells[0], -1), place.FindAllStringSubmatch(line, -1)
		if !strings.HasPrefix(line, "| §") || len(files) == 0 {
			continue
		}
		rows++
		for _, n := range named {
			beside := slices.ContainsFunc(files, func(f []string) bool {
				return path.Ext(f[1]) == ".go" && exists(f[1]) && sections(sourceOf(t, f[1]))[current+" §"+n[2]]
			})
			if !beside {
				t.Errorf("%s has RFC %s §%s in %v, where no comment names it: write the section beside the code", rfc, current, n[2], names(files))
			}
		}
	}
	if rows == 0 {
		t.Errorf("%s has no rows: this test looks in the wrong place", rfc)
	}
}

func names(files [][]string) (all []string) {
	for _, f := range files {
		all = append(all, f[1])
	}
	return all
}

// A deviation from an RFC is said where people look for it.
func TestEachDeviationIsSaid(t *testing.T) {
	_, text, found := strings.Cut(read(t, rfc), "## Deviations")
	if !found {
		t.Fatalf("%s has no heading Deviations", rfc)
	}
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		for _, group := range s.Comments {
			if strings.Contains(group.Text(), "Deviates:") && !strings.Contains(text, "`"+s.path) {
				t.Errorf("%s: the deviation is not in %s: add a line below Deviations that names the file", s.at(group), rfc)
			}
		}
	}
}
