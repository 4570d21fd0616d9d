package guard

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// What a room says of itself in doc.go is what it does.
func TestEachRoomSaysWhatItHears(t *testing.T) {
	rooms := 0
	for dir, files := range packages(t) {
		if !strings.HasPrefix(dir, "actors/") || strings.Count(dir, "/") > 1 {
			continue // what is below a room is what it writes to those of other nodes
		}
		rooms++
		i := slices.IndexFunc(files, func(s source) bool { return s.base() == "doc.go" && s.Doc != nil })
		if i < 0 {
			t.Errorf("%s has no doc.go: write what the room owns, hears and says, and what happens when it fails", dir)
			continue
		}
		doc := files[i].Doc.Text()
		for _, line := range []string{"Owns", "Hears", "Says", "Fails"} {
			if docLine(doc, line) == "" {
				t.Errorf("%s/doc.go has no line %q: see the doc.go of the other rooms", dir, line)
			}
		}
		for _, c := range []struct {
			line, what string
			code       []string
		}{
			{"Hears", "Receive takes", heard(files)},
			{"Says", "the room passes", said(files)},
		} {
			if doc := verbs(docLine(doc, c.line)); !slices.Equal(doc, c.code) {
				t.Errorf("%s/doc.go: %s lists %v, but %s %v: make the two equal", dir, c.line, doc, c.what, c.code)
			}
		}
	}
	if rooms == 0 || len(allVerbs()) == 0 {
		t.Errorf("%d rooms in actors/ and %d verbs in message/verb.go: this test looks in the wrong place", rooms, len(allVerbs()))
	}
}

// docLine is what stands behind a word at the beginning of a line, with the lines that go on below it.
func docLine(doc, word string) string {
	m := regexp.MustCompile(`(?m)^\t` + word + `\s+(.*(?:\n\t\s+.*)*)`).FindStringSubmatch(doc)
	if m == nil {
		return ""
	}
	return m[1]
}

// verbs are the verbs of message that a text names, each once, in order of their names.
func verbs(text string) (names []string) {
	for _, m := range regexp.MustCompile(`message\.([A-Z]\w*)`).FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// heard are the verbs that Receive asks its message for.
func heard(files []source) (names []string) {
	for _, s := range files {
		if s.isTest() {
			continue
		}
		for _, d := range s.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil || f.Name.Name != "Receive" {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CaseClause:
					for _, e := range n.List {
						names = append(names, verb(e)...)
					}
				case *ast.TypeAssertExpr:
					names = append(names, verb(n.Type)...)
				}
				return true
			})
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// said are the verbs that the room makes; message.Answer is a Send to the leg that the packet came by.
func said(files []source) (names []string) {
	for _, s := range files {
		if s.isTest() {
			continue
		}
		ast.Inspect(s.File, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				names = append(names, verb(n.Type)...)
			case *ast.CallExpr:
				if isNamed(n.Fun, "message", "Answer") {
					names = append(names, "Send")
				}
			}
			return true
		})
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// verb is the name of e when that is one of the verbs of message.
func verb(e ast.Expr) []string {
	for _, name := range allVerbs() {
		if isNamed(e, "message", name) {
			return []string{name}
		}
	}
	return nil
}

// allVerbs are the structs of message/verb.go.
var allVerbs = sync.OnceValue(func() (names []string) {
	all, _ := parsed()
	for _, s := range all {
		if s.path != "message/verb.go" {
			continue
		}
		ast.Inspect(s.File, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if _, ok := spec.Type.(*ast.StructType); ok {
					names = append(names, spec.Name.Name)
				}
			}
			return true
		})
	}
	return names
})

// drawings are the pictures that stand in a comment of the code, and in documents, where their first line begins with
// the same word.
var drawings = []struct {
	code, first string
	documents   []string
}{
	{"system/tree.go", "actorsip", []string{"ARCHITECTURE.md"}},
	{"message/verb.go", "requests", []string{"ARCHITECTURE.md", "README.md"}},
}

func TestTheDrawingsAreTheOnesOfTheCode(t *testing.T) {
	for _, d := range drawings {
		want := drawn(sourceOf(t, d.code), d.first)
		if want == "" {
			t.Errorf("%s has no drawing in a comment that begins with %q", d.code, d.first)
			continue
		}
		for _, document := range d.documents {
			found := false
			for _, block := range fenced(read(t, document), "") {
				if !strings.HasPrefix(block, d.first+" ") {
					continue
				}
				if found = true; block != want {
					t.Errorf("%s draws\n%s\nbut %s\n%s\nMake them equal.", document, block, d.code, want)
				}
			}
			if !found {
				t.Errorf("%s has no fenced block that begins with %q: copy the one of %s", document, d.first, d.code)
			}
		}
	}
}

// drawn is the indented part of a comment that begins with that word.
func drawn(s source, first string) (text string) {
	for _, group := range s.Comments {
		text = ""
		for _, c := range group.List {
			line, indented := strings.CutPrefix(c.Text, "//\t")
			switch {
			case indented && (text != "" || strings.HasPrefix(line, first+" ")):
				text += line + "\n"
			case text != "":
				return text
			}
		}
		if text != "" {
			return text
		}
	}
	return ""
}
