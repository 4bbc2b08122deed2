package process

import (
	"github.com/gofind-dev/gofind/internal/image"
)

// Contract of the package; see doc comments. Shapes may only grow.

// Options say how the loader is to be followed.
type Options struct {
	Root        string   // sysroot; "" or "/" is the running system. Nothing outside it is ever read (symlinks resolve inside it)
	LibraryPath []string // as LD_LIBRARY_PATH
	Preload     []string // as LD_PRELOAD
	Modules     []string // files that the program may dlopen (paths inside Root, or host paths as a user would type them when Root is "")
	CPU         string   // "" = union over all hwcaps levels; else x86-64, x86-64-v2, -v3, -v4: just what such a machine loads
	NoHostConf  bool     // --host=none: do not read /etc/ld.so.preload (ld.so.cache/ld.so.conf and default directories are still followed: they say where libraries are)
}

// Origin says why an image is in the process.
type Origin uint8

const (
	OriginProgram Origin = iota
	OriginLoader         // PT_INTERP
	OriginNeeded         // DT_NEEDED of a startup image, DT_FILTER/DT_AUXILIARY
	OriginPreload
	OriginAudit
	OriginModule // --module, and what only modules need
	OriginDlopen // Add-ed later, and what only those need
)

// Image is one loaded file. Images are deduplicated by (device, inode), as ld.so does, and by soname.
type Image struct {
	*image.File
	ID         int    // index in Process.Images
	Path       string // absolute, inside the root
	Origin     Origin
	NeededBy   int    // image that first asked for it, -1 for the program
	Why        string // for modules and dlopen: what asked for it, for people ("--module", "nsswitch.conf: passwd: systemd", ...)
	Needs      []int  // direct dependencies, in DT_NEEDED order (hwcaps alternatives follow each other)
	Alternates []int  // other files that may be loaded instead of this one (hwcaps union)
	Local      []int  // lookup scope beyond the global one: for module/dlopen images itself and its dependencies breadth-first; nil for startup images
}

// Input is a file that was read to answer (configuration or ELF).
type Input struct {
	Path   string // inside the root
	Kind   string // "elf", "ld.so.cache", "ld.so.conf", "ld.so.preload", "musl-path", ...
	SHA256 string
}

// Process is a set of images as the loader would have them in memory.
type Process struct {
	Images []*Image
	Global []int // global lookup scope, in ld.so's order (program, preloads, DT_NEEDED breadth-first; alternates follow their original)
	Inputs []Input
	Libc   string // "glibc", "musl", "" (static or unknown), by what the interpreter is
}

// Target is a definition found for a symbol.
type Target struct {
	Image int
	Sym   int // dynamic symbol index in that image
}

// Errors to provide: *MissingError{Library, NeededBy, Searched []string}; *ScriptError{Path, Interpreter} for #! files;
// *UnsupportedError for 32-bit, aarch64 etc. (from image); all with messages that say what to do.

// Functions to provide:
//
//	Load(program string, opts Options) (*Process, error)         program: path, or name to find on PATH (inside Root)
//	(*Process) Add(path, why string, origin Origin) (int, error) load path (absolute inside the root, or a soname searched as dlopen would) and its
//	                                                             dependencies; returns its image id; the same file again returns the existing id
//	(*Process) Resolve(img, sym int, dst []Target) []Target      definitions that a reference from image img to its dynamic symbol sym binds to: the
//	                                                             first in Global scope order, then in the image's Local scope; symbol versions as ld.so; STB_LOCAL and
//	                                                             protected/DF_SYMBOLIC handled; with hwcaps alternates, the definitions in the alternates too; memoised
//	                                                             per (image, symbol); not safe for concurrent use. Appends to dst.
//	(*Process) LookupAll(name string, dst []Target) []Target     every default-version definition of name in any image (dlsym-style)
//	(*Process) CopySource(img, sym int) []Target                 for R_X86_64_COPY: the definitions outside img
//	(*Process) ReadConfig(path, kind string) ([]byte, error)     read a configuration file inside the root and record it in Inputs (fs.ErrNotExist if absent; absence is recorded too, with SHA256 "")
//	(*Process) Close() error
