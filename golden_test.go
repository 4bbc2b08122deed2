package gofind_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gofind-dev/gofind"
	"github.com/gofind-dev/gofind/internal/bounded"
	"github.com/gofind-dev/gofind/internal/report"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

// build assembles and links a program of testdata/golden. Assembly, so that the
// code does not depend on a compiler's version.
func build(t *testing.T, source string) string {
	t.Helper()
	for _, tool := range []string{"as", "ld"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s", tool)
		}
	}
	name := strings.TrimSuffix(filepath.Base(source), ".s")
	object := filepath.Join(t.TempDir(), name+".o")
	program := filepath.Join(t.TempDir(), name)
	for _, args := range [][]string{
		{"as", "--64", "-mx86-used-note=no", "-o", object, source},
		{"ld", "-static", "--build-id=none", "-z", "separate-code", "-z", "max-page-size=4096", "-o", program, object},
	} {
		if out, err := bounded.Command(t, args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	return program
}

// normal takes what differs from machine to machine out of a result, and the
// words of the assumptions.
func normal(t *testing.T, r *gofind.Result) []byte {
	t.Helper()
	for i := range r.Assumptions {
		r.Assumptions[i].Detail = "..."
	}
	var b bytes.Buffer
	if err := report.JSON(&b, r); err != nil {
		t.Fatal(err)
	}
	s := strings.ReplaceAll(b.String(), filepath.Dir(r.Program)+"/", "/")
	return []byte(strings.ReplaceAll(s, r.SHA256, "SHA256"))
}

// TestGolden compares whole results, so that a change of the analysis shows as a
// diff of testdata/golden.
func TestGolden(t *testing.T) {
	sources, err := filepath.Glob("testdata/golden/*.s")
	if err != nil || len(sources) == 0 {
		t.Fatal("no sources", err)
	}
	for _, source := range sources {
		t.Run(strings.TrimSuffix(filepath.Base(source), ".s"), func(t *testing.T) {
			program := build(t, source)
			for _, since := range []string{"exec", "main"} {
				golden := strings.TrimSuffix(source, ".s") + ".json"
				if since == "main" {
					if golden = strings.TrimSuffix(source, ".s") + ".main.json"; filepath.Base(source) != "startup.s" {
						continue
					}
				}
				r, err := gofind.Scan(context.Background(), program, gofind.Options{HostNone: true, SinceMain: since == "main"})
				if err != nil {
					t.Fatal(err)
				}
				got := normal(t, r)
				if *update {
					if err := os.WriteFile(golden, got, 0o666); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), string(got)); diff != "" {
					t.Errorf("%s differs (-want +got), run with -update if that is meant:\n%s", golden, diff)
				}
			}
		})
	}
}

// installed returns the paths of those programs that this machine has.
func installed(names ...string) (paths []string) {
	for _, name := range names {
		for _, dir := range []string{"/usr/bin", "/usr/sbin"} {
			if path := filepath.Join(dir, name); exists(path) {
				paths = append(paths, path)
				break
			}
		}
	}
	return paths
}

func scan(t *testing.T, path string, opts gofind.Options) *gofind.Result {
	t.Helper()
	r, err := gofind.Scan(context.Background(), path, opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What can be called after startup can be called: by call and by site.
func TestSinceMainIsSubset(t *testing.T) {
	for _, path := range installed("cat", "nginx", "redis-server", "busybox", "memcached") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			all := scan(t, path, gofind.Options{HostNone: true})
			since := scan(t, path, gofind.Options{HostNone: true, SinceMain: true})
			if all.Since != "exec" || since.Since != "main" {
				t.Errorf("since %q and %q", all.Since, since.Since)
			}
			type site struct{ abi, name, image, address string }
			known := map[site]bool{}
			for _, c := range all.Syscalls {
				for _, s := range c.Sites {
					known[site{c.ABI, c.Name, s.Image, s.Address}] = true
				}
			}
			for _, c := range since.Syscalls {
				for _, s := range c.Sites {
					if !known[site{c.ABI, c.Name, s.Image, s.Address}] {
						t.Errorf("%s at %s %s only since main", c.Name, s.Image, s.Address)
					}
				}
			}
			for _, u := range since.Unresolved {
				if !slices.Contains(all.Unresolved, u) {
					t.Errorf("%+v only since main", u)
				}
			}
			if len(since.Syscalls) > len(all.Syscalls) || len(since.Syscalls) == 0 {
				t.Errorf("%d of %d calls", len(since.Syscalls), len(all.Syscalls))
			}
		})
	}
}

// Each chain begins at a root, names images of the process, ends in the function
// of a site of the strongest origin, and is the same for any number of workers.
func TestChains(t *testing.T) {
	rank := []string{"program", "dlopen", "libc-start", "loader", "vdso", "kernel"}
	for _, path := range installed("cat", "nginx") {
		r := scan(t, path, gofind.Options{HostNone: true, Workers: 1})
		images := map[string]bool{}
		for _, i := range r.Images {
			images[i.Path] = true
		}
		for _, c := range r.Syscalls {
			if c.Name == "restart_syscall" {
				continue
			}
			best := len(rank)
			for _, s := range c.Sites {
				best = min(best, slices.Index(rank, s.Origin))
			}
			if len(c.Via) == 0 {
				t.Errorf("%s: %s has no chain", path, c.Name)
				continue
			}
			last := c.Via[len(c.Via)-1]
			if !slices.ContainsFunc(c.Sites, func(s gofind.Site) bool {
				return s.Image == last.Image && s.Function == last.Function && s.Origin == rank[best]
			}) {
				t.Errorf("%s: the chain of %s ends in %+v, no site of origin %s", path, c.Name, last, rank[best])
			}
			for i, s := range c.Via {
				if !images[s.Image] || s.Address == "" || s.Function == "" || s.How == "" || i == 0 && s.How == "call" {
					t.Errorf("%s: %s: step %d is %+v", path, c.Name, i, s)
				}
			}
		}
		if diff := cmp.Diff(r, scan(t, path, gofind.Options{HostNone: true, Workers: 3})); diff != "" {
			t.Errorf("%s: other workers, other result:\n%s", path, diff)
		}
	}
}

// Entries of what is unresolved, and sites, are there once for each place.
func TestOncePerPlace(t *testing.T) {
	for _, path := range installed("nginx", "curl") {
		r := scan(t, path, gofind.Options{HostNone: true})
		type place struct{ kind, image, address string }
		seen := map[place]bool{}
		for _, u := range r.Unresolved {
			k := place{u.Kind, u.Image, u.Address}
			if seen[k] || u.Function == "" {
				t.Errorf("%s: %+v", path, u)
			}
			seen[k] = true
		}
		for _, c := range r.Syscalls {
			for _, s := range c.Sites {
				k := place{c.ABI + c.Name, s.Image, s.Address}
				if seen[k] {
					t.Errorf("%s: %s: %+v twice", path, c.Name, s)
				}
				seen[k] = true
			}
		}
	}
}
