package seal

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
	"github.com/gofind-dev/gofind/internal/policy"
)

// What strip and others make of a sealed program still runs under its filter.
func TestTools(t *testing.T) {
	for _, b := range builds {
		plain := b.program(t)
		seal := sealed(t, plain, allBut(policy.KillProcess, "sync"))
		for _, tool := range [][]string{
			{"strip", "-o", "{out}", "{in}"},
			{"strip", "--strip-debug", "-o", "{out}", "{in}"},
			{"objcopy", "{in}", "{out}"},
			{"objcopy", "--add-gnu-debuglink={in}", "{in}", "{out}"},
			{"objcopy", "--compress-debug-sections", "{in}", "{out}"},
			{"eu-strip", "-o", "{out}", "{in}"},
			{"eu-elfcompress", "-o", "{out}", "{in}"},
			{"patchelf", "--set-rpath", "/a/path/that/is/longer/than/what/was/there", "--output", "{out}", "{in}"},
			{"patchelf", "--add-needed", "libm.so.6", "--output", "{out}", "{in}"},
			{"patchelf", "--remove-rpath", "--output", "{out}", "{in}"},
			{"patchelf", "--set-interpreter", "{dir}/an-interpreter-with-a-longer-path", "--output", "{out}", "{in}"},
		} {
			t.Run(b.name+"/"+strings.Join(tool[:2], ""), func(t *testing.T) {
				need(t, tool[0])
				dir := t.TempDir()
				apply := func(in, out string) (string, error) {
					args := make([]string, len(tool)-1)
					for i, a := range tool[1:] {
						args[i] = strings.NewReplacer("{out}", out, "{in}", in, "{dir}", dir).Replace(a)
					}
					text, err := bounded.Command(t, tool[0], args...).CombinedOutput()
					return string(text), err
				}
				if f := open(t, plain); f.Interp != "" {
					copyFile(t, f.Interp, filepath.Join(dir, "an-interpreter-with-a-longer-path"))
				}
				out, other := filepath.Join(dir, "out"), filepath.Join(dir, "other")
				if _, err := apply(plain, other); err != nil {
					t.Skip("not something that the tool does to such files")
				}
				want := start(t, other, "hello", "x")
				if text, err := apply(seal, out); err != nil || strings.Contains(text, "arning") {
					t.Fatalf("%v: %s", err, text)
				}
				if got := start(t, out, "hello", "x"); got != want {
					t.Errorf("%+v, want %+v", got, want)
				}
				if want.code != 3 {
					t.Skip("the tool breaks such files, sealed or not")
				}
				if got := start(t, out, "call", nrSync); got.code != sigsys {
					t.Errorf("not filtered: %+v", got)
				}
				s, data := read(t, out)
				again := filepath.Join(dir, "again")
				write(t, again, s.Plain())
				if got := start(t, again, "call", nrSync); got.out != "returned\n" {
					t.Errorf("filtered without a filter: %+v", got)
				}
				again = sealed(t, again, allBut(policy.Errno(77), "sync"))
				if got := start(t, again, "call", nrSync); got.out != "errno 77\n" {
					t.Errorf("sealed again: %+v", got)
				}
				if got := start(t, again, "hello", "x"); got != want {
					t.Errorf("sealed again: %+v, want %+v", got, want)
				}
				if n := len(open(t, again).phdrs); n > len(open(t, out).phdrs) {
					t.Errorf("%d program headers", n)
				}
				if _, err := s.Original(); err == nil {
					was, _ := os.ReadFile(seal)
					if !bytes.Equal(was, data) {
						t.Error("an original of a changed file")
					}
				}
			})
		}
	}
}

func open(t testing.TB, path string) *file {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parse(path, data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, data)
}

// Tools read from a sealed program what they read from the original.
func TestIntact(t *testing.T) {
	for _, b := range builds {
		if b.name == "static" || b.name == "lld-static" {
			continue // slow to look at, and none of them has another kind of header
		}
		b.args = append([]string{"-g", "-Wl,--build-id"}, b.args...)
		t.Run(b.name, func(t *testing.T) {
			plain := b.program(t)
			seal := sealed(t, plain, allBut(policy.KillProcess, "sync"))
			for _, tool := range [][]string{
				{"nm"}, {"nm", "-D"}, {"readelf", "-ndrW", "--dyn-syms", "-p", ".interp", "-p", ".comment"}, {"addr2line", "-f", "-e", "{in}", "0x401200", "0x1300"},
				{"eu-elflint", "--gnu-ld"}, {"eu-readelf", "-lS"}, {"ldd"},
			} {
				if _, err := exec.LookPath(tool[0]); err != nil {
					continue
				}
				read := func(path string) string {
					var args []string
					given := false
					for _, a := range tool[1:] {
						given = given || a == "{in}"
						args = append(args, strings.ReplaceAll(a, "{in}", path))
					}
					if !given {
						args = append(args, path)
					}
					out, err := bounded.Command(t, tool[0], args...).CombinedOutput()
					var lines []string
					for line := range strings.Lines(strings.ReplaceAll(string(out), path, "FILE")) {
						if !moves.MatchString(line) {
							lines = append(lines, line)
						}
					}
					code := "ok"
					if err != nil {
						code = err.Error()
					}
					return strings.Join(lines, "") + code
				}
				switch want, got := read(plain), read(seal); {
				case tool[0] == "eu-readelf":
					if strings.Contains(got, "rror") || strings.Contains(got, "nvalid") {
						t.Errorf("%q: %s", tool, got)
					}
				case tool[0] == "eu-elflint" && !strings.HasSuffix(want, "ok"):
					// The linker's own mistakes; the sealed program has no more of them.
					if strings.Count(got, "\n") > strings.Count(want, "\n") {
						t.Errorf("%q:\n%s\nwant\n%s", tool, got, want)
					}
				case got != want:
					t.Errorf("%q:\n%s\nwant\n%s", tool, got, want)
				}
			}
		})
	}
}

// moves are lines that may differ: addresses of what makes room, of which table a note is shown, the sections of
// a seal, where ldd sees libraries.
var moves = regexp.MustCompile(`__abi_tag|NT_GNU_PROPERTY_TYPE_0|Properties: |^Displaying notes found|Owner +Data size|\((GNU_)?(HASH|SYMTAB|VERSYM)\)|\.gofind\.|^Total|^\.(interp|note\S*|hash|gnu\.hash|dynsym|gnu\.version) |^\s*\[ *\d+\]|=>|\(0x[0-9a-f]+\)\s*$|^\s*$`)
