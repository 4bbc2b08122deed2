package sysno

import (
	"bytes"
	"encoding/binary"
	"os"
	"strings"
	"testing"
)

func TestArgs(t *testing.T) {
	for _, c := range []struct {
		call string
		want []Arg
	}{
		{"fcntl", []Arg{{0, "fd", 32, false}, {1, "cmd", 32, true}, {2, "arg", 64, false}}},
		{"open", []Arg{{1, "flags", 32, true}, {2, "mode", 16, true}}},
		{"mprotect", []Arg{{0, "start", 64, false}, {1, "len", 64, false}, {2, "prot", 64, true}}},
		{"clone", []Arg{{0, "clone_flags", 64, true}, {1, "newsp", 64, false}, {4, "tls", 64, false}}},
		{"getpid", nil}, {"pipe", nil},
	} {
		nr, _ := Number(X86_64, c.call)
		got, ok := Args(nr)
		if !ok || len(got) != len(c.want) {
			t.Errorf("%s: %v, %v, want %v", c.call, got, ok, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %v, want %v", c.call, got[i], c.want[i])
			}
		}
	}
	for bits, mask := range map[int]uint64{16: 0xffff, 32: 0xffffffff, 64: 1<<64 - 1} {
		if got := (Arg{Bits: bits}).Mask(); got != mask {
			t.Errorf("%d bits: %#x", bits, got)
		}
	}
	if args, ok := Args(337); ok || args != nil {
		t.Errorf("arguments of no call: %v", args)
	}
}

// Numbers that were never implemented, or not since Linux 2.6.32.
const dead = " _sysctl create_module get_kernel_syms query_module nfsservctl getpmsg putpmsg afs_syscall tuxcall security " +
	"set_thread_area get_thread_area epoll_ctl_old epoll_wait_old vserver "

func TestEveryCallHasArguments(t *testing.T) {
	for nr := range Max(X86_64) + 1 {
		name, ok := Name(X86_64, nr)
		if !ok {
			continue
		}
		if _, has := Args(nr); has == strings.Contains(dead, " "+name+" ") {
			t.Errorf("%s: arguments known: %v", name, has)
		}
	}
}

func TestArgErrors(t *testing.T) {
	for text, want := range map[string]string{
		"read\tfd:32\nnosuch\tnone\n":  "f:2: x86_64 has no call \"nosuch\"",
		"read\tfd:32\n#\nread\tnone\n": "f:3: read has two rows",
		"read\tfd\n":                   "f:1: bad argument \"fd\"",
		"read\tfd:33\n":                "f:1: bad argument \"fd:33\"",
		"read\t:32\n":                  "f:1: bad argument \":32\"",
		"read\t- - - - - - a:32\n":     "f:1: more than 6 arguments",
		"read\ta:32  b:32\n":           "f:1: bad argument \"\"",
		"read\n":                       "f:1: 1 columns, want 2",
	} {
		if _, err := parseArgs("f", text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// The kernel that runs describes the types of the functions that it has not inlined
// (Documentation/bpf/btf.rst), among them those that SYSCALL_DEFINEx makes.
func TestArgsAgainstKernelTypes(t *testing.T) {
	const file = "/sys/kernel/btf/vmlinux"
	raw, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		t.Skip("the kernel has no ", file)
	}
	if err != nil {
		t.Fatal(err)
	}
	renamed := map[string]string{"newstat": "stat", "newfstat": "fstat", "newlstat": "lstat", "newuname": "uname", "sendfile64": "sendfile", "umount": "umount2"}
	compared := 0
	for name, widths := range kernelTypes(t, raw) {
		if r, ok := renamed[name]; ok {
			name = r
		}
		nr, ok := Number(X86_64, name)
		if !ok {
			continue // of another ABI
		}
		args, known := Args(nr)
		if !known {
			t.Errorf("%s has no row", name)
			continue
		}
		compared++
		for _, a := range args {
			if a.Index >= len(widths) || widths[a.Index] != a.Bits {
				t.Errorf("%s: argument %d has %d bits, the kernel says %v", name, a.Index, a.Bits, widths)
			} else {
				widths[a.Index] = 0
			}
		}
		for i, w := range widths {
			if w != 0 {
				t.Errorf("%s: the kernel has a number of %d bits as argument %d", name, w, i)
			}
		}
	}
	if compared < 50 {
		t.Errorf("only %d calls compared", compared)
	}
}

// kernelTypes returns the widths of the parameters of the kernel's functions __do_sys_*, 0 for pointers.
func kernelTypes(t *testing.T, raw []byte) map[string][]int {
	le := binary.LittleEndian
	head := raw[le.Uint32(raw[4:]):]
	types := head[le.Uint32(raw[8:]):][:le.Uint32(raw[12:])]
	texts := head[le.Uint32(raw[16:]):][:le.Uint32(raw[20:])]
	type btype struct {
		kind, n int
		name    string
		size    uint32 // or another type
		rest    []byte
	}
	all := []btype{{}}
	// Bytes behind the common part of each kind, fixed and for each of its members.
	fixed := map[int]int{1: 4, 3: 12, 14: 4, 17: 4}
	each := map[int]int{4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}
	for len(types) > 0 {
		info := le.Uint32(types[4:])
		b := btype{kind: int(info >> 24 & 31), n: int(info & 0xffff), size: le.Uint32(types[8:])}
		b.name, _, _ = strings.Cut(string(texts[le.Uint32(types):][:min(64, len(texts)-int(le.Uint32(types)))]), "\x00")
		n := fixed[b.kind] + b.n*each[b.kind]
		b.rest, types = types[12:12+n], types[12+n:]
		all = append(all, b)
	}
	width := func(id uint32) int {
		for {
			switch b := all[id]; b.kind {
			case 1, 6, 19: // integer, enumerations
				return int(b.size) * 8
			case 2: // pointer
				return 0
			case 8, 9, 10, 11, 18: // typedef, const, ...
				id = b.size
			default:
				t.Fatalf("type %d of kind %d", id, b.kind)
			}
		}
	}
	out := map[string][]int{}
	for _, b := range all {
		name, ok := strings.CutPrefix(b.name, "__do_sys_")
		if b.kind != 12 || !ok {
			continue
		}
		params := all[b.size]
		out[name] = []int{}
		for i := range params.n {
			p := params.rest[8*i:]
			if bytes.HasPrefix(texts[le.Uint32(p):], []byte("__unused\x00")) {
				break
			}
			out[name] = append(out[name], width(le.Uint32(p[4:])))
		}
	}
	return out
}
