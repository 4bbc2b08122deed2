package image

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
)

// object compiles a small object.
func object(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("gcc is not installed")
	}
	dir := t.TempDir()
	src, out := filepath.Join(dir, "a.c"), filepath.Join(dir, "a.o")
	if err := os.WriteFile(src, []byte("static int f(int a) { return a * 3; }\nint g(int a) { return f(a) + f(-a); }\nint data[4] = {1};\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if msg, err := bounded.Command(t, "gcc", "-c", "-g", "-O0", "-o", out, src).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
	return out
}

// TestObject compares with debug/elf.
func TestObject(t *testing.T) {
	path := object(t)
	o, err := OpenObject(path)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	e, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	want, err := e.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for s := range o.Symbols {
		w := want[i]
		if s.Name != w.Name || s.Value != w.Value || s.Size != w.Size || s.Type != uint8(elf.ST_TYPE(w.Info)) || s.Bind != uint8(elf.ST_BIND(w.Info)) || s.Shndx != uint16(w.Section) {
			t.Errorf("symbol %d: %+v, want %+v", i, s, w)
		}
		i++
	}
	if i != len(want) {
		t.Errorf("%d symbols, want %d", i, len(want))
	}
	if len(o.Sections) != len(e.Sections) {
		t.Errorf("%d sections, want %d", len(o.Sections), len(e.Sections))
	}
}

// TestObjectTruncated: a prefix of an object gives an error, and so does what is none.
func TestObjectTruncated(t *testing.T) {
	data, err := os.ReadFile(object(t))
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(data); n += 1 + n/16 {
		if o, err := ParseObject("a.o", data[:n]); err == nil || o != nil {
			t.Errorf("%d of %d bytes: no error", n, len(data))
		}
	}
	exe, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if o, err := ParseObject("exe", exe); err == nil || o != nil {
		t.Error("an executable: no error")
	}
}

func FuzzObject(f *testing.F) {
	f.Add([]byte("\x7fELF\x02\x01\x01\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := ParseObject("fuzz", data)
		if (o == nil) != (err != nil) {
			t.Fatalf("%v, %v", o, err)
		}
		if err == nil {
			for s := range o.Symbols {
				_ = s.Name
			}
		}
	})
}
