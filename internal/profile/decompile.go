package profile

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gofind-dev/gofind/internal/bpf"
	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// A filter is read back by running it once for each number with unknown arguments: at
// a comparison of an argument both ways are followed, and each way to a ret becomes a
// clause with what was compared on it. Masks (AND, JSET) are followed; arithmetic with
// arguments and tests of the instruction pointer are not, and are errors.

// maxNumber is the highest number that is looked at, beside some above.
const maxNumber = 1023

// maxPaths bounds the ways through a filter for one number.
const maxPaths = 4096

// maxSteps bounds the instructions that are run for all numbers: more than all of the longest filter for each.
const maxSteps = 20_000_000

// maxSize bounds the clauses of all numbers, and the tests of those that differ from the number's before. Filters that compare
// arguments for each call have a few thousand.
const maxSize = 100_000

// Audit values of architectures: one of another machine stands for all.
const archOther = 0xc00000b7 // AUDIT_ARCH_AARCH64

// decompile returns the policy that a filter stands for, and where it does something
// that a policy cannot say.
func decompile(f *bpf.Filter) (*policy.Policy, []string, error) {
	var notes []string
	p := &policy.Policy{}
	all := &reading{f: f, steps: maxSteps, size: maxSize}
	outcome := map[sysno.Call][]policy.Clause{}
	for _, abi := range policy.ABIs {
		for nr := range maxNumber + 1 {
			c := sysno.Call{ABI: abi, Nr: nr}
			arch, number := dataOf(c)
			clauses, err := all.explore(arch, number)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", c, err)
			}
			outcome[c] = clauses
		}
	}
	other, err := all.explore(archOther, 0)
	if err != nil {
		return nil, nil, err
	}
	minus, err := all.explore(policy.ArchX86_64, ^uint32(0))
	if err != nil {
		return nil, nil, err
	}
	p.Default = common(outcome, true, single(minus, policy.KillProcess))
	p.Unknown = common(outcome, false, p.Default)
	for what, clauses := range map[string][]policy.Clause{"other architectures": other, "the number -1": minus} {
		if a := single(clauses, p.Default); a != p.Default {
			notes = append(notes, fmt.Sprintf("%s: the filter says %s, the policy %s", what, a, p.Default))
		}
	}
	for _, abi := range policy.ABIs {
		notes = append(notes, addABI(p, abi, outcome)...)
	}
	slices.Sort(notes)
	return p, notes, p.Sort()
}

// addABI adds the rules of an ABI.
func addABI(p *policy.Policy, abi sysno.ABI, outcome map[sysno.Call][]policy.Clause) (notes []string) {
	first := outcome[sysno.Call{ABI: abi}]
	same := true
	for nr := range maxNumber + 1 {
		same = same && sameClauses(first, outcome[sysno.Call{ABI: abi, Nr: nr}])
	}
	if a := single(first, policy.Allow); same && !a.Passes() {
		if a != p.Default {
			notes = append(notes, fmt.Sprintf("calls of %s: the filter says %s, the policy %s", abi, a, p.Default))
		}
		return notes
	}
	for nr := range maxNumber + 1 {
		c := sysno.Call{ABI: abi, Nr: nr}
		_, known := sysno.Name(abi, nr)
		without := p.Default
		if !known {
			without = p.Unknown
		}
		if clauses := outcome[c]; !sameClauses(clauses, []policy.Clause{{Action: without}}) {
			if n := len(clauses) - 1; n > 0 && clauses[n].Action == p.Default {
				clauses = clauses[:n]
			}
			p.Rules = append(p.Rules, policy.Rule{Call: c, Clauses: clauses})
		}
	}
	if !p.Has(abi) { // an ABI without rules has the default for all numbers
		p.Rules = append(p.Rules, policy.Rule{Call: sysno.Call{ABI: abi}, Clauses: outcome[sysno.Call{ABI: abi}]})
	}
	return notes
}

// dataOf returns how a filter sees a call.
func dataOf(c sysno.Call) (arch, number uint32) {
	switch c.ABI {
	case sysno.I386:
		return policy.ArchI386, uint32(c.Nr)
	case sysno.X32:
		return policy.ArchX86_64, uint32(c.Nr) | sysno.X32Bit
	}
	return policy.ArchX86_64, uint32(c.Nr)
}

// single returns the action of clauses that do not depend on arguments.
func single(clauses []policy.Clause, otherwise policy.Action) policy.Action {
	if len(clauses) == 1 && len(clauses[0].Tests) == 0 {
		return clauses[0].Action
	}
	return otherwise
}

