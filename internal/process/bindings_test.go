package process

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/gofind-dev/gofind/internal/image"
)

// binding is one line of LD_DEBUG=bindings.
type binding struct{ from, to, symbol string }

var bindingLine = regexp.MustCompile("binding file (.*) \\[(-?\\d+)\\] to (.*) \\[(-?\\d+)\\]: (?:normal|protected) symbol `([^']*)'(?: \\[([^\\]]*)\\])?")

// bindings asks the real ld.so for every symbol binding of a program, without
// running it, as ldd -r does.
func bindings(t testing.TB, program string, env ...string) map[binding]bool {
	t.Helper()
	program, err := filepath.EvalSymlinks(program)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "LD_TRACE_LOADED_OBJECTS=1", "LD_WARN=yes", "LD_BIND_NOW=yes", "LD_DEBUG=bindings")
	cmd.Env = append(cmd.Env, env...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	cmd.Run()
	found := map[binding]bool{}
	sc := bufio.NewScanner(&errs)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		if m := bindingLine.FindStringSubmatch(sc.Text()); m != nil && m[1] != "linux-vdso.so.1" {
			sym := m[5]
			if m[6] != "" {
				sym += "@" + m[6]
			}
			found[binding{clean(m[1]), clean(m[3]), sym}] = true
		}
	}
	return found
}

// clean resolves the directory of a path.
func clean(p string) string {
	if r, err := filepath.EvalSymlinks(p); err == nil {
		return r
	}
	return p
}

// TestBindingsSystem compares what Resolve says for every reference that ld.so binds.
func TestBindingsSystem(t *testing.T) {
	ldso(t)
	for _, name := range []string{"cat", "bash", "nginx", "curl", "haproxy", "cmake", "git", "vim", "gdb", "ffmpeg", "openssl", "redis-server"} {
		t.Run(name, func(t *testing.T) {
			path, err := exec.LookPath(name)
			if err != nil {
				t.Skip(err)
			}
			p, err := Load(path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if p.Libc != "glibc" {
				t.Skip("not for glibc")
			}
			compareBindings(t, p, bindings(t, path))
		})
	}
}

func compareBindings(t *testing.T, p *Process, want map[binding]bool) {
	t.Helper()
	if len(want) == 0 {
		t.Error("ld.so says nothing")
	}
	byPath := map[string]int{}
	for _, img := range p.Images {
		byPath[img.Real] = img.ID
	}
	type key struct {
		image  int
		symbol string
	}
	answers := map[key]map[string]bool{}
	copied := map[key]bool{}
	for _, img := range p.Images {
		for _, r := range img.Relocs {
			if r.Sym == 0 {
				continue
			}
			sym := img.SymbolName(int(r.Sym))
			if v, _ := img.SymbolVersion(int(r.Sym)); v != "" {
				sym += "@" + v
			}
			k := key{img.ID, sym}
			if answers[k] == nil {
				answers[k] = map[string]bool{}
			}
			ts := p.Resolve(img.ID, int(r.Sym), nil)
			if r.Type == image.RX8664Copy {
				copied[k] = true
				ts = p.CopySource(img.ID, int(r.Sym))
			}
			for _, x := range ts {
				answers[k][p.Images[x.Image].Real] = true
			}
		}
	}
	bad := 0
	for b := range want {
		id, ok := byPath[b.from]
		if !ok {
			t.Errorf("%s is not an image", b.from)
			continue
		}
		if p.Images[id].Origin == OriginLoader {
			continue // looks up by name, without relocations
		}
		if answers[key{id, b.symbol}][b.to] {
			continue
		}
		// The address of a function that a non-PIE program takes is that of its PLT entry.
		if b.to == p.Images[0].Real && p.Images[0].Type == image.ETExec && len(answers[key{id, b.symbol}]) > 0 {
			continue
		}
		if bad++; bad < 10 {
			t.Errorf("%s: %s binds to %s, not %v", b.from, b.symbol, b.to, answers[key{id, b.symbol}])
		}
	}
	t.Logf("%d bindings, %d differ", len(want), bad)
	for k, a := range answers {
		for to := range a {
			if len(a) > 1 && !copied[k] && !want[binding{p.Images[k.image].Real, to, k.symbol}] {
				t.Logf("%s: %s also binds to %s", p.Images[k.image].Path, k.symbol, to)
			}
		}
	}
}
