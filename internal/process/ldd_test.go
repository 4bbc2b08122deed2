package process

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
)

// traced asks the real ld.so what it would load for a program, in its order.
// ok is false if the program is not for it (static, musl, ...).
func traced(t testing.TB, program string, env ...string) (files []string, missing []string, ok bool) {
	t.Helper()
	program, err := filepath.EvalSymlinks(program)
	if err != nil {
		t.Fatal(err)
	}
	cmd := bounded.Command(t, ldso(t), program)
	cmd.Env = append(append(os.Environ(), "LD_TRACE_LOADED_OBJECTS=1"), env...)
	out, err := cmd.Output()
	if err != nil && len(out) == 0 {
		return nil, nil, false
	}
	if strings.TrimSpace(string(out)) == "statically linked" {
		return nil, nil, true
	}
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "linux-vdso") || line == "" {
			continue
		}
		name, rest, arrow := strings.Cut(line, " => ")
		if arrow && strings.HasPrefix(rest, "not found") {
			missing = append(missing, name)
			continue
		}
		f := line
		if arrow {
			f = rest
		}
		f, _, paren := strings.Cut(f, " (0x")
		if !paren {
			return nil, nil, false
		}
		dir, err := filepath.EvalSymlinks(filepath.Dir(f))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(f, "..") {
			f = filepath.Join(dir, filepath.Base(f))
		}
		files = append(files, f)
	}
	return files, missing, true
}

func ldso(t testing.TB) string {
	const p = "/lib64/ld-linux-x86-64.so.2"
	if _, err := os.Stat(p); err != nil {
		t.Skip("no glibc here")
	}
	return p
}

// loaded is what Load has, in the form of traced.
func loaded(p *Process) (files []string) {
	for _, id := range p.Global[1:] {
		files = append(files, p.Images[id].Path)
	}
	return files
}

var all = flag.Bool("all", false, "compare every program of the system, not each tenth")

// TestLddSystem compares the files, and their order, with ld.so's own answer for programs of the system.
func TestLddSystem(t *testing.T) {
	ldso(t)
	var programs []string
	for _, dir := range []string{"/usr/bin", "/usr/sbin"} {
		list, _ := filepath.Glob(dir + "/*")
		programs = append(programs, list...)
	}
	n, step := 0, 10
	if *all {
		step = 1
	}
	for i := 0; i < len(programs); i += step {
		prog := programs[i]
		st, err := os.Stat(prog)
		if err != nil || !st.Mode().IsRegular() || st.Mode()&os.ModeSetuid != 0 {
			continue
		}
		head := make([]byte, 4)
		if f, err := os.Open(prog); err != nil {
			continue
		} else {
			f.Read(head)
			f.Close()
		}
		if !bytes.Equal(head, []byte("\x7fELF")) {
			continue
		}
		p, err := Load(prog, Options{})
		if err != nil {
			var m *MissingError
			if errors.As(err, &m) {
				if _, missing, ok := traced(t, prog); ok && !slices.Contains(missing, m.Library) {
					t.Errorf("%s: %v, but ld.so does not miss it", prog, err)
				}
			} else {
				t.Errorf("%s: %v", prog, err)
			}
			continue
		}
		if p.Libc == "glibc" {
			n++
			want, _, ok := traced(t, prog)
			if !ok {
				t.Errorf("%s: ld.so says nothing", prog)
			} else if got := loaded(p); !slices.Equal(got, want) {
				t.Errorf("%s:\n got %q\nwant %q", prog, got, want)
			}
		}
		p.Close()
	}
	t.Logf("%d programs", n)
}
