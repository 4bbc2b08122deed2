package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gofind-dev/gofind"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

// golden compares got with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got), run with -update if that is meant:\n%s", path, diff)
	}
}

// sample reads testdata/sample.json: a made-up result with something in every
// field, hostile names among them.
func sample(t testing.TB) *gofind.Result {
	t.Helper()
	data, err := os.ReadFile("testdata/sample.json")
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	r := new(gofind.Result)
	if err := dec.Decode(r); err != nil {
		t.Fatal(err)
	}
	return r
}

// empty is a result as small as one can be.
func empty() *gofind.Result {
	return &gofind.Result{Schema: "gofind.scan/v1", Program: "/bin/true", Since: "main", Complete: true}
}

func TestScanForms(t *testing.T) {
	forms := map[string]func(*bytes.Buffer, *gofind.Result) error{
		"lines":       func(b *bytes.Buffer, r *gofind.Result) error { return Lines(b, r) },
		"page-80":     func(b *bytes.Buffer, r *gofind.Result) error { return Page(b, r, Style{Width: 80}) },
		"page-60":     func(b *bytes.Buffer, r *gofind.Result) error { return Page(b, r, Style{Width: 60}) },
		"page-colour": func(b *bytes.Buffer, r *gofind.Result) error { return Page(b, r, Style{Color: true, Width: 120}) },
	}
	for form, write := range forms {
		for name, r := range map[string]*gofind.Result{"sample": sample(t), "empty": empty()} {
			t.Run(form+"/"+name, func(t *testing.T) {
				var b bytes.Buffer
				if err := write(&b, r); err != nil {
					t.Fatal(err)
				}
				golden(t, name+"."+form, b.Bytes())
			})
		}
	}
}

func TestWhyForms(t *testing.T) {
	r := sample(t)
	for _, name := range []string{"openat", "open", "reboot"} {
		why := NewWhy(r, name)
		var b bytes.Buffer
		if err := why.Lines(&b); err != nil {
			t.Fatal(err)
		}
		b.WriteString("--- page\n")
		if err := why.Page(&b, Style{Width: 60}); err != nil {
			t.Fatal(err)
		}
		golden(t, "why-"+name+".txt", b.Bytes())
	}
}

func TestAnswer(t *testing.T) {
	r := sample(t)
	for _, tt := range []struct {
		name     string
		complete bool
		want     Answer
	}{
		{"openat", false, Yes},
		{"openat", true, Yes},
		{"reboot", true, No},
		{"reboot", false, Unknown},
	} {
		r.Complete = tt.complete
		if got := NewWhy(r, tt.name).Answer; got != tt.want {
			t.Errorf("%s, complete %v: %s, want %s", tt.name, tt.complete, got, tt.want)
		}
	}
}

// A page is never wider than the terminal, as long as that has 60 columns.
func TestPageWidth(t *testing.T) {
	for width := 60; width < 200; width += 7 {
		var b bytes.Buffer
		if err := Page(&b, sample(t), Style{Width: width}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if n := columns(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("width %d: a line of %d columns: %q", width, n, line)
			}
		}
	}
}

// The names alone, one a line: what `cut -sf1` leaves.
func TestLinesFields(t *testing.T) {
	r := sample(t)
	var b bytes.Buffer
	if err := Lines(&b, r); err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(b.String()) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		switch {
		case strings.HasPrefix(line, "#"):
			if len(fields) != 1 {
				t.Errorf("a tab in a comment: %q", line)
			}
		case len(fields) != len(lineColumns):
			t.Errorf("%d fields, want %d: %q", len(fields), len(lineColumns), line)
		default:
			names = append(names, fields[0])
		}
	}
	var want []string
	for _, c := range r.Syscalls {
		want = append(want, c.Name)
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestJSON(t *testing.T) {
	want, err := os.ReadFile("testdata/sample.json")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := JSON(&b, sample(t)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("JSON does not survive a round trip (-want +got):\n%s", diff)
	}
}