// common returns the most frequent action of x86_64 calls that have a name (or have none);
// of those with a name, one that refuses if there is any.
func common(outcome map[sysno.Call][]policy.Clause, named bool, otherwise policy.Action) policy.Action {
	count := map[policy.Action]int{}
	passes := map[policy.Action]int{}
	for nr := range maxNumber + 1 {
		if _, known := sysno.Name(sysno.X86_64, nr); known != named {
			continue
		}
		list := outcome[sysno.Call{Nr: nr}]
		a := list[len(list)-1].Action // where no test holds
		if named && a.Passes() {
			passes[a]++
		} else {
			count[a]++
		}
	}
	if len(count) == 0 {
		count = passes
	}
	best, n := otherwise, 0
	for a, k := range count {
		if k > n || k == n && a < best {
			best, n = a, k
		}
	}
	return best
}

// value is what a register holds: a number, or a word of the arguments with a mask.
type value struct {
	kind uint8
	n    uint32 // the number
	word uint8  // 2*argument, +1 for the upper half
	mask uint32
}

const (
	number uint8 = iota
	argument
	opaque // something that cannot be followed
)

// limits is what is known of one word of the arguments.
type limits struct {
	first, last uint32
	mask, bits  uint32   // bits that are known
	not         []uint32 // values that it has not
	odd         bool     // something is known that no test can say
}

func (l *limits) free() bool {
	return l.first == 0 && l.last == ^uint32(0) && l.mask == 0 && len(l.not) == 0
}

func (l limits) equal(k limits) bool {
	return l.first == k.first && l.last == k.last && l.mask == k.mask && l.bits == k.bits && l.odd == k.odd && slices.Equal(l.not, k.not)
}

// machine is the state of a filter on one way through it.
type machine struct {
	pc     int
	a, x   value
	mem    [16]value
	limits [12]limits
}

// way is a way to a ret.
type way struct {
	limits [12]limits
	action policy.Action
}

func (w way) equal(v way) bool {
	return w.action == v.action && slices.EqualFunc(w.limits[:], v.limits[:], limits.equal)
}

// reading is what is kept between numbers.
type reading struct {
	f           *bpf.Filter
	steps, size int // that are left
	paths       []way
	clauses     []policy.Clause // for paths, the last number's
}

// explorer follows all ways for one number.
type explorer struct {
	*reading
	arch, number uint32
	paths        []way
	err          error
}

var errTooMany = errors.New("the filter tells too many values of arguments apart")

// explore returns the clauses for one number; the last one has no tests. Their tests may be those of another number's.
func (r *reading) explore(arch, nr uint32) ([]policy.Clause, error) {
	e := &explorer{reading: r, arch: arch, number: nr}
	m := machine{}
	for i := range m.limits {
		m.limits[i].last = ^uint32(0)
	}
	e.run(m)
	if e.err != nil {
		return nil, e.err
	}
	if r.clauses == nil || !slices.EqualFunc(e.paths, r.paths, way.equal) {
		var ok bool
		if r.clauses, ok = clausesOf(e.paths, &r.size); !ok {
			return nil, errTooMany
		}
		r.paths = e.paths
	}
	if r.size -= len(r.clauses); r.size < 0 {
		return nil, errTooMany
	}
	return slices.Clone(r.clauses), nil
}

func (e *explorer) run(m machine) {
	for e.err == nil {
		if e.steps--; e.steps < 0 {
			e.err = errors.New("the filter has too many ways to follow")
			return
		}
		i := e.f.Instructions[m.pc]
		m.pc++
		switch class := i.Op & 0x07; class {
		case 0x00: // LD
			m.a = e.load(&m, i.Op, i.K)
		case 0x01: // LDX
			m.x = e.load(&m, i.Op, i.K)
		case 0x02: // ST
			m.mem[i.K] = m.a
		case 0x03: // STX
			m.mem[i.K] = m.x
		case 0x04: // ALU
			b := operand(&m, i.Op, i.K)
			if i.Op&0xf0 == 0x30 && b.kind != number {
				e.err = fmt.Errorf("instruction %d divides by a value that cannot be followed", m.pc-1)
				return
			}
			if i.Op&0xf0 == 0x30 && b.n == 0 { // the kernel ends the filter with 0, whatever is divided
				e.paths = append(e.paths, way{m.limits, policy.KillThread})
				return
			}
			m.a = alu(i.Op, m.a, b)
		case 0x05: // JMP
			if i.Op&0xf0 == 0 {
				m.pc += int(i.K)
				continue
			}
			if e.jump(&m, i.Op&0xf0, operand(&m, i.Op, i.K), int(i.Jt), int(i.Jf)) {
				return
			}
		case 0x06: // RET
			v := value{n: i.K}
			if i.Op&0x18 == 0x10 {
				v = m.a
			}
			if v.kind != number {
				e.err = fmt.Errorf("instruction %d returns a value that depends on arguments", m.pc-1)
			}
			e.paths = append(e.paths, way{m.limits, effective(policy.Action(v.n))})
			if len(e.paths) > maxPaths {
				e.err = fmt.Errorf("more than %d ways through the filter", maxPaths)
			}
			return
		case 0x07: // MISC
			if i.Op&0xf8 == 0 {
				m.x = m.a
			} else {
				m.a = m.x
			}
		}
	}
}

