package guard

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/actorsip/actorsip/"
)

// source is one Go file.
type source struct {
	*ast.File
	path string // from the root, with slashes
}

func (s source) dir() string  { return path.Dir(s.path) }
func (s source) base() string { return path.Base(s.path) }

// isTest is for what never runs outside of a test.
func (s source) isTest() bool {
	return strings.HasSuffix(s.path, "_test.go") || strings.HasPrefix(s.path, "tests/")
}

// isMade is for what a program has written.
func (s source) isMade() bool { return ast.IsGenerated(s.File) }

// isRoom is for the files of the rooms.
func (s source) isRoom() bool { return strings.HasPrefix(s.path, "actors/") && !s.isTest() }

// at is where a node of the file stands, for people.
func (s source) at(n ast.Node) string { return places.Position(n.Pos()).String() }

var places = token.NewFileSet()

// paths are all files of the tree, from the root, but for what is built or installed and what version control
// keeps for itself.
var paths = sync.OnceValues(func() (all []string, err error) {
	err = fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (path == ".git" || path == "bin" || d.Name() == "node_modules"):
			return fs.SkipDir
		case !d.IsDir():
			all = append(all, path)
		}
		return nil
	})
	return all, err
})

var parsed = sync.OnceValues(func() (all []source, err error) {
	names, err := paths()
	for _, name := range names {
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(name, ".go") {
			continue
		}
		var file *ast.File
		file, err = parser.ParseFile(places, filepath.Join(root, name), nil, parser.ParseComments)
		all = append(all, source{file, name})
	}
	return all, err
})

// sources are the Go files of the tree.
func sources(t *testing.T) []source {
	t.Helper()
	all, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// packages are the Go files by directory.
func packages(t *testing.T) map[string][]source {
	t.Helper()
	dirs := map[string][]source{}
	for _, s := range sources(t) {
		dirs[s.dir()] = append(dirs[s.dir()], s)
	}
	return dirs
}

// sourceOf is the Go file at path.
func sourceOf(t *testing.T, path string) source {
	t.Helper()
	all := sources(t)
	i := slices.IndexFunc(all, func(s source) bool { return s.path == path })
	if i < 0 {
		t.Fatalf("%s is not there, and tests/guard reads it", path)
	}
	return all[i]
}

// read is the text of the file at path.
func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func exists(path string) bool {
	_, err := os.Stat(filepath.Join(root, path))
	return err == nil
}

// fenced are the fenced blocks of a document that are marked so, without their fences.
func fenced(text, mark string) (blocks []string) {
	inside, want := false, false
	for line := range strings.Lines(text) {
		word, isFence := strings.CutPrefix(strings.TrimRight(line, "\n"), "```")
		switch {
		case isFence && !inside:
			if inside, want = true, word == mark; want {
				blocks = append(blocks, "")
			}
		case isFence:
			inside = false
		case inside && want:
			blocks[len(blocks)-1] += line
		}
	}
	return blocks
}
