// Package hostconf says which shared objects the configuration of a system makes a
// program load at run time, and through which symbols it enters them.
//
// Some libraries choose what to dlopen by reading files: glibc's name service switch and
// character set conversion, Linux-PAM, OpenSSL, Cyrus SASL and others. The names are then
// in no binary, so that an analysis of binaries alone cannot see the objects. This package
// reads the same files in the same way and yields the objects as Modules: candidate paths,
// and the symbols that the library looks up in them. The symbols matter as much as the
// paths: a module's other exports are not reachable through its host.
//
// It parses and nothing else. Files are read through functions that the caller supplies,
// so a caller can confine reads to a root directory and can record them; whether a
// candidate path exists, and what an object does, is for the caller to find out.
//
// # Sources
//
// The parsers follow the code that reads the files in the running program:
//
//   - name service switch: glibc 2.34 to 2.43, nss/nss_database.c, nss/nss_action_parse.c,
//     nss/nss_module.c
//   - PAM: Linux-PAM 1.3 to 1.7, libpam/pam_handlers.c, libpam/pam_misc.c and
//     libpam_internal/pam_line.c, and the @include directive of Debian's patch to it
//   - character sets: glibc iconv/gconv_conf.c, iconv/gconv_parseconfdir.h and
//     iconv/gconv_cache.c
//   - OpenSSL 3: crypto/conf/conf_def.c, crypto/conf/conf_mod.c, crypto/provider_conf.c,
//     crypto/engine/eng_cnf.c, and config(5)
//
// What the programs know without reading a file is in the text files of this directory,
// with a source on each line.
//
// # Over-approximation
//
// Where versions or builds of a library differ, the answer is the union of what they do.
// Where the order of modules depends on results at run time (NSS actions, PAM controls),
// all of them count. What could not be read or understood, so that a module may be
// missing, is in the Errors of a result. Environment variables that redirect these
// libraries (GCONV_PATH, OPENSSL_CONF, SASL_PATH ...) are taken as unset.
//
// The parsers are linear in the size of what they read, which is limited to MaxFile
// bytes a file and MaxTotal a call.
package hostconf

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// ReadFile returns the content of the file at an absolute path. For a file that does not
// exist, the error must be fs.ErrNotExist (as for os.ReadFile).
type ReadFile func(path string) ([]byte, error)

// ReadDir returns the names of the entries of the directory at an absolute path, in any
// order. For a directory that does not exist, the error must be fs.ErrNotExist.
type ReadDir func(path string) ([]string, error)

// Limits on what is read.
const (
	MaxFile  = 1 << 20 // bytes of one file
	MaxTotal = 8 << 20 // bytes of all files of one call
)

// Kind says which mechanism loads a module.
type Kind string

// The kinds.
const (
	NSSModule       Kind = "nss"
	PAMModule       Kind = "pam"
	GconvModule     Kind = "gconv"
	OpenSSLProvider Kind = "openssl-provider"
	OpenSSLEngine   Kind = "openssl-engine"
	OpenSSLConf     Kind = "openssl-conf" // a module for a section of openssl.cnf that libcrypto does not know
	PKCS11Module    Kind = "pkcs11"
	PluginModule    Kind = "plugin" // found in a directory whose every object is loaded, see plugin-dirs.txt
)

// Module is a shared object that a program may load.
type Module struct {
	Kind Kind
	Name string // as the configuration has it: "systemd", "pam_unix.so", "ISO8859-1", "legacy"

	// Paths are the candidates. The library tries just one place, but which one is
	// compiled into it, so any that exists may be meant. A name without a slash is
	// searched as dlopen searches.
	Paths []string

	// Entries are the symbols that the library looks up in the module, sorted.
	Entries []string

	// Builtin is set for an NSS service whose code has been part of libc since glibc 2.34.
	Builtin bool

	// Source says what asks for it: "/etc/pam.d/sshd:4", "default", a directory. For
	// people; several are separated by ", ".
	Source string
}

// maxErrors limits the problems that one call reports; the last says that there are more.
const maxErrors = 100

