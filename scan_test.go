package gofind

import "testing"

func TestAtLeast(t *testing.T) {
	for release, want := range map[string]bool{
		"5.8.0\n": true, "5.8": true, "5.10.0-21-amd64\n": true, "6.1.0\n": true, "10.0": true,
		"5.7.19\n": false, "4.18.0-553.el8_10.x86_64\n": false, "5": false, "": false, "unknown\n": false,
	} {
		if atLeast(release, 5, 8) != want {
			t.Errorf("%q: %v", release, !want)
		}
	}
}

func TestAliases(t *testing.T) {
	for list, want := range map[string]int{
		"":                                0,
		"# a\n\n \t\n":                    0,
		"bokmal\tnb_NO.ISO-8859-1\n":      1,
		"a b\n  # c\n  d e\nlast without": 3,
	} {
		if got := aliases(list); got != want {
			t.Errorf("%q: %d", list, got)
		}
	}
}
