package needs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
	"github.com/gofind-dev/gofind/internal/compartment"
	"github.com/gofind-dev/gofind/internal/kraft"
	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/unikernel"
)

// mini builds the image of testdata/mini as Unikraft's build does: an object for each
// library, linked with -r, then the image with symbols. It returns the build directory.
func mini(t *testing.T, flags ...string) string {
	t.Helper()
	for _, tool := range []string{"gcc", "ld"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(tool + " is not installed")
		}
	}
	dir := t.TempDir()
	run := func(name string, args ...string) {
		t.Helper()
		cmd := bounded.Command(t, name, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
	}
	build := filepath.Join(dir, "build")
	var objects []string
	for _, lib := range []struct{ name, source string }{
		{"libkvmplat", "boot.c"}, {"appmini", "app.c"}, {"libposix", "posix.c"}, {"libsyscall_shim", "shim.c"},
		{"libmusl", "libc.c"}, {"libplugin", "plugin.c"}, {"libworker", "worker.c"}, {"libfar", "far.c"},
	} {
		// Sources are copied to where Unikraft has them, so that DWARF tells the library.
		src := filepath.Join(build, lib.name, "origin")
		if err := os.MkdirAll(src, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, f := range []string{lib.source, "uk.h"} {
			data, err := os.ReadFile(filepath.Join("testdata", "mini", f))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(src, f), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		o := filepath.Join(build, lib.name+".c.o")
		args := append([]string{"-c", "-g", "-O2", "-ffreestanding", "-fno-pic", "-fno-stack-protector", "-mno-red-zone", "-fcf-protection=none", "-w"}, flags...)
		run("gcc", append(args, filepath.Join(src, lib.source), "-o", o)...)
		objects = append(objects, filepath.Join(build, lib.name+".o"))
		run("ld", "-r", "-o", objects[len(objects)-1], o)
		if err := os.Remove(o); err != nil {
			t.Fatal(err)
		}
	}
	script, err := filepath.Abs("testdata/mini/image.ld")
	if err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(build, "mini_qemu-x86_64.dbg")
	args := append([]string{"-nostdlib", "-no-pie", "-static", "--build-id=none", "-T", script, "-o", image}, objects...)
	run("ld", args...)
	if err := os.WriteFile(image+".cmd", []byte("ld "+strings.Join(args, " ")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return build
}

// find analyses an image with the kraft.yaml of testdata/mini.
func find(t *testing.T, image string) *Result {
	t.Helper()
	f, err := kraft.Read("testdata/mini/kraft.yaml", "")
	if err != nil {
		t.Fatal(err)
	}
	m, err := unikernel.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	r, err := Find(context.Background(), m, f, Options{Transparent: TransparentByDefault, Libraries: true})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func names(c *compartment.Calls) []string {
	var out []string
	for n := range 512 {
		if c.Has(n) {
			name, _ := sysno.Name(sysno.X86_64, n)
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// wants reads the WANT comments of the sources: compartment and set -> calls.
func wants(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	files, err := filepath.Glob("testdata/mini/*.c")
	if err != nil {
		t.Fatal(err)
	}
	re := regexp.MustCompile(`(?m)^// WANT (\w+ \w+):(.*)$`)
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range re.FindAllStringSubmatch(string(data), -1) {
			calls := strings.Fields(m[2])
			slices.Sort(calls)
			out[m[1]] = calls
		}
	}
	return out
}

// got is the same of a result.
func got(r *Result) map[string][]string {
	out := map[string][]string{}
	for c := range r.Plan.Compartments {
		x := &r.Plan.Compartments[c]
		out[x.Name+" executes"], out[x.Name+" needs"] = names(&x.Executes), names(&x.Needs)
	}
	return out
}

// TestMini: each trap of the sources is in the sets that they want, with objects, from the .dbg alone, with a link
// map, and however the compiler lays the code out.
func TestMini(t *testing.T) {
	for _, flags := range [][]string{nil, {"-O1"}, {"-O3"}, {"-ffunction-sections"}, {"-fno-omit-frame-pointer", "-fno-asynchronous-unwind-tables"}} {
		t.Run(strings.Join(append([]string{"-"}, flags...), " "), func(t *testing.T) {
			build := mini(t, flags...)
			image := filepath.Join(build, "mini_qemu-x86_64.dbg")
			objects := find(t, image)
			if objects.Image.How != unikernel.Objects {
				t.Errorf("libraries by %v, not by objects", objects.Image.How)
			}
			alone := filepath.Join(t.TempDir(), "mini.dbg")
			data, err := os.ReadFile(image)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(alone, data, 0o644); err != nil {
				t.Fatal(err)
			}
			dbg := find(t, alone)
			if dbg.Image.How != unikernel.Debug {
				t.Errorf("libraries by %v, not by DWARF", dbg.Image.How)
			}
			want := wants(t)
			for name, r := range map[string]*Result{"objects": objects, "dbg": dbg} {
				have := got(r)
				for set, calls := range want {
					if !slices.Equal(have[set], calls) {
						t.Errorf("%s: %s: %v, want %v", name, set, have[set], calls)
						showChains(t, r, set, calls)
					}
				}
			}
			if a, b := fmt.Sprint(got(objects), objects.Plan), fmt.Sprint(got(dbg), dbg.Plan); a != b {
				t.Errorf("another answer from the .dbg alone:\n%s\n%s", a, b)
			}
		})
	}
}

// showChains logs how the calls come about that a set has but should not.
func showChains(t *testing.T, r *Result, set string, want []string) {
	for c := range r.Plan.Compartments {
		if r.Plan.Compartments[c].Name+" needs" != set {
			continue
		}
		for n, chain := range r.Details[c].Chains {
			name, _ := sysno.Name(sysno.X86_64, n)
			if slices.Contains(want, name) {
				continue
			}
			s := name + ":"
			for _, x := range chain {
				s += fmt.Sprintf(" -%v-> %s", x.Kind, r.Graph.Name(x.Unit))
			}
			t.Log(s)
		}
	}
}
