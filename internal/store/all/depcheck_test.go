package all_test

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
	"testing"
)

const module = "github.com/memarc/memarc"

// drivers are packages that talk to databases.
var drivers = []string{"github.com/ncruces/", "database/sql", "github.com/jackc/", "go.etcd.io/", "github.com/neo4j/", "github.com/redis/", "github.com/FalkorDB/", "modernc.org/"}

// rooms say for a folder and what is below it which packages of ours it may
// import. The longest matching room decides.
var rooms = []struct {
	folder  string
	ours    []string // folders; below them too if they end in /
	drivers bool
}{
	{"format", nil, false},
	{"spec", []string{"format", "spec/"}, false},
	{"chain", []string{"format"}, false},
	{"exporter", []string{"format", "chain", "internal/store"}, false},
	{"importer", []string{"format", "chain", "internal/store"}, false},
	{"verify", []string{"format", "internal/store"}, false},
	{"internal/store", []string{"format"}, false},
	{"internal/store/all", []string{"internal/store", "internal/engine/", "internal/layout/"}, false},
	{"internal/store/storetest", []string{"format", "chain", "exporter", "importer", "verify", "internal/store", "internal/store/all", "internal/engine/sqlite/vec0"}, true},
	{"internal/engine", []string{"format", "internal/store", "internal/engine/graph", "internal/engine/newfile"}, true},
	{"internal/engine/falkordb", []string{"format", "internal/store", "internal/engine/graph", "internal/engine/newfile", "internal/engine/falkordb/local"}, true},
	{"internal/engine/sqlite", []string{"format", "internal/store", "internal/engine/newfile", "internal/engine/sqlite/vec0"}, true},
	{"internal/engine/sqlite/vec0", []string{"internal/store"}, true},
	{"internal/engine/newfile", nil, false},
	{"internal/engine/graph", []string{"format", "internal/store"}, false},
	{"internal/engine/falkordb/local", []string{"internal/engine/newfile", "internal/guard"}, false},
	{"internal/guard", nil, false},
	{"internal/engine/bolt/memgraphsyntax", nil, false},
	{"internal/engine/file", []string{"format", "internal/store", "internal/engine/sqlite"}, false},
	{"internal/layout", []string{"format", "internal/store", "internal/layout/mapping", "internal/layout/lens", "internal/layout/textfile", "internal/layout/headline"}, false},
	{"internal/layout/headline", nil, false},
	{"internal/layout/textfile", []string{"format", "internal/store"}, false},
	{"internal/layout/lens", []string{"format", "internal/store"}, false},
	{"internal/layout/mapping", []string{"format", "internal/store", "internal/layout/lens"}, false},
	{"cmd", []string{"format", "chain", "exporter", "importer", "verify", "internal/store", "internal/store/all", "internal/layout/declared", "internal/embed", "internal/confine", "internal/mcp", "spec", "cmd/"}, false},
	{"internal/confine", []string{"internal/store"}, false},
	{"internal/confine/confinetest", nil, false},
	{"internal/mcp", []string{"internal/confine", "internal/store"}, false},
	{"internal/embed", []string{"format", "importer", "internal/store"}, false},
	{"internal/store/storetest/testserver", []string{"internal/guard"}, false},
	{"internal/store/storetest/pgserver", []string{"internal/guard", "internal/store/storetest/testserver"}, true},
	{"internal/store/storetest/falkorserver", []string{"internal/engine/falkordb", "internal/engine/falkordb/local", "internal/store/storetest/testserver"}, false},
	{"internal/store/storetest/neo4jserver", []string{"internal/guard", "internal/store/storetest/testserver"}, true},
	{"internal/store/storetest/rawgraph", []string{"internal/store", "internal/engine/falkordb", "internal/engine/bolt", "internal/engine/graph"}, false},
	{"internal/bench", []string{""}, true},
}

// files returns the module's Go files that are no tests, by folder.
func files(t *testing.T) map[string][]string {
	t.Helper()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && p != root) {
			return filepath.SkipDir
		}
		if strings.HasSuffix(p, ".go") && !strings.HasSuffix(p, "_test.go") {
			rel, err := filepath.Rel(root, filepath.Dir(p))
			if err != nil {
				return err
			}
			out[filepath.ToSlash(rel)] = append(out[filepath.ToSlash(rel)], p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out["format"]) == 0 || len(out["internal/engine/sqlite"]) == 0 {
		t.Fatalf("the module's files were not found: %v", out)
	}
	return out
}

func parse(t *testing.T, p string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestImports(t *testing.T) {
	for folder, list := range files(t) {
		at := -1
		for i, room := range rooms {
			if (folder == room.folder || strings.HasPrefix(folder, room.folder+"/")) && (at < 0 || len(room.folder) > len(rooms[at].folder)) {
				at = i
			}
		}
		if at < 0 {
			t.Errorf("folder %s is no room of the house", folder)
			continue
		}
		for _, p := range list {
			for _, spec := range parse(t, p).Imports {
				name := strings.Trim(spec.Path.Value, `"`)
				if !rooms[at].drivers && slices.ContainsFunc(drivers, func(d string) bool { return strings.HasPrefix(name, d) }) {
					t.Errorf("%s imports the driver %s", folder, name)
				}
				ours, ok := strings.CutPrefix(name, module+"/")
				if !ok || ours == folder {
					continue
				}
				if !slices.ContainsFunc(rooms[at].ours, func(may string) bool {
					return ours == may || may == "" || strings.HasSuffix(may, "/") && strings.HasPrefix(ours, may)
				}) {
					t.Errorf("%s imports %s", folder, ours)
				}
			}
		}
	}
}

// Whatever a caller can see is explained.
func TestDocumented(t *testing.T) {
	for _, folder := range []string{"format", "exporter", "importer", "verify", "spec", "internal/store"} {
		list := files(t)[folder]
		documented := false
		for _, p := range list {
			f := parse(t, p)
			documented = documented || f.Doc != nil
			if path.Base(filepath.ToSlash(p)) == "doc.go" && f.Doc == nil {
				t.Errorf("%s/doc.go has no comment", folder)
			}
			for _, d := range f.Decls {
				switch d := d.(type) {
				case *ast.FuncDecl:
					if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || ast.IsExported(receiver(d.Recv.List[0].Type))) {
						t.Errorf("%s: func %s has no comment", folder, d.Name)
					}
				case *ast.GenDecl:
					for _, s := range d.Specs {
						undocumented(t, folder, d, s)
					}
				}
			}
		}
		if !documented {
			t.Errorf("%s has no package comment", folder)
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(list[0]), "doc.go")); err != nil && folder != "spec" {
			t.Errorf("%s has no doc.go", folder)
		}
	}
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func undocumented(t *testing.T, folder string, d *ast.GenDecl, s ast.Spec) {
	t.Helper()
	switch s := s.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && s.Doc == nil && s.Comment == nil && (d.Doc == nil || d.Lparen.IsValid()) {
			t.Errorf("%s: type %s has no comment", folder, s.Name)
		}
	case *ast.ValueSpec: // one comment may stand for a group
		for _, name := range s.Names {
			if name.IsExported() && s.Doc == nil && s.Comment == nil && d.Doc == nil {
				t.Errorf("%s: %s has no comment", folder, name)
			}
		}
	}
}
