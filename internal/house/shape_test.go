package house

import (
	"go/ast"
	"strings"
	"testing"
)

// Budgets of STYLE: a file that outgrows them is missing a noun.
const (
	maxFileLines = 500
	maxFuncLines = 100
	// aimFuncLines is what functions aim for; at most a small share may pass it.
	aimFuncLines = 60
	maxLongShare = 0.02
	maxMethods   = 5
)

// larger lists files and interfaces that may exceed a budget, with the reason.
var larger = map[string]string{}

func TestFileBudget(t *testing.T) {
	t.Parallel()
	for _, s := range tree(t) {
		if s.generated || s.lines <= maxFileLines || larger[s.path] != "" {
			continue
		}
		t.Errorf("%s has %d lines, more than %d: look for the missing noun", s.path, s.lines, maxFileLines)
	}
}

func TestFunctionBudget(t *testing.T) {
	t.Parallel()
	var all, long int
	for _, s := range tree(t) {
		if s.generated {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			n := s.set.Position(f.End()).Line - s.set.Position(f.Pos()).Line + 1
			all++
			if n > aimFuncLines {
				long++
			}
			if n > maxFuncLines {
				t.Errorf("%s: %s has %d lines, more than %d", s.path, f.Name.Name, n, maxFuncLines)
			}
		}
	}
	if float64(long) > maxLongShare*float64(all) {
		t.Errorf("%d of %d functions exceed %d lines, more than %.0f %%", long, all, aimFuncLines, maxLongShare*100)
	}
}

func TestInterfaceBudget(t *testing.T) {
	t.Parallel()
	for _, s := range tree(t) {
		if s.generated || s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || !spec.Name.IsExported() {
				return true
			}
			i, ok := spec.Type.(*ast.InterfaceType)
			if ok && i.Methods.NumFields() > maxMethods && larger[s.path+":"+spec.Name.Name] == "" {
				t.Errorf("%s: interface %s has %d methods, more than %d: make the rest functions over it",
					s.path, spec.Name.Name, i.Methods.NumFields(), maxMethods)
			}
			return true
		})
	}
}

func TestPackageDocs(t *testing.T) {
	t.Parallel()
	docs := map[string][]string{}
	for _, s := range tree(t) {
		if s.test {
			continue
		}
		if _, seen := docs[s.dir]; !seen {
			docs[s.dir] = nil
		}
		if s.file.Doc != nil && !s.generated {
			docs[s.dir] = append(docs[s.dir], s.file.Doc.Text())
		}
	}
	for dir, texts := range docs {
		if len(texts) != 1 {
			t.Errorf("%s has %d package comments; exactly one says what the package is", dir, len(texts))
			continue
		}
		if len(strings.Fields(texts[0])) < 15 {
			t.Errorf("%s: its package comment does not say what it is, for whom, and what it guarantees", dir)
		}
	}
}

func TestExportsAreDocumented(t *testing.T) {
	t.Parallel()
	for _, s := range tree(t) {
		if s.generated || s.test {
			continue
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && receiverExported(d) && !stdMethod(d.Name.Name) {
					t.Errorf("%s: %s is exported without a comment", s.path, d.Name.Name)
				}
			case *ast.GenDecl:
				undocumented(t, s, d)
			}
		}
	}
}

func undocumented(t *testing.T, s source, d *ast.GenDecl) {
	t.Helper()
	for _, spec := range d.Specs {
		ts, ok := spec.(*ast.TypeSpec)
		if ok && ts.Name.IsExported() && ts.Doc == nil && d.Doc == nil {
			t.Errorf("%s: type %s is exported without a comment", s.path, ts.Name.Name)
		}
	}
}

// stdMethod lists methods whose meaning an interface of the standard library fixes.
func stdMethod(name string) bool {
	switch name {
	case "Error", "String", "Unwrap", "Close", "Read", "Write", "Len", "Less", "Swap", "ServeHTTP", "Next", "Is",
		"MarshalJSON", "UnmarshalJSON", "MarshalText", "UnmarshalText", "LogValue", "Format", "GoString", "RoundTrip":
		return true
	}
	return false
}

func receiverExported(f *ast.FuncDecl) bool {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return true
	}
	expr := f.Recv.List[0].Type
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.Ident:
			return e.IsExported()
		default:
			return true
		}
	}
}