// effective returns what the kernel does for a value that a filter returns: an unknown
// action kills the process, and error numbers are cut (kernel/seccomp.c, __seccomp_filter).
func effective(a policy.Action) policy.Action {
	if n, ok := a.Errno(); ok {
		return policy.Errno(min(n, policy.MaxErrno))
	}
	switch a &^ 0xffff {
	case policy.KillProcess, policy.KillThread, policy.UserNotify, policy.Log, policy.Allow:
		return a &^ 0xffff // their data are ignored
	case policy.Trap, policy.Trace:
		return a
	}
	return policy.KillProcess
}

func (e *explorer) load(m *machine, op uint16, k uint32) value {
	switch op & 0xe0 {
	case 0x00: // IMM
		return value{n: k}
	case 0x60: // MEM
		return m.mem[k]
	case 0x80: // LEN
		return value{n: 64}
	}
	switch {
	case k == 0:
		return value{n: e.number}
	case k == 4:
		return value{n: e.arch}
	case k < 16:
		return value{kind: opaque}
	}
	return value{kind: argument, word: uint8(k-16) / 4, mask: ^uint32(0)}
}

func operand(m *machine, op uint16, k uint32) value {
	if op&0x08 != 0 {
		return m.x
	}
	return value{n: k}
}

func alu(op uint16, a, b value) value {
	switch {
	case op&0xf0 == 0x50 && a.kind == argument && b.kind == number: // AND
		a.mask &= b.n
		return a
	case op&0xf0 == 0x50 && b.kind == argument && a.kind == number:
		b.mask &= a.n
		return b
	case a.kind != number || b.kind != number && op&0xf0 != 0x80:
		return value{kind: opaque}
	}
	n := a.n
	switch op & 0xf0 {
	case 0x00:
		n += b.n
	case 0x10:
		n -= b.n
	case 0x20:
		n *= b.n
	case 0x30:
		n /= b.n
	case 0x40:
		n |= b.n
	case 0x50:
		n &= b.n
	case 0x60:
		n <<= b.n & 31
	case 0x70:
		n >>= b.n & 31
	case 0x80:
		n = -n
	case 0xa0:
		n ^= b.n
	default:
		return value{kind: opaque}
	}
	return value{n: n}
}

// jump follows a comparison. If it depends on an argument, both ways are followed to their
// ends, and done is true. The first is the one whose condition a test can say: clauses
// come in this order, and the second way may say less, as the first has decided.
func (e *explorer) jump(m *machine, op uint16, b value, yes, no int) (done bool) {
	switch {
	case yes == no:
		m.pc += yes
		return false
	case m.a.kind == number && b.kind == number:
		if compare(op, m.a.n, b.n) {
			m.pc += yes
		} else {
			m.pc += no
		}
		return false
	case m.a.kind != argument || b.kind != number:
		e.err = fmt.Errorf("instruction %d compares a value that cannot be followed", m.pc-1)
		return true
	}
	ways := []bool{true, false}
	if op == 0x40 {
		ways = []bool{false, true}
	}
	for n, holds := range ways {
		next := *m
		if next.pc += no; holds {
			next.pc += yes - no
		}
		l := &next.limits[m.a.word]
		l.not = slices.Clone(l.not)
		odd := l.odd
		l.odd = false // what this comparison adds
		if !l.learn(op, m.a.mask, b.n, holds) {
			continue
		}
		if n == 0 && l.odd {
			e.err = fmt.Errorf("instruction %d compares bits of an argument in a way that no test can say", m.pc-1)
			return true
		}
		l.odd = l.odd || odd
		e.run(next)
	}
	return true
}

func compare(op uint16, a, b uint32) bool {
	switch op {
	case 0x10:
		return a == b
	case 0x20:
		return a > b
	case 0x30:
		return a >= b
	}
	return a&b != 0 // 0x40
}
