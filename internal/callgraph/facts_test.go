package callgraph

import (
	"strings"
	"testing"
)

func TestFacts(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"dispatch f", "facts.txt:1: dispatch takes a name and 1 arguments"},
		{"# x\n\nsing f rdi", `facts.txt:3: there is no kind "sing"`},
		{"dispatch f rip", `facts.txt:1: there is no register "rip"`},
	} {
		if _, err := parseFacts(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.text, err)
		}
	}
	ft, err := parseFacts("borrows str*\nborrows *printf\nborrows a*b\n")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"strlen": true, "str": true, "st": false, "vsnprintf": true, "printf_core": false, "ab": true, "axb": true, "a": false} {
		if _, ok := ft.of("borrows", name); ok != want {
			t.Errorf("%s: %v", name, ok)
		}
	}
}

func TestEntryOf(t *testing.T) {
	for symbol, want := range map[string]Entry{
		"uk_syscall_r_write":                    {EntryR, 1, false},
		"uk_syscall_e_write":                    {EntryE, 1, true},
		"__uk_syscall_r_open":                   {Body, 2, false},
		"__uk_syscall_e_mmap":                   {Body, 9, true},
		"__uk_syscall_r_exit_group.constprop.0": {Body, 231, false},
		"uk_syscall_r_e_clone":                  {EntryR, 56, false},
		"__uk_syscall_r_e_clone":                {Body, 56, false},
		"uk_syscall_r_fstatat":                  {EntryR, 262, false},
		"uk_syscall_r_epoll_create1":            {EntryR, 291, false},
		"uk_syscall_r_openat.part.0":            {Body, 257, false},
		"uk_syscall_r_write.cold":               {},
		"uk_syscall_r":                          {},
		"uk_syscall_name":                       {},
		"uk_syscall_r_nosuchcall":               {},
		"uk_sys_write":                          {},
		"write":                                 {},
		"uk_syscall6_r_e":                       {},
		"my_uk_syscall_r_write":                 {},
	} {
		got, ok := entryOf(symbol)
		if ok != (want.Form != NoEntry) || got != want {
			t.Errorf("%s: %+v, %v, want %+v", symbol, got, ok, want)
		}
	}
}
