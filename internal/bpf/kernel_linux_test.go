package bpf

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// compile builds a program of testdata.
func compile(t testing.TB, name string) string {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no gcc")
	}
	path := filepath.Join(t.TempDir(), name)
	if out, err := bounded.Command(t, "gcc", "-O1", "-o", path, "testdata/"+name+".c").CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	return path
}

// The kernel itself must do what the policy says. All actions are errors here, so that no
// call is made and each tells which clause decided.
func TestKernel(t *testing.T) {
	inject := compile(t, "inject")
	r := rand.New(rand.NewPCG(9, 10))
	for round := range 3 {
		abis := [][]sysno.ABI{{sysno.X86_64}, {sysno.X86_64, sysno.I386}, {sysno.X86_64, sysno.X32, sysno.I386}}[round]
		p := randomPolicy(r, 80, abis...)
		p.Default = policy.Errno(1000)
		number := uint16(1001)
		for i := range p.Rules {
			p.Rules[i].Clauses = slices.Clone(p.Rules[i].Clauses)
			for j := range p.Rules[i].Clauses {
				p.Rules[i].Clauses[j].Action = policy.Errno(number)
				number++
			}
		}
		f, err := Compile(p)
		if err != nil {
			t.Fatal(err)
		}
		var input bytes.Buffer
		put := func(v any) { binary.Write(&input, binary.LittleEndian, v) }
		put(uint32(8 * len(f.Instructions)))
		input.Write(f.Bytes())
		var calls bytes.Buffer
		var wants []int64
		samples(p, r, func(arch, nr uint32, args [6]uint64) {
			how := uint32(0)
			switch {
			case arch == policy.ArchI386:
				how = 1
				for i := range args {
					args[i] = uint64(uint32(args[i])) // what the kernel sees of ebx and the others
				}
			case arch != policy.ArchX86_64:
				return
			}
			if nr == math.MaxUint32 {
				return // the kernel answers -1 itself, with ENOSYS
			}
			if how == 0 && (nr == 335 || nr == 336) {
				return // uretprobe and uprobe: no filter is asked since Linux 6.12 (kernel/seccomp.c)
			}
			binary.Write(&calls, binary.LittleEndian, [2]uint32{how, nr})
			binary.Write(&calls, binary.LittleEndian, args)
			number, ok := p.Eval(arch, nr, args).Errno()
			if !ok {
				t.Fatalf("number %#x: the policy says %v", nr, p.Eval(arch, nr, args))
			}
			wants = append(wants, -int64(number))
		})
		put(uint32(len(wants)))
		input.Write(calls.Bytes())
		run := bounded.Command(t, inject)
		run.Stdin = &input
		var stderr strings.Builder
		run.Stderr = &stderr
		out, err := run.Output()
		if err != nil {
			t.Fatalf("inject: %v\n%s", err, stderr.String())
		}
		for i, want := range wants {
			if got := int64(binary.LittleEndian.Uint64(out[8*i:])); got != want {
				call := calls.Bytes()[56*i:]
				t.Fatalf("round %d: how %d, number %#x, arguments %#x: the kernel says %d, the policy %d", round,
					binary.LittleEndian.Uint32(call), binary.LittleEndian.Uint32(call[4:]), call[8:56], got, want)
			}
		}
		t.Logf("%d calls", len(wants))
	}
}

// BenchmarkKernel times getppid: without a filter, with one of a hundred calls whose
// answer the kernel has cached, and with one that it must run.
func BenchmarkKernel(b *testing.B) {
	getppid := compile(b, "getppid")
	filter := func(tests []policy.Test) []byte {
		p := &policy.Policy{Default: policy.KillProcess, Unknown: policy.Errno(policy.ENOSYS)}
		nr, _ := sysno.Number(sysno.X86_64, "getppid")
		for i := range 200 {
			// Those that a C program of this kind makes are among the even ones and the first.
			if i%2 == 0 && i != nr || i < 20 || i == 231 {
				p.Rules = append(p.Rules, policy.Rule{Call: sysno.Call{Nr: i}, Clauses: []policy.Clause{{Action: policy.Allow}}})
			}
		}
		for _, name := range []string{"exit_group", "newfstatat"} {
			other, _ := sysno.Number(sysno.X86_64, name)
			p.Rules = append(p.Rules, policy.Rule{Call: sysno.Call{Nr: other}, Clauses: []policy.Clause{{Action: policy.Allow}}})
		}
		p.Rules = append(p.Rules, policy.Rule{Call: sysno.Call{Nr: nr}, Clauses: []policy.Clause{{Tests: tests, Action: policy.Allow}}})
		if err := p.Sort(); err != nil {
			b.Fatal(err)
		}
		f, err := Compile(p)
		if err != nil {
			b.Fatal(err)
		}
		return f.Bytes()
	}
	for name, code := range map[string][]byte{
		"none":   nil,
		"cached": filter(nil),
		"run":    filter([]policy.Test{{Arg: 0, Width: 32, Values: []uint64{0}}}),
	} {
		b.Run(name, func(b *testing.B) {
			run := bounded.Command(b, getppid, strconv.Itoa(b.N))
			run.Stdin = bytes.NewReader(code)
			out, err := run.CombinedOutput()
			if err != nil {
				b.Fatalf("%v\n%s", err, out)
			}
			ns, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(ns, "ns/call")
		})
	}
}
