package gofind

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gofind-dev/gofind/internal/rules"
	"github.com/gofind-dev/gofind/internal/specimen"
)

// specimenImage builds a unikernel, and returns it with its plan.
func specimenImage(t *testing.T) (*specimen.Image, *ImagePlan) {
	t.Helper()
	img, err := specimen.Build(t.TempDir())
	if errors.Is(err, specimen.ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	plan, err := img.Plan()
	if err != nil {
		t.Fatal(err)
	}
	return img, newImagePlan(plan)
}

func TestSealImage(t *testing.T) {
	img, plan := specimenImage(t)
	ctx := context.Background()
	before := map[string]string{}
	for _, path := range []string{img.Final, img.Debug} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		before[path] = string(data)
	}
	if err := os.Chmod(img.Final, 0o755); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	out := filepath.Join(dir, "sealed")
	for _, o := range []ImageSealOptions{{}, {OnDeny: "enosys", Protect: true, Tool: "v9"}, {OnDeny: "crash"}} {
		o.Plan = plan
		sealed, err := SealImage(ctx, img.Final, out, o)
		if err != nil {
			t.Fatal(err)
		}
		read, err := InspectImage(out)
		if err != nil {
			t.Fatal(err)
		}
		notes := sealed.Notes
		sealed.Notes = nil
		if diff := cmp.Diff(sealed, read); diff != "" {
			t.Errorf("what is read differs from what was written:\n%s", diff)
		}
		if sealed.OnDeny != map[string]string{"": "eperm"}[o.OnDeny]+o.OnDeny || sealed.Protected != o.Protect || sealed.Tool != o.Tool || sealed.Default != "deny" || len(sealed.Gaps) > 0 {
			t.Errorf("%+v", sealed)
		}
		if o.Protect != (len(notes) > 0) {
			t.Errorf("notes %q", notes)
		}
		for i, c := range sealed.Compartments {
			if diff := cmp.Diff(plan.Compartments[i].Needs, c.Allowed); diff != "" || c.Name != plan.Compartments[i].Name {
				t.Errorf("%s: %s", c.Name, diff)
			}
		}
		again, err := InspectImage(out + ".dbg")
		if err != nil || again.Tag != sealed.Tag {
			t.Errorf("%+v %v", again, err)
		}
	}
	if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("mode %v %v", info, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("%v is left in the directory, %v", entries, err)
	}
	for path, want := range before {
		if data, err := os.ReadFile(path); err != nil || string(data) != want {
			t.Errorf("%s has changed, %v", path, err)
		}
	}

	// The same bytes each time.
	first, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := SealImage(ctx, img.Final, out, ImageSealOptions{Plan: plan, OnDeny: "crash"}); err != nil {
		t.Fatal(err)
	}
	if second, err := os.ReadFile(out); err != nil || string(first) != string(second) {
		t.Errorf("other bytes the second time, %v", err)
	}

	// Only the file with symbols.
	alone := filepath.Join(t.TempDir(), "alone.dbg")
	if err := os.WriteFile(alone, []byte(before[img.Debug]), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := SealImage(ctx, alone, filepath.Join(dir, "only"), ImageSealOptions{Plan: plan}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "only.dbg")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a second file")
	}
}

