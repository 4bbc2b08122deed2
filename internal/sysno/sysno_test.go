package sysno

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
)

func TestKnown(t *testing.T) {
	for _, c := range []struct {
		abi  ABI
		nr   int
		name string
	}{
		{X86_64, 0, "read"}, {X86_64, 13, "rt_sigaction"}, {X86_64, 59, "execve"},
		{X86_64, 219, "restart_syscall"}, {X86_64, 334, "rseq"}, {X86_64, 335, "uretprobe"},
		{X86_64, 435, "clone3"}, {X86_64, 462, "mseal"}, {X86_64, 471, "rseq_slice_yield"},
		{X32, 0, "read"}, {X32, 512, "rt_sigaction"}, {X32, 520, "execve"}, {X32, 547, "pwritev2"},
		{X86_64, 453, "map_shadow_stack"},
		{I386, 0, "restart_syscall"}, {I386, 4, "write"}, {I386, 102, "socketcall"},
		{I386, 407, "clock_nanosleep_time64"}, {I386, 471, "rseq_slice_yield"},
	} {
		if got, ok := Name(c.abi, c.nr); !ok || got != c.name {
			t.Errorf("Name(%v, %d) = %q, %v, want %q", c.abi, c.nr, got, ok, c.name)
		}
		if got, ok := Number(c.abi, c.name); !ok || got != c.nr {
			t.Errorf("Number(%v, %q) = %d, %v, want %d", c.abi, c.name, got, ok, c.nr)
		}
	}
	for _, c := range []Call{{X86_64, -1}, {X86_64, 337}, {X86_64, 512}, {X86_64, 1 << 30}, {X32, 13}, {X32, 453}, {X32, 548}, {I386, 222}, {I386, 472}, {3, 0}} {
		if name, ok := Name(c.ABI, c.Nr); ok || name != "" {
			t.Errorf("Name(%v, %d) = %q", c.ABI, c.Nr, name)
		}
	}
	if _, ok := Number(X86_64, "socketcall"); ok {
		t.Error("x86_64 has socketcall")
	}
	for abi, max := range map[ABI]int{X86_64: 471, I386: 471, X32: 547} {
		if Max(abi) != max {
			t.Errorf("Max(%v) = %d, want %d", abi, Max(abi), max)
		}
	}
	for call, want := range map[Call]string{{X86_64, 0}: "read", {I386, 102}: "i386:socketcall", {X32, 999}: "x32:#999"} {
		if call.String() != want {
			t.Errorf("%q, want %q", call, want)
		}
	}
}

// The standard library's own numbers.
func TestStandardLibrary(t *testing.T) {
	for name, nr := range map[string]int{
		"read": syscall.SYS_READ, "execve": syscall.SYS_EXECVE, "pipe2": syscall.SYS_PIPE2, "exit_group": syscall.SYS_EXIT_GROUP,
		"prlimit64": syscall.SYS_PRLIMIT64, "newfstatat": syscall.SYS_NEWFSTATAT,
	} {
		if got, ok := Number(X86_64, name); !ok || got != nr {
			t.Errorf("%s: %d, %v, want %d", name, got, ok, nr)
		}
	}
}

func TestNamesAreUnique(t *testing.T) {
	for _, abi := range []ABI{X86_64, I386, X32} {
		for nr := range Max(abi) + 1 {
			if name, ok := Name(abi, nr); ok {
				if got, _ := Number(abi, name); got != nr {
					t.Errorf("%v: %s is %d and %d", abi, name, got, nr)
				}
			}
		}
	}
	if nr, ok := Number(X86_64, ""); ok {
		t.Errorf("the empty name is %d", nr)
	}
}

// compare checks a table against another source: all that the source has must be here.
// A source newer than ours is told apart from a wrong one by the last number.
func compare(t *testing.T, abi ABI, source string, want map[int]string) {
	t.Helper()
	if len(want) < 300 {
		t.Fatalf("%s: only %d calls", source, len(want))
	}
	for nr, name := range want {
		got, ok := Name(abi, nr)
		if !ok && nr > 471 && nr < 512 {
			t.Errorf("%s has %d %s, newer than the table: add it", source, nr, name)
		} else if got != name {
			t.Errorf("%v %d is %q, in %s %q", abi, nr, got, source, name)
		}
	}
}

