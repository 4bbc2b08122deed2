package gofind_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/format"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofind-dev/gofind/internal/bounded"
)

// The tests in this file are about the source of the whole module.

const module = "github.com/gofind-dev/gofind"

// goTool runs the go command and returns what it writes to stdout. Tests that
// need it are skipped with -short, as building the list of packages takes a second.
func goTool(t *testing.T, args ...string) []byte {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the go command")
	}
	out, err := bounded.Within(t, 15*time.Minute, "go", args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("go %s: %v\n%s%s", strings.Join(args, " "), err, out, exit.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFormat(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != "."):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		formatted, err := format.Source(source)
		if err != nil {
			return err
		}
		if !bytes.Equal(source, formatted) {
			t.Errorf("gofmt -w %s", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A process that a test starts has a deadline, so that one that hangs fails one test: it is of package bounded, or has a context. Those that
// stop at their first instruction, under ptrace, end with who traces them.
func TestProcessesEnd(t *testing.T) {
	free := regexp.MustCompile(`\bexec\.Command\(("[^"]*")?`)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") && !strings.HasPrefix(path, "internal/specimen/") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range free.FindAllStringSubmatch(string(source), -1) {
			if path != "all_test.go" && m[1] != `"/proc/self/exe"` {
				t.Errorf("%s: %s) has no deadline: use bounded.Command", path, m[0])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestVet(t *testing.T) {
	goTool(t, "vet", "./...")
	goTool(t, "vet", "-tags", "man", "./cmd/gofind")
}

func TestTidy(t *testing.T) {
	goTool(t, "mod", "tidy", "-diff")
}

// pkg is what `go list -json` says about a package.
type pkg struct {
	ImportPath string
	Imports    []string
	CgoFiles   []string
}

// packages lists the packages of the module, without their tests. (With a profile, those that the command imports would be
// listed once more, under other names.)
func packages(t *testing.T) []pkg {
	dec := json.NewDecoder(bytes.NewReader(goTool(t, "list", "-pgo=off", "-json=ImportPath,Imports,CgoFiles", "./...")))
	var all []pkg
	for {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// The readers of debug/elf are not made for hostile files, and cgo would end
// the single static binary. Tests may use both.
func TestForbiddenImports(t *testing.T) {
	for _, p := range packages(t) {
		for _, bad := range []string{"debug/elf", "C", "testing"} {
			if slices.Contains(p.Imports, bad) {
				t.Errorf("%s imports %q", p.ImportPath, bad)
			}
		}
		if len(p.CgoFiles) > 0 {
			t.Errorf("%s uses cgo: %v", p.ImportPath, p.CgoFiles)
		}
	}
}

// The command gets its answers from the public package alone: what it can do,
// everybody can.
func TestCommandUsesPublicAPI(t *testing.T) {
	allowed := map[string][]string{
		module + "/cmd/gofind":      {module, module + "/internal/report", module + "/internal/term"},
		module + "/internal/report": {module, module + "/internal/sysno"},
		module + "/internal/term":   {},
	}
	seen := 0
	for _, p := range packages(t) {
		own, ok := allowed[p.ImportPath]
		if !ok {
			continue
		}
		seen++
		for _, path := range p.Imports {
			if strings.HasPrefix(path, module) && !slices.Contains(own, path) {
				t.Errorf("%s imports %s", p.ImportPath, path)
			}
		}
	}
	if seen != len(allowed) {
		t.Errorf("%d of %d packages found", seen, len(allowed))
	}
}
