package pku

import (
	"encoding/hex"
	"maps"
	"strings"
	"testing"
)

func bytes(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMatch(t *testing.T) {
	for code, want := range map[string]string{
		"0f01ef": "wrpkru", "0f01ee": "", "0fae28": "xrstor", "0faee8": "", "0fae20": "", "0fc718": "xrstors", "0f22c0": "mov to cr0",
		"0f22d8": "mov to cr3", "0f22e7": "mov to cr4", "0f22d0": "", "0f20c0": "", "0f01": "", "": "",
	} {
		if got := Match(bytes(t, code)); got != want {
			t.Errorf("%s: %q, not %q", code, got, want)
		}
	}
}

// Parts of functions at 0x1000. Calls lead to 0x2000 (f), 0x3000 (g).
const (
	into1 = "b8f3ffff3f 31c9 31d2 0f01ef 0faee8 483df3ffff3f 75e9" // 23 bytes
	into0 = "b8fcffff3f 31c9 31d2 0f01ef 0faee8 483dfcffff3f 75e9"
)

func TestBranches(t *testing.T) {
	const own = 1<<OwnFirst | 1<<OwnOther
	l := Layout{N: 2, Stack: Stack{0x9000, 0xa000}, Private: func(a uint64) bool { return a >= 0x5000 && a < 0x6000 }}
	for _, c := range []struct {
		name, code string
		want       map[uint64]uint32
	}{
		{"direct", "e8fb0f0000 c3", map[uint64]uint32{0x2000: own}},
		{"gate", into1 + "e8e40f0000" + into0 + "e8c81f0000 c3", map[uint64]uint32{0x2000: 2, 0x3000: 1}},
		{"wrpkru that is no gate", "0f01ef e8f80f0000 c3", map[uint64]uint32{0x2000: own}},
		{"through a pointer, behind a gate", into1 + "ffd0 c3", map[uint64]uint32{0: 2}},
		{"jump past the gate", "7417" + into1 + "e8e20f0000 c3", map[uint64]uint32{0x2000: own | 2}},
		{"indirect jump", "ffe0" + into1 + "e8e20f0000 c3", map[uint64]uint32{0: own | 2, 0x2000: own | 2}},
		{"memory of the first", "8b042500500000 e8f40f0000 c3", map[uint64]uint32{0x2000: 1 << OwnFirst}},
		{"memory of others", "8b042500600000 e8f40f0000 c3", map[uint64]uint32{0x2000: own}},
		{"memory of the first in another", into1 + "8b042500500000 e8dd0f0000 c3", map[uint64]uint32{0x2000: 0}},
		{"what nothing in it leads to", "c3 e8fa0f0000 ffd0 c3", map[uint64]uint32{0: own, 0x2000: own}},
		// mov %rsp, %rax; cmp $0x9000, %rax; jb +11; mov %rsp, %rax; cmp $0xa000, %rax; jbe +1; ret; call
		{"on the stack of interrupts", "4889e0 483d00900000 720b 4889e0 483d00a00000 7601 c3 e8e40f0000 c3", map[uint64]uint32{0x2000: 0}},
		{"on another", "4889e0 483d00900000 720b 4889e0 483d00b00000 7601 c3 e8e40f0000 c3", map[uint64]uint32{0x2000: own}},
		{"another register", "4889d8 483d00900000 720b 4889e0 483d00a00000 7601 c3 e8e40f0000 c3", map[uint64]uint32{0x2000: own}},
		{"one test alone", "909090 909090909090 9090 4889e0 483d00a00000 7601 c3 e8e40f0000 c3", map[uint64]uint32{0x2000: own}},
		{"the other way round", "4889e0 483d00900000 7211 4889e0 483d00a00000 7706 e8e50f0000 c3 c3", map[uint64]uint32{0x2000: 0}},
		{"a jump between the tests", "7409 4889e0 483d00900000 720b 4889e0 483d00a00000 7601 c3 e8e20f0000 c3", map[uint64]uint32{0x2000: own}},
	} {
		code := bytes(t, c.code)
		got := Branches(code, 0x1000, &l)
		if !maps.Equal(got, c.want) {
			t.Errorf("%s: %x, not %x", c.name, got, c.want)
		}
	}
	if got := Branches(bytes(t, "06"), 0x1000, &l); got != nil {
		t.Errorf("no instruction: %x", got)
	}
}

func FuzzBranches(f *testing.F) {
	for _, s := range []string{"c3", "0f01ef3df3ffff3f75f6", "4889e0483d00900000720b4889e0483d00a000007601c3e8e40f0000c3", "ffe0"} {
		b, err := hex.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, code []byte) {
		for at := range code {
			if Match(code[at:]) == "wrpkru" {
				if to, next, ok := Gate(code, 0x1000, at, 2); ok && (to < 0 || to > 1 || next <= at || next > len(code)) {
					t.Errorf("gate to %d, goes on at %d", to, next)
				}
			}
		}
		l := Layout{N: 2, Stack: Stack{0x9000, 0xa000}, Private: func(a uint64) bool { return a < 0x5000 }}
		for to, mask := range Branches(code, 0x1000, &l) {
			if mask&^(3|1<<OwnFirst|1<<OwnOther) != 0 {
				t.Errorf("%#x: %#x", to, mask)
			}
		}
	})
}
