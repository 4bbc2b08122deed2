package x86

import (
	"bufio"
	"debug/elf"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// A listed is an instruction as objdump prints it.
type listed struct {
	pc   uint64
	n    int // bytes
	text string
}

// objdump calls f for every instruction that objdump prints with these arguments.
func objdump(t *testing.T, f func(listed), args ...string) {
	t.Helper()
	tool, err := exec.LookPath("objdump")
	if err != nil {
		t.Skip("no objdump")
	}
	cmd := exec.Command(tool, append([]string{"-w", "--insn-width=16"}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := bufio.NewScanner(out)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		// "    1000:\t48 89 c3 \tmov    %rax,%rbx"
		pc, rest, ok := strings.Cut(s.Text(), ":\t")
		if !ok {
			continue
		}
		addr, err := strconv.ParseUint(strings.TrimSpace(pc), 16, 64)
		if err != nil {
			continue
		}
		hex, text, _ := strings.Cut(rest, "\t")
		f(listed{addr, len(strings.Fields(hex)), text})
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

// binaries are the programs and libraries that tests read when the machine has them.
var binaries = []struct {
	paths []string
	data  bool // its text holds data too
}{
	{paths: []string{"/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib64/libc.so.6", "/usr/lib/libc.so.6"}},
	{paths: []string{"/lib64/ld-linux-x86-64.so.2"}},
	{paths: []string{"/usr/lib/x86_64-linux-gnu/libcrypto.so.3", "/usr/lib64/libcrypto.so.3", "/usr/lib/libcrypto.so.3"}, data: true},
	{paths: []string{"/usr/sbin/nginx"}},
	{paths: []string{"/usr/bin/rg"}},
	{paths: []string{goTool("go")}},
	{paths: []string{goTool("gofmt")}},
}

func goTool(name string) string {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return name
	}
	return strings.TrimSpace(string(out)) + "/bin/" + name
}

// open returns the file and its executable sections.
func openBinary(t testing.TB, paths []string) (string, []*elf.Section) {
	t.Helper()
	for _, p := range paths {
		f, err := elf.Open(p)
		if err != nil {
			continue
		}
		t.Cleanup(func() { f.Close() })
		var text []*elf.Section
		for _, s := range f.Sections {
			if s.Type == elf.SHT_PROGBITS && s.Flags&elf.SHF_EXECINSTR != 0 {
				text = append(text, s)
			}
		}
		return p, text
	}
	t.Skipf("none of %v", paths)
	return "", nil
}

// TestLengths compares instruction boundaries with objdump's over whole binaries.
func TestLengths(t *testing.T) {
	for _, b := range binaries {
		t.Run(b.paths[0][strings.LastIndexByte(b.paths[0], '/')+1:], func(t *testing.T) {
			t.Parallel()
			path, secs := openBinary(t, b.paths)
			data := map[*elf.Section][]byte{}
			var total, differ int
			var in Inst
			var sec *elf.Section
			objdump(t, func(l listed) {
				if sec == nil || l.pc-sec.Addr >= sec.Size {
					for _, s := range secs {
						if l.pc-s.Addr < s.Size {
							sec = s
						}
					}
					if data[sec] == nil {
						d, err := sec.Data()
						if err != nil {
							t.Fatal(err)
						}
						data[sec] = d
					}
				}
				total++
				code := data[sec][l.pc-sec.Addr:]
				ok := Decode(code, l.pc, &in)
				if bad := strings.Contains(l.text, "(bad)"); bad != !ok || ok && int(in.Len) != l.n {
					// objdump prints prefixes that the instruction does not use as lines of their own.
					if differ++; differ <= 20 {
						t.Logf("%x: % x: objdump %d %q, Decode %v %d", l.pc, code[:min(len(code), 15)], l.n, l.text, ok, in.Len)
					}
				}
			}, "-d", path)
			t.Logf("%s: %d instructions, %d differ", path, total, differ)
			if differ > 0 {
				t.Errorf("%d differences", differ)
			}
		})
	}
}
