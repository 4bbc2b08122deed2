package report

import (
	"bytes"
	"testing"

	"github.com/gofind-dev/gofind"
)

// sealSample is a seal with something in every field, hostile names among them.
func sealSample() *gofind.Sealed {
	allow := []gofind.PolicyClause{{Action: "allow", Tests: []gofind.PolicyTest{}}}
	return &gofind.Sealed{
		Schema: gofind.SealSchema, File: "./sea\x1bled", Program: "/usr/bin/pro\ngram", SHA256: "aa", Size: 100, Tool: "gofind v1",
		Begins: "entry", Before: "the loader /lib/\x1bld",
		Filter: gofind.SealFilter{Instructions: 30, Mean: 7.25, Calls: 4, Constant: 3},
		Policy: &gofind.Policy{
			Schema: gofind.PolicySchema, Default: "kill", Unknown: "errno:38", Exec: gofind.PolicyExec{Mode: "deny"},
			Rules: []gofind.PolicyRule{
				{Name: "read", ABI: "x86_64", Clauses: allow},
				{Name: "write", Number: 1, ABI: "x86_64", Clauses: allow},
				{Name: "mmap", Number: 9, ABI: "x86_64", Clauses: []gofind.PolicyClause{
					{Action: "errno:1", Tests: []gofind.PolicyTest{{Arg: 2, Width: 32, Op: "masked_eq", Mask: "0x4", Values: []string{"0x4"}}}},
					{Action: "allow", Tests: []gofind.PolicyTest{{Arg: 3, Width: 32, Op: "in", Values: []string{"0x2", "0x22"}}, {Arg: 1, Width: 64, Op: "lt", Values: []string{"0x1000"}}}},
				}},
				{Number: 600, ABI: "x86_64", Clauses: allow},
				{Name: "read", Number: 3, ABI: "i386", Clauses: allow},
			},
			Inputs:    []gofind.Input{{Path: "/lib/libc.so.6", Kind: "elf", SHA256: "bb"}, {Path: "/etc/ld.so.preload", Kind: "ld.so.preload"}},
			Notes:     []string{"a note\x1b[2J"},
			Dangerous: []gofind.Danger{{Name: "mmap", ABI: "x86_64", Reason: "makes executable memory", Why: "needed by /usr/bin/program"}},
			Programs:  []gofind.PolicyProgram{{Path: "/usr/bin/pro\ngram"}, {Path: "/bin/sh", Why: "listed with --exec"}},
		},
		Changed: []gofind.Change{
			{Path: "/lib/libc.so.6", Kind: "elf", Sealed: "bb", Now: "cc"}, {Path: "/a", Kind: "elf", Sealed: "bb"}, {Path: "/b", Kind: "pam", Now: "cc"}},
	}
}

func TestSealForms(t *testing.T) {
	for name, write := range map[string]func(*bytes.Buffer, *gofind.Sealed) error{
		"seal.lines": func(b *bytes.Buffer, s *gofind.Sealed) error { return SealLines(b, s) },
		"seal.page":  func(b *bytes.Buffer, s *gofind.Sealed) error { return SealPage(b, s, Style{Width: 80}) },
		"seal.notes": func(b *bytes.Buffer, s *gofind.Sealed) error { return SealNotes(b, s) },
	} {
		var b bytes.Buffer
		if err := write(&b, sealSample()); err != nil {
			t.Fatal(err)
		}
		if bytes.ContainsRune(b.Bytes(), '\x1b') {
			t.Errorf("%s: a terminal would obey this:\n%q", name, b.String())
		}
		golden(t, name, b.Bytes())
	}
}
