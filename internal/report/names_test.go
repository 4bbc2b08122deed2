package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNearest(t *testing.T) {
	for in, want := range map[string][]string{
		"opnat":    {"openat"},
		"exceve":   {"execve"},
		"sokcet":   {"socket"},
		"pread":    {"pread64", "preadv", "preadv2"},
		"59":       {"execve"},
		"100000":   nil,
		"zzzzzzzz": nil,
		"":         nil,
	} {
		if diff := cmp.Diff(want, Nearest(in)); diff != "" {
			t.Errorf("Nearest(%q) (-want +got):\n%s", in, diff)
		}
	}
}

func TestKnown(t *testing.T) {
	for name, want := range map[string]bool{"openat": true, "socketcall": true, "opnat": false, "": false} {
		if got := Known(name); got != want {
			t.Errorf("Known(%q) = %v", name, got)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b  string
		limit int
		want  int
	}{
		{"", "", 5, 0},
		{"abc", "abc", 5, 0},
		{"abc", "acb", 5, 1},
		{"abc", "abcd", 5, 1},
		{"abc", "xyz", 5, 3},
		{"abc", "xyz", 2, 2},
		{"", "abcdef", 3, 3},
	} {
		if got := distance(tt.a, tt.b, tt.limit); got != tt.want {
			t.Errorf("distance(%q, %q, %d) = %d, want %d", tt.a, tt.b, tt.limit, got, tt.want)
		}
	}
}
