package guard

import (
	"go/ast"
	"go/token"
	"strings"
	"testing"
)

// isNamed tells whether e is pkg.name.
func isNamed(e ast.Expr, pkg, name string) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != name {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && id.Name == pkg
}

func TestOnlyLoopSaysGo(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() || s.dir() == "loop" {
			continue
		}
		ast.Inspect(s.File, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%s: a naked goroutine, whose panic ends the process: use loop.Start, and say who stops it", s.at(g))
			}
			return true
		})
	}
}

func TestNoRoomHasALock(t *testing.T) {
	for _, s := range sources(t) {
		if !s.isRoom() {
			continue
		}
		ast.Inspect(s.File, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			if ok && (isNamed(e, "sync", "Mutex") || isNamed(e, "sync", "RWMutex")) {
				t.Errorf("%s: a mailbox guards what a room has; what is shared belongs further down, as a snapshot or a store", s.at(n))
			}
			return true
		})
	}
}

func TestNoInit(t *testing.T) {
	for _, s := range sources(t) {
		if s.isMade() {
			continue
		}
		for _, d := range s.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: nobody calls init by name, and nobody sees it run: give the variable its value where it stands", s.at(f))
			}
		}
	}
}

func TestEachPackageSaysOnceWhatItIs(t *testing.T) {
	for dir, files := range packages(t) {
		docs, isCommand := 0, false
		for _, s := range files {
			isCommand = isCommand || s.Name.Name == "main"
		}
		for _, s := range files {
			if s.base() == "doc.go" && len(s.Decls) > 0 {
				t.Errorf("%s: doc.go holds the package's doc comment and nothing else: move the rest to the file of its idea", s.path)
			}
			if s.Doc == nil {
				continue
			}
			docs++
			if s.base() != "doc.go" && !(isCommand && s.base() == "main.go") {
				t.Errorf("%s has a package doc comment: it belongs in doc.go, a command's in main.go", s.path)
			}
			if first := strings.Fields(s.Doc.Text()); len(first) < 2 || first[0] != "Package" && first[0] != "Command" {
				t.Errorf("%s: the package doc comment does not begin with Package or Command", s.path)
			}
		}
		if docs != 1 {
			t.Errorf("%s has %d package doc comments, not one: write it in doc.go", dir, docs)
		}
	}
}

// A variable of a package is a table: it has its value from the start and keeps it.
func TestNoPackageHasState(t *testing.T) {
	for _, files := range packages(t) {
		vars := map[string]*ast.ValueSpec{}
		for _, s := range files {
			if s.isTest() || s.isMade() {
				continue
			}
			for _, d := range s.Decls {
				if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
					for _, spec := range g.Specs {
						v := spec.(*ast.ValueSpec)
						if len(v.Values) == 0 {
							t.Errorf("%s: a variable of the package without a value, so that somebody must change it: make it a field", s.at(v))
						}
						for _, name := range v.Names {
							vars[name.Name] = v
						}
					}
				}
			}
		}
		for _, s := range files {
			if s.isTest() || s.isMade() {
				continue
			}
			ast.Inspect(s.File, func(n ast.Node) bool {
				for _, changed := range changes(n) {
					// What the parser has resolved to something else is a local variable of that name.
					if v, ok := vars[changed.Name]; ok && (changed.Obj == nil || changed.Obj.Decl == v) {
						t.Errorf("%s: %s is a variable of the package and is changed here: make it a field of who changes it", s.at(n), changed.Name)
					}
				}
				return true
			})
		}
	}
}

// changes are the variables that a statement or expression writes to, or lets others write to.
func changes(n ast.Node) (vars []*ast.Ident) {
	add := func(e ast.Expr) {
		if id := variable(e); id != nil {
			vars = append(vars, id)
		}
	}
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			for _, e := range n.Lhs {
				add(e)
			}
		}
	case *ast.IncDecStmt:
		add(n.X)
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			add(n.X)
		}
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "delete" || f.Name == "clear") {
			add(n.Args[0])
		}
	}
	return vars
}

// variable is what e is a part of: x of x, x[i], x.f and *x.
func variable(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}
