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
	var gaps *ImageGapsError
	if _, err := SealImage(ctx, img.Final, out, o); !errors.As(err, &gaps) {
		t.Errorf("what changes keys is no gap: %v", err)
	}
	o.AllowGaps = true
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
	found := false
	for _, g := range s.Gaps {
		found = found || g.Function == "with_pkru" && strings.Contains(g.Reason, "wrpkru") && strings.HasPrefix(g.Address, "0x") && slices.Equal(g.Weakens, []string{"net", "plugin"})
	}
	if !found {
		t.Errorf("a wrpkru is not listed: %v", s.Gaps)
	}
}
