package gofind

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/specimen"
)

func imageSet(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	_, err := specimen.BuildVMEPT(dir)
	if errors.Is(err, specimen.ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// What the analysis finds for each image is what its source says, no more and no less.
func TestImageSet(t *testing.T) {
	set, err := AnalyseImageSet(t.Context(), KraftOptions{Kraft: imageSet(t)})
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Images) != 2 || !set.Complete {
		t.Fatalf("%d images, complete %v", len(set.Images), set.Complete)
	}
	for n, m := range set.Images {
		var got []string
		for _, x := range m.Needs {
			got = append(got, x.Name)
			if len(x.Via) == 0 || x.Via[0].Compartment != m.Compartment {
				t.Errorf("%s: %s has no chain", m.Compartment, x.Name)
			}
		}
		want := strings.Fields(specimen.VMEPTNeeds[n])
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s needs %v, want %v", m.Compartment, got, want)
		}
		got = nil
		for _, x := range m.Exports {
			got = append(got, x.Function)
			if !slices.Equal(x.From, []string{set.Images[1-n].Compartment}) {
				t.Errorf("%s: %s is called from %v", m.Compartment, x.Function, x.From)
			}
		}
		if !slices.Equal(got, specimen.VMEPTExports[n]) {
			t.Errorf("%s exports %v, want %v", m.Compartment, got, specimen.VMEPTExports[n])
		}
		if len(m.Servers) != 2 || len(m.Unresolved) != 0 {
			t.Errorf("%s: servers %v, unresolved %v", m.Compartment, m.Servers, m.Unresolved)
		}
		// A plan survives its document.
		data, err := json.Marshal(set.Plan(n))
		if err != nil {
			t.Fatal(err)
		}
		p, err := ReadImagePlan(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(p)
		if err != nil || !bytes.Equal(data, again) {
			t.Errorf("%s: %s, %v", m.Compartment, again, err)
		}
	}
}

// Plans that say more than one image that is alone can be are refused.
func TestAlonePlans(t *testing.T) {
	const one = `{"schema": "gofind.plan/v1", "compartments": [{"name": "a", "default": true, "transparent": false, "executes": [], "needs": []}%s], "gates": [], "entries": []%s}`
	for _, x := range []struct{ more, rest, want string }{
		{"", `, "exports": [{"function": "f", "address": "0x10"}]`, "only an image that is alone has"},
		{`, {"name": "b", "default": false, "transparent": false, "executes": [], "needs": []}`, `, "alone": true`, "has 2 compartments"},
		{"", `, "alone": true, "servers": [{"function": "f", "address": "0x10", "size": 9, "register": 16}]`, "the register is wrong"},
		{"", `, "alone": true, "exports": [{"function": "f", "address": "10"}]`, "is no address"},
	} {
		text := strings.Replace(strings.Replace(one, "%s", x.more, 1), "%s", x.rest, 1)
		if _, err := ReadImagePlan(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v", x.rest, err)
		}
	}
}

// A single image, or another driver, is no set.
func TestNoImageSet(t *testing.T) {
	dir := t.TempDir()
	if _, err := specimen.Build(dir); err != nil {
		t.Skip(err)
	}
	if set, err := AnalyseImageSet(t.Context(), KraftOptions{Kraft: dir}); set != nil || err != nil {
		t.Errorf("%v, %v", set, err)
	}
	if s, err := SealImageSet(t.Context(), filepath.Join(dir, "build", "image_qemu-x86_64"), filepath.Join(dir, "out"), ImageSealOptions{}); s != nil || err != nil {
		t.Errorf("%v, %v", s, err)
	}
}
