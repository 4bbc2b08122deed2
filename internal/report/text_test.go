package report

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"":                      "",
		"main":                  "main",
		"naïve::größe":          "naïve::größe",
		"a\tb\nc":               `a\x09b\x0ac`,
		"\x1b[31mred":           `\x1b[31mred`,
		"\x9b31m":               `\x9b31m`,
		"\u009b31m":             `\u{9b}31m`,
		"evil\u202egnp.exe":     `evil\u{202e}gnp.exe`,
		"broken\xff\xfe":        `broken\xff\xfe`,
		"really \ufffd in here": "really \ufffd in here",
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("main")
	f.Add("a\tb\x00\xff\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		got := Clean(s)
		if !utf8.ValidString(got) {
			t.Errorf("Clean(%q) = %q is not UTF-8", s, got)
		}
		if strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("Clean(%q) = %q can steer a terminal", s, got)
		}
		if again := Clean(got); again != got {
			t.Errorf("Clean(%q) = %q, but Clean of that is %q", s, got, again)
		}
		function(s) // must not panic or hang on hostile mangled names
	})
}

func TestFunction(t *testing.T) {
	for in, want := range map[string]string{
		"main":                                   "main",
		"_ZN3foo3barEi":                          "foo::bar",
		"_ZN4core3fmt5write17h0123456789abcdefE": "core::fmt::write",
		"libc.so.6+0x1234":                       "libc.so.6+0x1234",
	} {
		if got := function(in); got != want {
			t.Errorf("function(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		width int
		want  string
	}{
		{0, "one two three-and-four five"},
		{7, "one two|three-and-four|five"},
		{100, "one two three-and-four five"},
		{1, "one|two|three-and-four|five"},
	} {
		if got := strings.Join(wrap("one two three-and-four five", tt.width), "|"); got != tt.want {
			t.Errorf("width %d: %q, want %q", tt.width, got, tt.want)
		}
	}
}
