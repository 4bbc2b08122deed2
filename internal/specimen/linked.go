package specimen

import (
	"embed"
	"os"
	"path/filepath"
	"strings"
)

// Linked is what a build with the micro-library of runtime/unikraft takes: what Makefile.uk says, without make.
type Linked struct {
	Runtime string              // directory of the micro-library
	Rules   string              // directory with what gofind kraft rules wrote; "": functions get room for hooks, and nothing else
	wrap    map[string][]string // arguments of ld, by library; "" for the image
}

// BuildLinked makes the image with the micro-library.
func BuildLinked(dir string, linked Linked, extra ...string) (*Image, error) {
	return build(dir, KraftYAML, "link.lds", Libraries, []embed.FS{sources}, &linked, extra...)
}

// add puts the files of the micro-library and of the rules beside those of the image.
func (l *Linked) add(src string, libraries []Library) ([]Library, error) {
	if l.Rules == "" {
		return libraries, nil
	}
	copies := map[string]string{
		filepath.Join(l.Runtime, "gofind.c"):     "gofind.c",
		filepath.Join(l.Runtime, "gates.S"):      "gates.S",
		filepath.Join(l.Rules, "gofind_rules.S"): "gofind_rules.S",
	}
	for from, to := range copies {
		data, err := os.ReadFile(from)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(src, to), data, 0o666); err != nil {
			return nil, err
		}
	}
	// The headers of Unikraft that the micro-library includes: all is in uk.h here.
	if err := os.MkdirAll(filepath.Join(src, "uk"), 0o777); err != nil {
		return nil, err
	}
	for _, h := range []string{"errno.h", "uk/ctors.h"} {
		if err := os.WriteFile(filepath.Join(src, h), []byte("#include \"uk.h\"\n"), 0o666); err != nil {
			return nil, err
		}
	}
	makefile, err := os.ReadFile(filepath.Join(l.Rules, "gofind_rules.mk"))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(makefile)) {
		if variable, name, ok := strings.Cut(strings.TrimSpace(line), "LDFLAGS-y += -Wl,--wrap="); ok {
			library := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(variable, "LIB"), "_"))
			if l.wrap == nil {
				l.wrap = map[string][]string{}
			}
			l.wrap[library] = append(l.wrap[library], "--wrap="+name)
		}
	}
	return append(append([]Library{}, libraries...), Library{"gofind", []string{"gofind.c", "gates.S", "gofind_rules.S"}}), nil
}

// file is one of those that the rules have for a library, "" if there is none.
func (l *Linked) file(library, ext string) string {
	if l == nil || l.Rules == "" {
		return ""
	}
	path := filepath.Join(l.Rules, "gofind_lib"+library+"."+ext)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

func (l *Linked) compile(library string) []string {
	if l == nil {
		return nil
	}
	flags := []string{"-pg", "-mfentry", "-mnop-mcount", "-Isrc"}
	if h := l.file(library, "h"); h != "" {
		flags = append(flags, "-include", h)
	}
	return flags
}

func (l *Linked) objcopy(library string) []string {
	if syms := l.file(library, "syms"); syms != "" {
		return []string{"--redefine-syms=" + syms}
	}
	return nil
}

// ld has the arguments for the link of a library, or of the image, which is "".
func (l *Linked) ld(library string) []string {
	if l == nil {
		return nil
	}
	return l.wrap[library]
}
