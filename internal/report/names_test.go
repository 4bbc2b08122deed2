package report

import "testing"

func TestNearest(t *testing.T) {
	for in, want := range map[string]string{
		"opnat":       "openat",
		"open_at":     "openat",
		"exceve":      "execve",
		"sokcet":      "socket",
		"gettimofday": "gettimeofday",
		"zzzzzzzz":    "",
		"":            "",
	} {
		if got := Nearest(in); got != want && want != "" || want == "" && got != "" {
			t.Errorf("Nearest(%q) = %q, want %q", in, got, want)
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
