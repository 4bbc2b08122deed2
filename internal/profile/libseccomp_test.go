package profile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/gofind-dev/gofind/internal/bounded"
	"github.com/gofind-dev/gofind/internal/bpf"
	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// buildLibseccomp compiles testdata/libseccomp.c.
func buildLibseccomp(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "libseccomp")
	if out, err := bounded.Command(t, "gcc", "-O1", "-o", bin, "testdata/libseccomp.c", "-lseccomp").CombinedOutput(); err != nil {
		t.Skipf("no C compiler, or no libseccomp: %v\n%s", err, out)
	}
	return bin
}

var scmpArch = map[specs.Arch]uint32{specs.ArchX86: 0x40000003, specs.ArchX86_64: 0xc000003e, specs.ArchX32: 0x4000003e}

var scmpOp = map[specs.LinuxSeccompOperator]int{
	specs.OpNotEqual: 1, specs.OpLessThan: 2, specs.OpLessEqual: 3, specs.OpEqualTo: 4,
	specs.OpGreaterEqual: 5, specs.OpGreaterThan: 6, specs.OpMaskedEqual: 7,
}

// libseccomp makes the filter for a profile as runc does (libcontainer/seccomp/seccomp_linux.go).
// unknown are the names that the library has not, which it ignores.
func libseccomp(t *testing.T, bin string, profile []byte) (f *bpf.Filter, unknown map[string]bool) {
	t.Helper()
	var s specs.LinuxSeccomp
	if err := json.Unmarshal(profile, &s); err != nil {
		t.Fatal(err)
	}
	action := func(a specs.LinuxSeccompAction, ret *uint) policy.Action {
		out, err := parseAction(a, ret)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	var in strings.Builder
	def := action(s.DefaultAction, s.DefaultErrnoRet)
	fmt.Fprintf(&in, "default %d\n", def)
	for _, a := range s.Architectures {
		fmt.Fprintf(&in, "arch %d\n", scmpArch[a])
	}
	for _, c := range s.Syscalls {
		a := action(c.Action, c.ErrnoRet)
		for _, name := range c.Names {
			if a == def {
				continue
			}
			fmt.Fprintf(&in, "rule %d %s", a, name)
			for _, arg := range c.Args {
				fmt.Fprintf(&in, " %d %d %d %d", arg.Index, scmpOp[arg.Op], arg.Value, arg.ValueTwo)
			}
			in.WriteString("\n")
		}
	}
	cmd := bounded.Command(t, bin)
	cmd.Stdin = strings.NewReader(in.String())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("libseccomp: %v\n%s", err, stderr.String())
	}
	if f, err = bpf.Parse(out); err != nil {
		t.Fatal(err)
	}
	unknown = map[string]bool{}
	for line := range strings.Lines(stderr.String()) {
		if name, ok := strings.CutPrefix(line, "unknown "); ok {
			unknown[strings.TrimSpace(name)] = true
		}
	}
	return f, unknown
}

// The filter that libseccomp makes of a profile does what Parse says that it does. And what
// decompiling it says.
func TestLibseccomp(t *testing.T) {
	bin := buildLibseccomp(t)
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 2))
		p := randomPolicy(r, seed%4 == 2, seed%4 == 3)
		data, _, err := Write("oci", p, &Info{})
		if err != nil {
			t.Fatal(err)
		}
		q, _, _, err := Parse("file", data)
		if err != nil {
			t.Fatal(err)
		}
		if len(q.Rules) < 20 {
			continue // of very few rules, 2.5.4 makes filters that compare the architecture with a number
		}
		f, unknown := libseccomp(t, bin, data)
		back, _, err := decompile(f)
		if err != nil {
			t.Logf("seed %d: %v", seed, err)
			back = nil
		}
		for _, abi := range policy.ABIs {
			for nr := range 600 {
				c := sysno.Call{ABI: abi, Nr: nr}
				name, ok := sysno.Name(abi, nr)
				if ok && unknown[name] || abi == sysno.I386 && (name == "socketcall" || name == "ipc") {
					continue // the note of Parse says what the last two get
				}
				arch, number := dataOf(c)
				tries := 1
				if q.Rule(c) != nil {
					tries = 60
				}
				for range tries {
					args := samples(r, abi)
					want := q.Eval(arch, number, args)
					got, _ := f.Run(&bpf.Data{Number: number, Arch: arch, Args: args})
					got = effective(got)
					if got != want && (want.Passes() || got.Passes()) {
						t.Fatalf("seed %d: %s %#x: Parse says %s, libseccomp %s\n%+v\n%s", seed, c, args, want, got, q.Rule(c), data)
					}
					if back != nil {
						if again := back.Eval(arch, number, args); again != got && (again.Passes() || got.Passes()) {
							t.Fatalf("seed %d: %s %#x: decompiled says %s, libseccomp %s\n%+v", seed, c, args, again, got, back.Rule(c))
						}
					}
				}
			}
		}
	}
}

// Docker's own profile, as Docker and libseccomp make a filter of it, does what Parse says.
func TestDocker(t *testing.T) {
	bin := buildLibseccomp(t)
	source, err := json.Marshal(seccomp.DefaultProfile())
	if err != nil {
		t.Fatal(err)
	}
	q, name, notes, err := Parse("default.json", source)
	if err != nil || name != "oci" || len(notes) == 0 {
		t.Fatalf("%s %q: %v", name, notes, err)
	}
	spec := &specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: containerCaps}}}
	s, err := seccomp.LoadProfile(string(source), spec)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	f, unknown := libseccomp(t, bin, data)
	r := rand.New(rand.NewPCG(1, 5))
	allowed := 0
	for _, abi := range policy.ABIs {
		for nr := range 600 {
			c := sysno.Call{ABI: abi, Nr: nr}
			if n, ok := sysno.Name(abi, nr); !ok || unknown[n] {
				continue
			}
			arch, number := dataOf(c)
			for range 100 {
				args := samples(r, abi)
				got, _ := f.Run(&bpf.Data{Number: number, Arch: arch, Args: args})
				if want := q.Eval(arch, number, args); effective(got) != want {
					t.Fatalf("%s %#x: Parse says %s, Docker %s", c, args, want, got)
				}
			}
			if rule := q.Rule(c); rule != nil && rule.Allows() {
				allowed++
			}
		}
	}
	if allowed < 800 {
		t.Errorf("only %d calls", allowed)
	}
}