// reader reads files within the limits, and keeps account.
type reader struct {
	readFile ReadFile
	readDir  ReadDir
	files    []string // in the order of the first attempt
	errs     []string
	seen     map[string]bool // members of files and errs
	total    int
}

func newReader(readFile ReadFile, readDir ReadDir) reader {
	return reader{readFile: readFile, readDir: readDir, seen: map[string]bool{}}
}

func (r *reader) note(p string) {
	if !r.seen[p] {
		r.seen[p] = true
		r.files = append(r.files, p)
	}
}

func (r *reader) errorf(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	switch {
	case r.seen[s] || len(r.errs) > maxErrors:
		return
	case len(r.errs) == maxErrors:
		s = "more problems follow"
	}
	r.seen[s] = true
	r.errs = append(r.errs, s)
}

// file returns the content of a file, and whether it exists and could be read. Text
// beyond a limit is cut off and reported.
func (r *reader) file(p string) ([]byte, bool) {
	r.note(p)
	data, err := r.readFile(p)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			r.errorf("%s: %v", p, err)
		}
		return nil, false
	}
	if len(data) > MaxFile {
		r.errorf("%s: longer than %d bytes, the rest is ignored", p, MaxFile)
		data = data[:MaxFile]
	}
	const perFile = 512 // so that tiny files come to an end too
	if r.total += max(len(data), perFile); r.total > MaxTotal {
		r.errorf("%s: more than %d bytes of configuration, the rest is ignored", p, MaxTotal)
		return nil, false
	}
	return data, true
}

// dir returns the sorted entries of a directory, and whether it exists and could be read.
func (r *reader) dir(p string) ([]string, bool) {
	r.note(p + "/")
	names, err := r.readDir(p)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			r.errorf("%s: %v", p, err)
		}
		return nil, false
	}
	names = slices.Clone(names)
	slices.Sort(names)
	return names, true
}

// libraryDirs are the directories that distributions use as their library directory.
var libraryDirs = []string{"/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib64", "/usr/local/lib"}

// under returns dir/name for each library directory.
func under(name string) []string {
	var dirs []string
	for _, d := range libraryDirs {
		dirs = append(dirs, path.Join(d, name))
	}
	return dirs
}

// cString cuts text at a NUL byte, as functions of C see it.
func cString(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return s
}

// isSpace is isspace in the C locale.
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// isSpaceRune is isSpace for functions of package strings; no other rune is space to C.
func isSpaceRune(c rune) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// upper is toupper in the C locale.
func upper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// lower is tolower in the C locale.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c - 'A' + 'a'
		}
	}
	return string(b)
}

// moduleSet collects modules, each once.
type moduleSet struct {
	list  []Module
	index map[string]int // by kind, name and paths
}

// add adds m, or merges it into the equal module that is already there.
func (s *moduleSet) add(m Module) {
	key := string(m.Kind) + "\x00" + m.Name + "\x00" + strings.Join(m.Paths, "\x00")
	if i, ok := s.index[key]; ok {
		old := &s.list[i]
		if !contains(old.Entries, m.Entries) {
			old.Entries = union(old.Entries, m.Entries)
		}
		const maxSources = 8 // more would be no help to a person
		if strings.Count(old.Source, ", ") < maxSources-1 && !slices.Contains(strings.Split(old.Source, ", "), m.Source) {
			old.Source += ", " + m.Source
		}
		return
	}
	if s.index == nil {
		s.index = map[string]int{}
	}
	s.index[key] = len(s.list)
	m.Entries = union(nil, m.Entries)
	s.list = append(s.list, m)
}

// contains reports whether the sorted set a holds all of b.
func contains(a, b []string) bool {
	for _, s := range b {
		if _, ok := slices.BinarySearch(a, s); !ok {
			return false
		}
	}
	return true
}

// union returns the sorted union of two sets of strings, as a new slice.
func union(a, b []string) []string {
	u := slices.Concat(a, b)
	slices.Sort(u)
	return slices.Compact(u)
}
