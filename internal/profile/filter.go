package profile

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gofind-dev/gofind/internal/bpf"
	"github.com/gofind-dev/gofind/internal/policy"
)

// The filter itself: as the kernel takes it, and as a C file.
var (
	bpfFormat = &Format{
		Name: "bpf", Says: "the filter as the kernel takes it: an array of struct sock_filter (bwrap --seccomp, crun)",
		write: writeBPF, parse: parseBPF, is: isBPF,
	}
	cFormat = &Format{
		Name: "c", Says: "a C file with the filter and a function that installs it",
		write: writeC, parse: parseC, is: isC,
	}
)

func writeBPF(p *policy.Policy, _ *Info) ([]byte, []string, error) {
	f, err := bpf.Compile(p)
	if err != nil {
		return nil, nil, err
	}
	return f.Bytes(), nil, nil
}

func isBPF(data []byte) bool {
	f, err := bpf.Parse(data)
	return err == nil && len(f.Instructions) > 0
}

func parseBPF(data []byte) (*policy.Policy, []string, error) {
	f, err := bpf.Parse(data)
	if err != nil {
		return nil, nil, err
	}
	return decompile(f)
}

// mark begins the array in a C file.
const mark = "struct sock_filter gofind_filter[] = {"

func writeC(p *policy.Policy, info *Info) ([]byte, []string, error) {
	f, err := bpf.Compile(p)
	if err != nil {
		return nil, nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "/* %s\n *\n", comment(info.title()))
	for _, n := range info.Notes {
		fmt.Fprintf(&b, " * %s\n", comment(n))
	}
	fmt.Fprintf(&b, ` * Call gofind_install() as early as the program can, before it starts threads. It returns 0, or
 * -1 with errno. Numbers allowed:
 *
`)
	for _, c := range p.Calls() {
		fmt.Fprintf(&b, " *   %s\n", c)
	}
	b.WriteString(` */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SECCOMP_SET_MODE_FILTER
#define SECCOMP_SET_MODE_FILTER 1
#endif

static ` + mark + "\n")
	for _, i := range f.Instructions {
		fmt.Fprintf(&b, "\t{ %#04x, %d, %d, %#010x },\n", i.Op, i.Jt, i.Jf, i.K)
	}
	b.WriteString(`};

static struct sock_fprog gofind_program = {
	.len = sizeof(gofind_filter) / sizeof(gofind_filter[0]),
	.filter = gofind_filter,
};

/* gofind_install puts the filter into force for the calling thread and those that it starts. */
int gofind_install(void)
{
	/* Without privileges, a filter needs no_new_privs. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &gofind_program) ? -1 : 0;
}
`)
	return b.Bytes(), nil, nil
}

// comment keeps hostile names from ending a comment or a line.
func comment(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '*' || r == '\\' {
			return '?'
		}
		return r
	}, s)
}

func isC(data []byte) bool { return bytes.Contains(data, []byte("struct sock_filter")) }

// parseC reads the first array of struct sock_filter in a C file: {code, jt, jf, k}, all numbers.
func parseC(data []byte) (*policy.Policy, []string, error) {
	start := bytes.Index(data, []byte("struct sock_filter"))
	open := bytes.IndexByte(data[start:], '{')
	if open < 0 {
		return nil, nil, &lineError{lineAt(data, int64(start)), errors.New("struct sock_filter without an array")}
	}
	pos := start + open + 1
	var raw []byte
	for {
		for pos < len(data) && strings.IndexByte(" \t\r\n,", data[pos]) >= 0 {
			pos++
		}
		here := lineAt(data, int64(pos))
		switch {
		case pos >= len(data):
			return nil, nil, &lineError{here, errors.New("the array does not end")}
		case data[pos] == '}':
			p, notes, err := parseBPF(raw)
			if err != nil {
				return nil, nil, &lineError{lineAt(data, int64(start)), err}
			}
			return p, notes, nil
		case data[pos] != '{' || bytes.IndexByte(data[pos:], '}') < 0:
			return nil, nil, &lineError{here, errors.New("an instruction must look like { 0x20, 0, 0, 4 }")}
		}
		end := pos + bytes.IndexByte(data[pos:], '}')
		fields := strings.Split(string(data[pos+1:end]), ",")
		if len(fields) != 4 {
			return nil, nil, &lineError{here, fmt.Errorf("%d fields; an instruction has 4", len(fields))}
		}
		for i, size := range []int{16, 8, 8, 32} {
			v, err := strconv.ParseUint(strings.TrimSpace(fields[i]), 0, size)
			if err != nil {
				return nil, nil, &lineError{here, fmt.Errorf("%q is no number of %d bits", strings.TrimSpace(fields[i]), size)}
			}
			for range size / 8 {
				raw = append(raw, byte(v))
				v >>= 8
			}
		}
		if pos = end + 1; len(raw) > 8*bpf.MaxInstructions {
			return nil, nil, &lineError{here, fmt.Errorf("more than %d instructions", bpf.MaxInstructions)}
		}
	}
}
