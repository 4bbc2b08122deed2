package profile

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	xbpf "golang.org/x/net/bpf"

	"github.com/gofind-dev/gofind/internal/bpf"
	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// FuzzParse reads hostile files. What can be read can be written in each form, and read again, and
// then refuses nothing that was allowed.
func FuzzParse(f *testing.F) {
	for seed := range uint64(4) {
		p := randomPolicy(rand.New(rand.NewPCG(seed, 3)), seed == 2, seed == 3)
		for _, format := range Formats {
			if data, _, err := Write(format.Name, p, &Info{Programs: []string{"/bin/x"}}); err == nil && len(data) < 20000 {
				f.Add(data)
			}
		}
	}
	f.Add([]byte(`{"defaultAction":"SCMP_ACT_ERRNO","archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86"]}],"syscalls":[{"name":"clone","action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":2114060288,"op":"SCMP_CMP_MASKED_EQ"}],"excludes":{"caps":["CAP_SYS_ADMIN"]}},{"names":["read","write"],"action":"SCMP_ACT_ALLOW","includes":{"arches":["amd64"],"minKernel":"4.8"}}]}`))
	f.Add([]byte(`{"ociVersion":"1.0.2","linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["bpf"],"action":"SCMP_ACT_TRACE","errnoRet":7}]}}}`))
	f.Add([]byte("[Service]\nSystemCallFilter=@system-service \\\n  @mount\nSystemCallFilter=~@clock bpf:EPERM ptrace:kill\nSystemCallErrorNumber=ENOSYS\nSystemCallLog=~read\n"))
	f.Add([]byte(`{"vmm":{"mismatch_action":{"errno":1},"match_action":"allow","filter":[{"syscall":"ioctl","args":[{"index":1,"type":"dword","op":{"masked_eq":15},"val":3}]}]},"api":{"default_action":"trap","filter_action":"allow","filter":[]}}`))
	f.Add([]byte("apiVersion: security-profiles-operator.x-k8s.io/v1beta1\nkind: SeccompProfile\nspec:\n  defaultAction: SCMP_ACT_ERRNO\n  syscalls:\n  - action: SCMP_ACT_ERRNO\n    errnoRet: \"38\"\n    names: [clone3]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		p, name, _, err := Parse("file", data)
		if err != nil {
			if p != nil {
				t.Fatal("an error and a policy")
			}
			return
		}
		if err := p.Sort(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(p.Rules) > 100 {
			return // slow, and no other
		}
		format := Formats[len(data)%len(Formats)]
		again, _, err := Write(format.Name, p, &Info{Programs: []string{string(data[:min(len(data), 20)])}})
		if err != nil {
			return
		}
		q, _, _, err := Parse("file", again)
		if err != nil {
			t.Fatalf("%s, written as %s: %v\n%s", name, format.Name, err, again)
		}
		if format == seccompiler && p.Default.Passes() {
			return // other ABIs are killed
		}
		r := rand.New(rand.NewPCG(1, 2))
		for _, rule := range p.Rules {
			arch, number := dataOf(rule.Call)
			for range 10 {
				args := samples(r, rule.Call.ABI)
				if a, b := p.Eval(arch, number, args), q.Eval(arch, number, args); a.Passes() && !b.Passes() {
					t.Fatalf("%s, written as %s: %s %#x: %s, then %s\n%s", name, format.Name, rule.Call, args, a, b, again)
				}
			}
		}
	})
}

// A filter may tell more values apart than anybody can list: for each word of the arguments, whether it is 7, and an error number that says
// for which it was. That is refused before it takes much memory.
func TestDecompileMany(t *testing.T) {
	for _, words := range []int{2, 6, 12} {
		code := []xbpf.RawInstruction{{Op: 0x00, K: uint32(policy.Errno(0))}, {Op: 0x02}} // M[0] = ERRNO(0)
		for w := range words {
			code = append(code,
				xbpf.RawInstruction{Op: 0x20, K: uint32(16 + 4*w)}, // A = the word
				xbpf.RawInstruction{Op: 0x15, Jt: 3, K: 7},         // if it is not 7
				xbpf.RawInstruction{Op: 0x60},                      // M[0] += 1 << w
				xbpf.RawInstruction{Op: 0x04, K: 1 << min(w, 11)},  //
				xbpf.RawInstruction{Op: 0x02})                      //
		}
		code = append(code, xbpf.RawInstruction{Op: 0x60}, xbpf.RawInstruction{Op: 0x16}) // return M[0]
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err := decompile(&bpf.Filter{Instructions: code})
		runtime.ReadMemStats(&after)
		if many := words > 2; many != errors.Is(err, errTooMany) || !many && err != nil {
			t.Errorf("%d words: %v", words, err)
		}
		if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; mb > 256 {
			t.Errorf("%d words: %d MB", words, mb)
		}
	}
}

// FuzzDecompile follows hostile filters. What it makes of them is what they do.
func FuzzDecompile(f *testing.F) {
	for seed := range uint64(6) {
		p := randomPolicy(rand.New(rand.NewPCG(seed, 4)), false, seed%2 == 1)
		if filter, err := bpf.Compile(p); err == nil {
			f.Add(filter.Bytes())
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		filter, err := bpf.Parse(data)
		if err != nil || len(filter.Instructions) > 100 {
			return
		}
		p, notes, err := decompile(filter)
		if err != nil {
			return
		}
		r := rand.New(rand.NewPCG(1, 2))
		numbers := []uint32{}
		for _, i := range filter.Instructions {
			numbers = append(numbers, i.K)
		}
		for nr := range uint32(480) {
			numbers = append(numbers, nr)
		}
		for _, abi := range policy.ABIs {
			if slices.ContainsFunc(notes, func(n string) bool { return len(n) > 0 }) {
				break
			}
			for _, nr := range numbers {
				if nr > maxNumber {
					continue
				}
				arch, number := dataOf(sysno.Call{ABI: abi, Nr: int(nr)})
				args := samples(r, abi)
				for i := range args {
					if r.IntN(2) == 0 {
						args[i] = uint64(numbers[r.IntN(len(numbers))]) | uint64(numbers[r.IntN(len(numbers))])<<32
					}
				}
				got, _ := filter.Run(&bpf.Data{Number: number, Arch: arch, Args: args})
				if want := p.Eval(arch, number, args); effective(got) != want {
					t.Fatalf("%s %d %#x: the filter says %s, the policy %s\n%+v", abi, nr, args, got, want, p.Rule(sysno.Call{ABI: abi, Nr: int(nr)}))
				}
			}
		}
	})
}
