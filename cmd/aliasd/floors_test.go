package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/aliasd/aliasd/"

// floorOf is the floor that a package stands on: imports go to a lower floor only, or inside the same folder.
func floorOf(pkg string) int {
	floors := []struct {
		floor  int
		prefix string
	}{
		{1, "cause"}, {1, "config"}, {1, "docs"}, {1, "installer"}, {1, "private"}, {1, "publish"}, {1, "share"}, {1, "sqlitefile"}, {1, "strictjson"},
		{2, "address"},
		{3, "ldapwriter"}, {3, "cloudcheck"},
		{4, "queue"},
		{5, "server"}, {5, "report"},
		{6, "client"},
		{7, "lab"},
		{8, "cmd"}, {8, "bench"},
	}
	for _, f := range floors {
		if pkg == f.prefix || strings.HasPrefix(pkg, f.prefix+"/") {
			return f.floor
		}
	}
	return 0
}

// allowed are the imports between packages of one floor that the design has on purpose.
func allowed(from, to string) bool {
	return from == "config" && to == "private" || topOf(from) == topOf(to)
}

func topOf(pkg string) string { return strings.SplitN(pkg, "/", 2)[0] }

func TestImportsGoDown(t *testing.T) {
	t.Parallel()
	seen := 0
	for file, imports := range importsOf(t, "../..") {
		from := filepath.ToSlash(filepath.Dir(file))
		if floorOf(from) == 0 {
			t.Errorf("%s: package %s stands on no floor; give it one in docs/design.md and here", file, from)
		}
		for _, to := range imports {
			seen++
			if floorOf(to) < floorOf(from) && mayUseLab(file, to) || allowed(from, to) {
				continue
			}
			t.Errorf("%s: %s must not import %s", file, from, to)
		}
	}
	if seen < 50 {
		t.Errorf("only %d imports of ours were seen: the test looks at the wrong tree", seen)
	}
}

// mayUseLab says whether a file may import a package: the lab is for the demo's files and the benchmarks.
func mayUseLab(file, to string) bool {
	demo := []string{"cmd/aliasd/defects.go", "cmd/aliasd/demo.go", "cmd/aliasd/plays.go"}
	file = filepath.ToSlash(file)
	return topOf(to) != "lab" || topOf(file) == "bench" || slices.Contains(demo, file)
}

// importsOf reads which packages of ours each non-test file below root imports.
func importsOf(t *testing.T, root string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "tools" || strings.HasPrefix(d.Name(), ".git")) {
			return errOr(err, filepath.SkipDir)
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		file, err := filepath.Rel(root, path)
		for _, spec := range parsed.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			if ours, ok := strings.CutPrefix(name, module); ok {
				found[file] = append(found[file], ours)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func errOr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// Only cloudcheck/graph may know the SDK.
func TestTheSDKStaysInItsPackage(t *testing.T) {
	t.Parallel()
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			inGraph := strings.Contains(filepath.ToSlash(path), "cloudcheck/graph/")
			if strings.HasPrefix(name, graphSDK) && !inGraph {
				t.Errorf("%s imports %s; only cloudcheck/graph may", path, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

const graphSDK = "github.com/microsoftgraph/msgraph-sdk-go"

// Nothing of the SDK's generated code but its error type is compiled, not even for a test: the models take minutes and gigabytes.
func TestTheSDKsModelsAreNotLinked(t *testing.T) {
	t.Parallel()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-test", "./...")
	list.Dir, list.Stderr = "../..", os.Stderr
	packages, err := list.Output()
	if err != nil {
		t.Fatalf("%s: %v", list, err)
	}
	var linked []string
	for _, name := range strings.Fields(string(packages)) {
		if name == graphSDK || strings.HasPrefix(name, graphSDK+"/") {
			linked = append(linked, name)
		}
	}
	if !slices.Equal(linked, []string{graphSDK + "/models/odataerrors"}) {
		t.Errorf("linked of the SDK's generated code: %q, want models/odataerrors alone", linked)
	}
}

// make test-long names the tests that skip, or do less, without ALIASD_TEST_LONG: one that it left out would never run whole.
func TestMakeKnowsTheLongTests(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("../../Makefile")
	fatal(t, err)
	named := regexp.MustCompile(`(?m)^LONGTESTS := \^\((.*)\)\$\$$`).FindSubmatch(makefile)
	if named == nil {
		t.Fatal("the Makefile has no LONGTESTS")
	}
	want := strings.Split(string(named[1]), "|")
	var long []string
	for _, dir := range []string{".", "../../queue", "../../queue/store"} {
		long = append(long, longTestsIn(t, dir)...)
	}
	slices.Sort(want)
	slices.Sort(long)
	if !slices.Equal(want, long) {
		t.Errorf("the Makefile has %q, and %q look at ALIASD_TEST_LONG", want, long)
	}
}

// longTestsIn finds the tests of a folder that look at ALIASD_TEST_LONG, themselves or through needTime or readTorture.
func longTestsIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	fatal(t, err)
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		fatal(t, err)
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Test") && f.Name.Name != t.Name() && looksAtTime(f) {
				names = append(names, f.Name.Name)
			}
		}
	}
	return names
}

func looksAtTime(f *ast.FuncDecl) (found bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			found = found || n.Name == "needTime" || n.Name == "readTorture"
		case *ast.BasicLit:
			found = found || n.Value == `"ALIASD_TEST_LONG"`
		}
		return true
	})
	return found
}
