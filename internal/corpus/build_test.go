package corpus

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
)

// A missingTool is the reason to leave out a variant.
type missingTool struct{ name string }

func (m missingTool) Error() string { return m.name + " is not installed" }

// build builds the variant, the first time that a test asks for it. It skips the test if a
// compiler is missing.
func (v *variant) build(t *testing.T) {
	t.Helper()
	v.once.Do(func() { v.err = v.compile(t) })
	var missing missingTool
	if errors.As(v.err, &missing) {
		t.Skip(missing)
	}
	if v.err != nil {
		t.Fatal(v.err)
	}
}

func (v *variant) compile(t *testing.T) error {
	if err := os.RemoveAll(v.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(v.dir, 0o755); err != nil {
		return err
	}
	for step := range strings.SplitSeq(v.command, "&&") {
		if tool := strings.Fields(step)[0]; !strings.Contains(tool, "=") {
			if _, err := exec.LookPath(tool); err != nil {
				return missingTool{tool}
			}
		}
	}
	cmd := bounded.Command(t, "sh", "-c", v.command)
	cmd.Dir = v.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "CGO_ENABLED=0", "GOFLAGS=-mod=mod")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", v.command, err, out)
	}
	switch v.one("TRANSFORM") {
	case "":
		return nil
	case "sectionless":
		return removeSections(v.program, v.program)
	}
	return fmt.Errorf("unknown TRANSFORM %s", v.one("TRANSFORM"))
}

// removeSections writes a copy of an ELF file that has no section header table.
func removeSections(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	off := binary.LittleEndian.Uint64(data[0x28:])
	size := uint64(binary.LittleEndian.Uint16(data[0x3a:])) * uint64(binary.LittleEndian.Uint16(data[0x3c:]))
	if off+size <= uint64(len(data)) {
		clear(data[off : off+size])
	}
	clear(data[0x28:0x30]) // e_shoff
	clear(data[0x3c:0x40]) // e_shnum, e_shstrndx
	return os.WriteFile(to, data, 0o755)
}

// strip makes a copy of the directory of v with every ELF file in it stripped, and returns its path.
func (v *variant) stripped(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("strip"); err != nil {
		t.Skip(missingTool{"strip"})
	}
	return v.copyOf(t, "stripped", func(from, to string) error {
		if out, err := bounded.Command(t, "strip", "-o", to, from).CombinedOutput(); err != nil {
			return fmt.Errorf("strip %s: %w\n%s", from, err, out)
		}
		return nil
	})
}

// copyOf copies the directory of v, its ELF programs and libraries by way of change.
func (v *variant) copyOf(t *testing.T, suffix string, change func(from, to string) error) string {
	t.Helper()
	target := v.dir + "." + suffix
	err := filepath.WalkDir(v.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(v.dir, path)
		if err != nil {
			return err
		}
		to := filepath.Join(target, rel)
		switch {
		case e.IsDir():
			return os.MkdirAll(to, 0o755)
		case e.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, to)
		case linked(path):
			return change(path, to)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, data, 0o755)
	})
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// linked says whether path is an ELF program or shared library.
func linked(path string) bool {
	f, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return f.Type == elf.ET_EXEC || f.Type == elf.ET_DYN
}
