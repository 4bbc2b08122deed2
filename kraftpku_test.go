package gofind

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/specimen"
)

// What a sealed image with memory keys says of itself: who executes what, and what changes keys, with addresses.
func TestSealImagePKU(t *testing.T) {
	img, err := specimen.BuildPKU(t.TempDir())
	if errors.Is(err, specimen.ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	p, err := img.Plan()
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	out := filepath.Join(t.TempDir(), "sealed")
	o := ImageSealOptions{Plan: newImagePlan(p), PKU: true}
	if _, err := SealImage(ctx, img.Final, out, o); err != nil {
		t.Fatal(err)
	}
	s, err := InspectImage(out)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Keys {
		t.Error("keys are not named")
	}
	for _, e := range s.Entries {
		want := []string{"core"}
		if slices.Contains(strings.Fields(specimen.NetExecutes), e.Call) {
			want = append(want, "net")
		}
		if slices.Contains(strings.Fields(specimen.PluginExecutes), e.Call) {
			want = append(want, "plugin")
		}
		if !slices.Equal(e.Executes, want) || !e.Checked {
			t.Errorf("%s: executed by %v, not %v, %v", e.Function, e.Executes, want, e.Checked)
		}
	}
	if len(s.Gaps) != 0 {
		t.Errorf("gaps: %v", s.Gaps)
	}
	found := false
	for _, g := range s.Gates {
		found = found || g.Function == "with_pkru" && g.Kind == "site" && strings.HasPrefix(g.Address, "0x")
	}
	if !found {
		t.Errorf("a wrpkru that was replaced is not listed: %v", s.Gates)
	}
}

// With the driver intel-pku, what kraft.yaml says decides: keys are used, and what compartments execute is what they do with their PKRU.
func TestSealImageDriver(t *testing.T) {
	img, err := specimen.BuildPKU(t.TempDir())
	if errors.Is(err, specimen.ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	out := filepath.Join(t.TempDir(), "sealed")
	s, err := SealImage(ctx, img.Final, out, ImageSealOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !s.Keys {
		t.Error("the driver intel-pku does not lead to keys")
	}
	for call, want := range map[string][]string{
		"getpid": {"core", "net"}, "getppid": {"core", "plugin"}, "gettid": {"core"},
	} {
		for _, e := range s.Entries {
			if e.Call == call && !slices.Equal(e.Executes, want) {
				t.Errorf("%s: executed by %v, not %v", e.Function, e.Executes, want)
			}
		}
	}
	if _, err = SealImage(ctx, img.Final, out, ImageSealOptions{NoPKU: true}); err == nil || !strings.Contains(err.Error(), "--no-pku") {
		t.Errorf("an image with keys is sealed without: %v", err)
	}
}
