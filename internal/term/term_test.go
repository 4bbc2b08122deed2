package term

import (
	"os"
	"testing"
)

// Terminals proper are in the scripts of cmd/gofind.
func TestNoTerminal(t *testing.T) {
	getenv := func(string) string { return "" }
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, f := range []*os.File{file, w, null} {
		if s := Detect(f, getenv); s != (Screen{}) {
			t.Errorf("%s: %+v", f.Name(), s)
		}
	}
}
