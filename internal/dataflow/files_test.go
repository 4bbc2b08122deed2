package dataflow

import (
	"os"
	"testing"

	"github.com/gofind-dev/gofind/internal/image"
)

// realFiles opens this program, which is one of Go's, and those of the libraries that are there.
func realFiles(t *testing.T, libraries ...string) (files []*image.File) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range append([]string{exe}, libraries...) {
		f, err := image.Open(p)
		if err != nil {
			if p == exe {
				t.Fatal(err)
			}
			continue
		}
		t.Cleanup(func() { f.Close() })
		files = append(files, f)
	}
	return files
}
