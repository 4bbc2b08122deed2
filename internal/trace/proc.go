package trace

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mapping is a piece of memory with code.
type mapping struct {
	start, end uint64
	offset     uint64
	dev, inode uint64
	path       string
}

// readCode lists the executable memory of a process, by address.
func readCode(pid int) ([]mapping, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	return parseMaps(text), nil
}

// parseMaps reads /proc/PID/maps (proc(5)): "start-end perms offset major:minor
// inode path", and keeps what is executable.
func parseMaps(text []byte) []mapping {
	var out []mapping
	for line := range bytes.Lines(text) {
		f := strings.SplitN(string(bytes.TrimSuffix(line, []byte("\n"))), " ", 6)
		if len(f) < 5 || len(f[1]) < 3 || f[1][2] != 'x' {
			continue
		}
		from, to, _ := strings.Cut(f[0], "-")
		major, minor, _ := strings.Cut(f[3], ":")
		var m mapping
		ok := true
		number := func(s string, base int) uint64 {
			v, err := strconv.ParseUint(s, base, 64)
			ok = ok && err == nil
			return v
		}
		m.start, m.end, m.offset, m.inode = number(from, 16), number(to, 16), number(f[2], 16), number(f[4], 10)
		m.dev = unix.Mkdev(uint32(number(major, 16)), uint32(number(minor, 16)))
		if !ok {
			continue
		}
		if len(f) == 6 {
			// The kernel writes a newline in a name as \012.
			m.path = strings.ReplaceAll(strings.TrimLeft(f[5], " "), `\012`, "\n")
		}
		out = append(out, m)
	}
	return out
}

// find returns the mapping that an address is in.
func find(code []mapping, addr uint64) *mapping {
	i, ok := slices.BinarySearchFunc(code, addr, func(m mapping, a uint64) int {
		switch {
		case m.end <= a:
			return -1
		case m.start > a:
			return 1
		}
		return 0
	})
	if !ok {
		return nil
	}
	return &code[i]
}

// place returns what is at an address of a mapping.
func (m *mapping) place(addr uint64) Place {
	if m.inode == 0 && !strings.HasPrefix(m.path, "/") {
		p := Place{Image: m.path, Offset: addr}
		if m.path == "[vdso]" { // at another address in each process
			p.Offset = addr - m.start
		}
		return p
	}
	return Place{Image: m.path, Offset: addr - m.start + m.offset, dev: m.dev, inode: m.inode}
}

// locate finds the place of an address in a thread's memory.
func (t *tracer) locate(th *thread, addr uint64) Place {
	s := th.space
	m := (*mapping)(nil)
	if s.seen == *s.changed {
		m = find(s.code, addr)
	}
	if m == nil {
		code, err := readCode(th.tid)
		if err == nil {
			s.code = code
			s.seen = *s.changed
			clear(s.cache)
			for _, c := range code {
				if strings.HasPrefix(c.path, "/") {
					s.program.codes[c.path] = true
				}
			}
		}
		m = find(s.code, addr)
	}
	if m == nil {
		return Place{Offset: addr}
	}
	return m.place(addr)
}

// statusField returns a number of /proc/TID/status, 0 if there is none.
func statusField(tid int, name string) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(text) {
		if value, ok := bytes.CutPrefix(line, []byte(name+":")); ok {
			n, _ := strconv.Atoi(string(bytes.TrimSpace(value)))
			return n
		}
	}
	return 0
}

func threadGroup(tid int) int { return statusField(tid, "Tgid") }

func parentOf(tid int) int { return statusField(tid, "PPid") }

// programKey tells programs apart.
type programKey struct {
	dev, inode, size uint64
	mtime            unix.Timespec
	environment      string
}

// loaderVariable reports whether a variable of the environment may change what the
// loader and the C library do, besides LD_LIBRARY_PATH and LD_PRELOAD: those that
// glibc does not take from the users of setuid programs (sysdeps/generic/unsecvars.h) and that
// name files or behaviour.
func loaderVariable(name string) bool {
	switch name {
	case "GLIBC_TUNABLES", "GCONV_PATH", "GODEBUG", "HOSTALIASES", "LOCPATH", "RESOLV_HOST_CONF", "RES_OPTIONS":
		return true
	}
	return strings.HasPrefix(name, "LD_")
}

