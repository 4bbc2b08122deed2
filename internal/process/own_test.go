package process

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Own finds files in the application's own directories only, follows no links out of them, and is bounded.
func TestOwn(t *testing.T) {
	root := t.TempDir()
	for _, file := range []string{
		"/app/bin/prog", "/app/lib/server/libx.so", "/app/lib/libx.so", "/app/bin/a/libx.so", "/app/bin/a/b/libx.so",
		"/app/bin/a/b/c/libx.so", // too deep
		"/app/share/libx.so",     // not below
		"/usr/bin/prog", "/usr/bin/x/libx.so", "/usr/lib/x/libx.so",
		"/wide/prog", "/wide/zz/libx.so",
		"/outside/libx.so",
	} {
		if err := os.MkdirAll(filepath.Dir(root+file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(root+file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i := range ownEntries {
		if err := os.Mkdir(root+"/wide/a"+string(rune('a'+i%26))+string(rune('a'+i/26%26))+string(rune('a'+i/676)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/outside", root+"/app/lib/link"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(root+"/app/lib/dir", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(root+"/app/lib/dir/libx.so", 0o755); err != nil {
		t.Fatal(err)
	}
	fs, err := newRootFS(root)
	if err != nil {
		t.Fatal(err)
	}
	for program, want := range map[string][]string{
		"/app/bin/prog": {"/app/bin/a/b/libx.so", "/app/bin/a/libx.so", "/app/lib/libx.so", "/app/lib/server/libx.so"},
		"/usr/bin/prog": nil,
		"/wide/prog":    nil,
	} {
		p := &Process{link: &linker{fs: fs}, Images: []*Image{{Path: program}}}
		if got := p.Own(0, "libx.so"); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", program, got, want)
		}
	}
}