// golang.org/x/sys comes with the toolchain's own source (cmd/vendor), so that it can
// be an oracle without being a dependency.
func TestAgainstXSys(t *testing.T) {
	out, err := bounded.Command(t, "go", "env", "GOROOT").Output()
	if err != nil {
		t.Skip("no go command: ", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "src/cmd/vendor/golang.org/x/sys/unix")
	for abi, file := range map[ABI]string{X86_64: "zsysnum_linux_amd64.go", I386: "zsysnum_linux_386.go"} {
		src, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Skip(err)
		}
		want := map[int]string{}
		for _, m := range regexp.MustCompile(`(?m)^\s+SYS_(\w+)\s+= (\d+)$`).FindAllSubmatch(src, -1) {
			nr, _ := strconv.Atoi(string(m[2]))
			want[nr] = strings.ToLower(string(m[1]))
		}
		compare(t, abi, file, want)
	}
}

// The C headers of the machine, if it has any.
func TestAgainstHeaders(t *testing.T) {
	for abi, file := range map[ABI]string{X86_64: "unistd_64.h", I386: "unistd_32.h", X32: "unistd_x32.h"} {
		var src []byte
		err := error(os.ErrNotExist)
		for _, dir := range []string{"/usr/include/x86_64-linux-gnu/asm", "/usr/include/asm"} {
			if err != nil {
				src, err = os.ReadFile(filepath.Join(dir, file))
			}
		}
		if err != nil {
			t.Skip(err)
		}
		want := map[int]string{}
		for _, m := range regexp.MustCompile(`(?m)^#define __NR_(\w+) (?:\(__X32_SYSCALL_BIT \+ )?(\d+)\)?$`).FindAllSubmatch(src, -1) {
			nr, _ := strconv.Atoi(string(m[2]))
			want[nr] = string(m[1])
		}
		compare(t, abi, file, want)
		// Nothing that the header lacks may be older than its last number.
		last := 0
		for nr := range want {
			if nr < 512 {
				last = max(last, nr)
			}
		}
		for nr := range last {
			if name, ok := Name(abi, nr); ok && want[nr] == "" && name != "uretprobe" && name != "uprobe" {
				t.Errorf("%v %d %s is not in %s", abi, nr, name, file)
			}
		}
	}
}