// Without a plan, what the analysis finds is enforced: all that a reader of the source finds, and not what
// only others do. Nothing is refused that the workload needs.
func TestSealByAnalysis(t *testing.T) {
	img, byHand := specimenImage(t)
	ctx := context.Background()
	out := filepath.Join(t.TempDir(), "sealed")
	sealed, err := SealImage(ctx, img.Final, out, ImageSealOptions{})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := PlanImage(ctx, img.Final, ImageSealOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range byHand.Compartments {
		allowed := sealed.Compartments[i].Allowed
		for _, n := range c.Needs {
			if !slices.Contains(allowed, n) && n != "gettid" && n != "set_tid_address" { // nothing calls these
				t.Errorf("%s is not allowed %s", c.Name, n)
			}
		}
		for _, n := range []string{"unlink", "creat", "uname"} {
			if c.Name != "core" && slices.Contains(allowed, n) {
				t.Errorf("%s is allowed %s", c.Name, n)
			}
		}
		if diff := cmp.Diff(plan.Compartments[i].Needs, allowed); diff != "" {
			t.Errorf("%s (-plan +sealed):\n%s", c.Name, diff)
		}
	}
	if !slices.ContainsFunc(sealed.Entries, func(e ImageEntry) bool {
		return e.Function == "euidunlink" && e.Call == "unlink" && e.Checked && slices.Contains(e.Denied, "net")
	}) {
		t.Error("a function that has the body of unlink inlined is not checked")
	}
	// The file with symbols alone, without the objects of the build, says the same.
	alone := filepath.Join(t.TempDir(), "alone.dbg")
	data, err := os.ReadFile(img.Debug)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(alone, data, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ image, mapping string }{{img.Debug, "objects"}, {alone, "dwarf"}} {
		r, err := AnalyseCompartments(ctx, KraftOptions{Kraft: img.Dir, Image: c.image})
		if err != nil || r.Mapping != c.mapping {
			t.Fatalf("%s: %v, %v", c.image, r, err)
		}
		if diff := cmp.Diff(plan, r.Plan()); diff != "" {
			t.Errorf("libraries by %s (-plan +of %s):\n%s", c.mapping, c.image, diff)
		}
	}
	// A sealed image beside the one that was built is in nobody's way, and is not analysed itself.
	beside := img.Final + ".sealed"
	if _, err := SealImage(ctx, img.Final, beside, ImageSealOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, image := range []string{img.Debug, img.Final, filepath.Dir(img.Debug)} {
		r, err := AnalyseCompartments(ctx, KraftOptions{Image: image})
		if err != nil || len(r.Compartments) != 3 { // those of the kraft.yaml that the build is of
			t.Errorf("%s: %v, %v", image, r, err)
		}
	}
	if _, err := AnalyseCompartments(ctx, KraftOptions{Image: beside}); err == nil || !strings.Contains(err.Error(), "is sealed") {
		t.Errorf("a sealed image is analysed: %v", err)
	}
	v, err := VerifyImage(ctx, img.Final, out, ImageVerifyOptions{Append: "normal", Memory: 64, QEMU: []string{"-device", "isa-debug-exit"}})
	if errors.Is(err, ErrNoQEMU) {
		t.Skip(err)
	}
	if err != nil || !v.Same {
		t.Errorf("%+v %v", v, err)
	}
}

func TestSealImageErrors(t *testing.T) {
	img, plan := specimenImage(t)
	ctx := context.Background()
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	gap := *plan
	gap.Gates = append([]PlanFunction{{Function: "nowhere", Address: "0x10", Compartment: "net"}}, plan.Gates...)
	var gaps *ImageGapsError
	if _, err := SealImage(ctx, img.Final, out, ImageSealOptions{Plan: &gap}); !errors.As(err, &gaps) || len(gaps.Gaps) != 1 || gaps.Gaps[0].Function != "nowhere" || cmp.Diff(gaps.Gaps[0].Weakens, []string{"net"}) != "" {
		t.Errorf("%v", err)
	}
	script := filepath.Join(dir, "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	away := filepath.Join(t.TempDir(), "away")
	symbols, err := os.ReadFile(img.Debug)
	if err == nil {
		err = os.WriteFile(away, symbols, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	for _, c := range []struct {
		name, image, out string
		ctx              context.Context
		o                ImageSealOptions
		is               error
		says             string
	}{
		{name: "kraft.yaml", image: img.Final, out: out, o: ImageSealOptions{Kraft: KraftOptions{Kraft: dir}}, says: dir},
		{name: "nothing near", image: away, out: out, o: ImageSealOptions{Debug: away}, says: "--compartments"},
		{name: "denial", image: img.Final, out: out, o: ImageSealOptions{Plan: plan, OnDeny: "no"}, says: `eperm, enosys, crash, not in "no"`},
		{name: "no image", image: filepath.Join(dir, "none"), out: out, o: ImageSealOptions{Plan: plan}, is: fs.ErrNotExist},
		{name: "no symbols", image: img.Final, out: out, o: ImageSealOptions{Plan: plan, Debug: img.Final}, says: "has no symbols"},
		{name: "no file with symbols", image: img.Final, out: out, o: ImageSealOptions{Plan: plan, Debug: filepath.Join(dir, "none")}, says: "--debug"},
		{name: "script", image: script, out: out, o: ImageSealOptions{Plan: plan}, is: ErrNotUnikernel},
		{name: "itself", image: img.Final, out: img.Final, o: ImageSealOptions{Plan: plan}, says: "would be overwritten"},
		{name: "no directory", image: img.Final, out: filepath.Join(dir, "none", "out"), o: ImageSealOptions{Plan: plan}, is: fs.ErrNotExist},
		{name: "symbols", image: img.Debug, out: out, o: ImageSealOptions{Plan: plan}, says: "name " + img.Final},
		{name: "a directory", image: img.Final, out: dir, o: ImageSealOptions{Plan: plan}, says: "name another file to write"},
		{name: "interrupted", image: img.Final, out: out, ctx: ended, o: ImageSealOptions{Plan: plan}, is: context.Canceled},
	} {
		if c.ctx == nil {
			c.ctx = ctx
		}
		_, err := SealImage(c.ctx, c.image, c.out, c.o)
		if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%v is left, %v", entries, err)
	}
	if _, err := os.Stat(dir + ".dbg"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s.dbg: %v", dir, err)
	}
	sealed, err := SealImage(ctx, img.Final, out, ImageSealOptions{Plan: &gap, AllowGaps: true})
	if err != nil || len(sealed.Gaps) != 1 {
		t.Errorf("%+v %v", sealed, err)
	}
	if _, err := SealImage(ctx, out, out+"2", ImageSealOptions{Plan: plan}); !errors.Is(err, ErrImageSealed) {
		t.Error(err)
	}
	newer, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	newer[bytes.Index(newer, []byte(rules.Magic))+8] = rules.LinkedVersion + 1 // the version
	later := filepath.Join(dir, "later")
	if err := os.WriteFile(later, newer, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := InspectImage(later); !errors.Is(err, ErrNewerRules) || !strings.HasPrefix(err.Error(), later+": ") {
		t.Errorf("rules of a newer version: %v", err)
	}
	if _, err := VerifyImage(ctx, img.Final, later, ImageVerifyOptions{}); !errors.Is(err, ErrNewerRules) {
		t.Errorf("rules of a newer version, verified: %v", err)
	}
	if _, err := InspectImage(img.Final); !errors.Is(err, ErrNoRules) {
		t.Error(err)
	}
	for _, c := range [][2]string{{img.Final, img.Final}, {out, out}, {script, out}} {
		if _, err := VerifyImage(ctx, c[0], c[1], ImageVerifyOptions{}); err == nil {
			t.Errorf("%q verified", c)
		}
	}
	if _, err := VerifyImage(ctx, img.Final, out, ImageVerifyOptions{Ignore: []string{"("}}); err == nil {
		t.Error("a broken expression is taken")
	}
	if _, err := VerifyImage(ctx, img.Final, out, ImageVerifyOptions{Initrd: filepath.Join(dir, "none")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no initrd: %v", err)
	}
	// Both boots fail in the same way.
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		t.Log(err)
	} else if _, err := VerifyImage(ctx, img.Final, out, ImageVerifyOptions{QEMU: []string{"-no-such-option"}}); err == nil || !strings.Contains(err.Error(), "nothing to compare") || !strings.Contains(err.Error(), "no-such-option") {
		t.Errorf("QEMU that does not start: %v", err)
	}
}

func TestImagePlan(t *testing.T) {
	img, plan := specimenImage(t)
	data, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadImagePlan(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(plan, again); diff != "" {
		t.Error(diff)
	}
	want, err := img.Plan()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.internal(); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("%v %s", err, cmp.Diff(want, got))
	}
	for _, c := range []struct{ old, new, says string }{
		{`{"schema"`, `["schema"`, "is no gofind.plan/v1 document"},
		{"gofind.plan/v1", "gofind.plan/v2", `schema is "gofind.plan/v2"`},
		{`"gates"`, `"doors"`, "unknown field"},
		{`"name":"net"`, `"name":"core"`, "compartments[1]"},
		{`"compartment":"net"`, `"compartment":"web"`, `there is no compartment "web"`},
		{`"address":"0x`, `"address":"x`, "is no address"},
		{`"call":"getpid"`, `"call":"getpit"`, `there is no system call "getpit"`},
		{`"needs":["bind"`, `"needs":["bend"`, `compartment core: there is no system call "bend"`},
	} {
		if !strings.Contains(string(data), c.old) {
			t.Fatalf("%s is not there", c.old)
		}
		_, err := ReadImagePlan(strings.NewReader(strings.Replace(string(data), c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.new, err)
		}
	}
	if _, err := ReadImagePlan(strings.NewReader(`{"schema":"gofind.plan/v1"}`)); err == nil {
		t.Error("a plan without compartments")
	}
	if n, err := callNumber("400"); n != 400 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	if _, err := callNumber("512"); err == nil {
		t.Error("512 is a call")
	}
}

func TestVerifyImage(t *testing.T) {
	img, plan := specimenImage(t)
	ctx := context.Background()
	out := filepath.Join(t.TempDir(), "sealed")
	if _, err := SealImage(ctx, img.Final, out, ImageSealOptions{Plan: plan}); err != nil {
		t.Fatal(err)
	}
	o := ImageVerifyOptions{Append: "normal", Memory: 64, QEMU: []string{"-device", "isa-debug-exit"}}
	v, err := VerifyImage(ctx, img.Final, out, o)
	if errors.Is(err, ErrNoQEMU) {
		t.Skip(err)
	}
	if err != nil || !v.Same || !v.Plain.Ended || v.Sealed.Status != 1 || v.Sealed.Image != out || !strings.Contains(v.Sealed.Console, "done, 0 wrong") {
		t.Fatalf("%+v %v", v, err)
	}
	// A workload on the host, while the images still run.
	o.Until, o.Workload = "write a file", "echo works; exit 0"
	if v, err = VerifyImage(ctx, img.Final, out, o); err != nil || v.Plain.Output != "works\n" || v.Sealed.Output != "works\n" {
		t.Errorf("%+v %v", v, err)
	}
	o.Workload = "exit 7"
	if _, err = VerifyImage(ctx, img.Final, out, o); err == nil || !strings.Contains(err.Error(), "ended with 7 without rules") {
		t.Error(err)
	}
	// The plugin's exit is refused.
	o = ImageVerifyOptions{Append: "abort", Memory: 64, QEMU: o.QEMU}
	v, err = VerifyImage(ctx, img.Final, out, o)
	if err != nil || v.Same || !strings.Contains(strings.Join(v.Differences, "\n"), "must not call exit_group") || v.Plain.Status == v.Sealed.Status {
		t.Errorf("%+v %v", v, err)
	}
}
