package gofind

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBootsDiffer(t *testing.T) {
	ignore := []*regexp.Regexp{regexp.MustCompile("^time")}
	for _, c := range []struct {
		a, b string
		want []string
	}{
		{"", "", nil},
		{"a\nb\n", "a\r\nb", nil},
		{"a\ntime 1\nb\n", "a\nb\ntime 2\n", nil},
		{"a\nb\nc\n", "a\nx\nc\n", []string{"console, plain: b", "console, sealed: x"}},
		{"a\nc\n", "a\nb\nc\n", []string{"console, sealed: b"}},
		{"a\na\n", "a\n", []string{"console, plain: a"}},
		{strings.Repeat("x\ny\n", 11), "", append(strings.Split(strings.TrimSpace(strings.Repeat("console, plain: x\nconsole, plain: y\n", 10)), "\n"), "console, plain: ... 2 more lines")},
	} {
		if got := (&comparer{ignore: ignore}).differences("console", c.a, c.b); cmp.Diff(got, c.want) != "" {
			t.Errorf("%q %q: %q", c.a, c.b, got)
		}
	}
}

// What is excused, and what only looks like it.
func TestBootsDifferForOtherReasons(t *testing.T) {
	for _, c := range []struct {
		plain, again, sealed string
		want                 []string // nil: the same
	}{
		{"heap 339000-33a000", "heap 339000-33a000", "heap 368000-369000", nil},
		{"at 0x339000", "at 0x339000", "at 0x368000", nil},
		{"at 0x339000", "at 0x339000", "at 0x369000", []string{"console, plain: at 0x339000", "console, sealed: at 0x369000"}}, // another distance
		{"code 138000", "code 138000", "code 167000", []string{"console, plain: code 138000", "console, sealed: code 167000"}}, // not behind the image
		{"1:M 26 Nov 00:53:01.123 ready", "1:M 26 Nov 00:53:01.900 ready", "1:M 26 Nov 00:54:00.001 ready", nil},
		{"write 5, took 3 ms", "write 5, took 4 ms", "write 5, took 9 ms", nil},
		{"write 5, took 3 ms", "write 5, took 4 ms", "write 1, took 9 ms", []string{"console, plain: write 5, took 3 ms", "console, sealed: write 1, took 9 ms"}},
		{"write 5, took 3 ms", "write 5, took 4 ms", "write -5, took 9 ms", []string{"console, plain: write 5, took 3 ms", "console, sealed: write -5, took 9 ms"}},
		{"took 3 ms", "took 4 ms", "refused 3 ms", []string{"console, plain: took 3 ms", "console, sealed: refused 3 ms"}},
		{"calls 7", "calls 7", "calls 6", []string{"console, plain: calls 7", "console, sealed: calls 6"}},
	} {
		k := &comparer{end: 0x338800, moved: 0x2f000}
		k.vary(c.plain, c.again)
		if got := k.differences("console", c.plain, c.sealed); cmp.Diff(got, c.want) != "" || (c.want == nil) != (len(k.excused()) == 1) {
			t.Errorf("%q, %q: %q, %q", c.plain, c.sealed, got, k.excused())
		}
	}
}