func TestFacts(t *testing.T) {
	number := func(abi ABI, name string) int {
		nr, ok := Number(abi, name)
		if !ok {
			t.Fatalf("%v has no %s", abi, name)
		}
		return nr
	}
	var restart, vdso, fallback []string
	for nr := range Max(X86_64) + 1 {
		name, _ := Name(X86_64, nr)
		if Restarts(nr) {
			restart = append(restart, name)
		}
		if VDSO(nr) {
			vdso = append(vdso, name)
		}
		if VDSOFallback(nr) {
			fallback = append(fallback, name)
		}
	}
	for _, c := range []struct {
		what string
		got  []string
		want string
	}{
		{"restart", restart, "poll nanosleep futex restart_syscall clock_nanosleep"},
		{"vdso", vdso, "gettimeofday time clock_gettime clock_getres getcpu getrandom"},
		{"fallback", fallback, "gettimeofday clock_gettime clock_getres getrandom"},
	} {
		if got := strings.Join(c.got, " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
	for _, name := range []string{"nanosleep", "poll", "futex", "clock_nanosleep_time64", "futex_time64"} {
		if !(Call{I386, number(I386, name)}).Restarts() {
			t.Errorf("i386 %s does not restart", name)
		}
	}
	for nr := range Max(X86_64) + 1 {
		name, _ := Name(X86_64, nr)
		if want := name == "exit" || name == "exit_group" || name == "rt_sigreturn"; (Call{X86_64, nr}).NoReturn() != want {
			t.Errorf("%s: NoReturn is %v", name, !want)
		}
		if want := name == "vfork" || name == "clone" || name == "clone3"; (Call{X86_64, nr}).SharesStack() != want {
			t.Errorf("%s: SharesStack is %v", name, !want)
		}
	}
	if (Call{I386, 35}).Restarts() {
		t.Error("i386 35 restarts: that is nanosleep's number of another ABI")
	}
	for addr, name := range map[uint64]string{0xffffffffff600000: "gettimeofday", 0xffffffffff600400: "time", 0xffffffffff600800: "getcpu"} {
		if nr, ok := Vsyscall(addr); !ok || nr != number(X86_64, name) {
			t.Errorf("Vsyscall(%#x) = %d, %v", addr, nr, ok)
		}
	}
	if _, ok := Vsyscall(VsyscallStart + 0xc00); ok {
		t.Error("a fourth vsyscall")
	}
	if nr, ok := VDSOFunction("__vdso_getrandom"); !ok || nr != number(X86_64, "getrandom") {
		t.Error("__vdso_getrandom")
	}
	for _, abi := range []ABI{X86_64, I386, X32} {
		if arg, ok := (Call{abi, number(abi, "execveat")}).Exec(); !ok || arg != 1 {
			t.Errorf("%v execveat: %d, %v", abi, arg, ok)
		}
		if a, ok := (Call{abi, number(abi, "mprotect")}).MapsCode(); !ok || a != (CodeArg{2, 4}) {
			t.Errorf("%v mprotect: %v, %v", abi, a, ok)
		}
		if !(Call{abi, number(abi, "io_uring_setup")}).IOUring() {
			t.Errorf("%v io_uring_setup", abi)
		}
	}
	if _, ok := (Call{X86_64, 520}).Exec(); ok {
		t.Error("x86_64 520 is x32's execve")
	}
}

func TestParseErrors(t *testing.T) {
	d := &facts{}
	for _, c := range []struct{ text, want string }{
		{"# ok\n0\tcommon\tread\n0\tcommon\twrite\n", "t:3: number 0 is not in ascending order"},
		{"3\tx86\tclose\n", `t:1: unknown ABI "x86"`},
		{"3 64 close\n", "t:1: 1 columns, want 3"},
		{"\n\n999\t64\tclose\n", `t:3: bad number "999"`},
		{"4\t64\t close\n", "t:1: column 3 is empty or has spaces around it"},
		{"9\ti386\ta\n8\ti386\tb\n", "t:2: number 8 is not in ascending order"},
	} {
		if err := parse("t", c.text, 3, d.tableRow); err == nil || err.Error() != c.want {
			t.Errorf("%q: %v, want %s", c.text, err, c.want)
		}
	}
	if err := d.each("nosuch", nil); err == nil {
		t.Error("unknown name accepted")
	}
}

func TestSet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var s, other Set
		want := map[int]bool{}
		for range r.IntN(100) {
			nr := r.IntN(SetSize)
			if !s.Add(nr) {
				t.Fatal(nr)
			}
			want[nr] = true
		}
		for range r.IntN(10) {
			nr := r.IntN(SetSize)
			other.Add(nr)
		}
		grows := false
		other.Each(func(nr int) { grows = grows || !want[nr]; want[nr] = true })
		if s.Union(&other) != grows {
			t.Fatal("Union does not report growth")
		}
		var got []int
		s.Each(func(nr int) { got = append(got, nr) })
		if len(got) != len(want) || s.Len() != len(want) || !slices.IsSorted(got) || s.IsEmpty() != (len(want) == 0) {
			t.Fatalf("%v, want %v", got, want)
		}
		for nr := -1; nr <= SetSize; nr++ {
			if s.Has(nr) != want[nr] {
				t.Fatal(nr)
			}
		}
	}
	var s Set
	for _, nr := range []int{-1, SetSize, X32Bit} {
		if s.Add(nr) || s.Has(nr) || !s.IsEmpty() {
			t.Errorf("%d fits", nr)
		}
	}
	if all := All(X32); !all.Has(547) || all.Has(13) || all.Len() != 373 {
		t.Errorf("All(X32) has %d", all.Len())
	}
}

func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := load(); err != nil {
			b.Fatal(err)
		}
	}
}
