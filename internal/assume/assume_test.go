package assume

import (
	"slices"
	"testing"

	"github.com/gofind-dev/gofind/internal/summary"
)

func TestFacts(t *testing.T) {
	if len(Facts) == 0 {
		t.Fatal("assume.txt has no rows")
	}
	seen := map[string]bool{}
	for _, f := range Facts {
		if seen[f.Name] || f.Says == "" || f.Else == "" {
			t.Errorf("%q stands there twice, or lacks a sentence", f.Name)
		}
		seen[f.Name] = true
	}
}

func TestSwitch(t *testing.T) {
	no := func(string) bool { return false }
	s := New(no)
	entry := &summary.Cond{Kind: summary.CondEntry}
	prefix := &summary.Cond{Kind: summary.CondText, A: 'L' | 'D'<<8 | '_'<<16, Size: 3}
	if !s.Denied(true, entry) || !s.Denied(true, prefix) {
		t.Error("the loader's own entry and LD_ are not denied by default")
	}
	if s.Denied(false, entry) || s.Denied(false, prefix) {
		t.Error("they are denied in an image that is no loader")
	}
	if got := s.Used(); !slices.Equal(got, []string{"loader-environment", "loader-program"}) {
		t.Errorf("used: %q", got)
	}
	for _, c := range []summary.Cond{
		{Kind: summary.CondText, A: 'L' | 'D'<<8, Size: 2},
		{Kind: summary.CondText, A: 'L' | 'D'<<8 | '_'<<16 | 'X'<<24, Size: 4},
		{Kind: summary.CondWord}, {Kind: summary.CondReturn}, {Kind: summary.CondBack},
	} {
		if s.Denied(true, &c) {
			t.Errorf("%+v is denied", c)
		}
	}
	s.Switch("loader-program", false)
	if s.Denied(true, entry) || !s.Denied(true, prefix) {
		t.Error("switched the wrong one")
	}
	if s.Holds("nscd") || !New(func(string) bool { return true }).Holds("nscd") {
		t.Error("the host does not decide about nscd")
	}
	if !s.On("one-thread") {
		t.Error("an assumption of another package is off")
	}
}