// program returns the program that a process has just begun to run.
func (t *tracer) program(pid int) (*Program, error) {
	exe := fmt.Sprintf("/proc/%d/exe", pid)
	path, err := os.Readlink(exe)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Stat(exe, &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: exe, Err: err}
	}
	p := newProgram(path)
	p.environment(pid)
	key := programKey{dev: st.Dev, inode: st.Ino, size: uint64(st.Size), mtime: st.Mtim,
		environment: strings.Join(p.LibraryPath, "\x00") + "\x01" + strings.Join(p.Preload, "\x00") + "\x01" + strings.Join(p.Environment, "\x00")}
	if known := t.programs[key]; known != nil {
		known.Runs++
		return known, nil
	}
	p.Runs = 1
	p.file, _ = os.Open(exe) // a file that may be run but not read cannot be scanned either
	t.programs[key] = p
	t.out.Programs = append(t.out.Programs, p)
	if t.Started != nil {
		t.Started(p)
	}
	return p, nil
}

// environment reads what the environment of a new program says to its loader.
func (p *Program) environment(pid int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return
	}
	dir, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	for v := range strings.SplitSeq(string(text), "\x00") {
		name, value, ok := strings.Cut(v, "=")
		switch {
		case !ok || value == "":
		case name == "LD_LIBRARY_PATH":
			for d := range strings.SplitSeq(strings.ReplaceAll(value, ";", ":"), ":") {
				p.LibraryPath = append(p.LibraryPath, absolute(dir, d)) // an empty element is the current directory
			}
		case name == "LD_PRELOAD":
			for _, f := range strings.FieldsFunc(value, func(r rune) bool { return r == ':' || r == ' ' }) {
				if strings.Contains(f, "/") { // else it is searched for
					f = absolute(dir, f)
				}
				p.Preload = append(p.Preload, f)
			}
		case loaderVariable(name):
			p.Environment = append(p.Environment, name)
		}
	}
	slices.Sort(p.Environment)
	p.Environment = slices.Compact(p.Environment)
}

// absolute makes a path of the environment one that does not depend on the
// directory; ld.so knows what $ORIGIN and its like stand for.
func absolute(dir, path string) string {
	if filepath.IsAbs(path) || strings.HasPrefix(path, "$") {
		return path
	}
	return filepath.Join(dir, path)
}

// Scannable returns a path under which the program's file can be read: Path, if
// what is there is the file that ran.
func (p *Program) Scannable() string {
	if p.file == nil {
		return p.Path
	}
	var now, then unix.Stat_t
	if unix.Stat(p.Path, &now) == nil && unix.Fstat(int(p.file.Fd()), &then) == nil && now.Dev == then.Dev && now.Ino == then.Ino {
		return p.Path
	}
	return fmt.Sprintf("/proc/self/fd/%d", p.file.Fd())
}

// maxScripts bounds how often an interpreter may be a script: BINPRM_MAX_RECURSION in fs/exec.c.
const maxScripts = 5

// Interpreter returns the program that the kernel runs for a file: the file, or the
// interpreter of a script. Paths are inside root.
func Interpreter(root, path string) string {
	for range maxScripts {
		f, err := os.Open(filepath.Join(root, path))
		if err != nil {
			break
		}
		var head [256]byte // BINPRM_BUF_SIZE
		n := 0
		if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
			n, _ = io.ReadFull(f, head[:])
		}
		f.Close()
		rest, ok := strings.CutPrefix(string(head[:n]), "#!")
		if !ok {
			break
		}
		line, _, _ := strings.Cut(rest, "\n")
		words := strings.Fields(line)
		if len(words) == 0 || !filepath.IsAbs(words[0]) {
			break
		}
		path = words[0]
	}
	return path
}
