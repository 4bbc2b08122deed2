// Package process finds the files that make up a process: a program, its loader
// and its libraries as the loader would have them in memory, and which definition
// each symbol reference binds to.
//
// # Theory
//
// The search for libraries follows ld.so(8) and glibc's elf/dl-load.c
// (_dl_map_new_object), the order of the symbol search elf/dl-deps.c
// (_dl_map_object_deps), the search itself elf/dl-lookup.c (do_lookup_x,
// _dl_lookup_symbol_x), the cache elf/dl-cache.c, and all of them chapter 5 of the
// System V gABI. A program whose interpreter is musl's follows ldso/dynlink.c
// (load_library, find_sym). A program without an interpreter and dependencies is
// alone; with another interpreter and no dependencies (klibc) there are two files.
//
// # What is over-approximated
//
// The files that a process has depend on the machine that it runs on. Where the
// options do not name the machine, the answer is the union:
//
//   - glibc-hwcaps: what each x86-64 level would load is searched for. The file of
//     the lowest level is the image, the others are its Alternates. A reference that
//     reaches such a group binds to the definitions in all of its files, and the
//     search ends there only if each of them has one.
//   - $PLATFORM is x86_64, haswell and xeon_phi, in the same way, and so are the
//     legacy hardware capability directories of glibc before 2.37.
//   - $LIB is that of Debian and that of everybody else, in this order: the first
//     directory that has the file.
//   - The directories that are searched last are the union of those of the usual
//     builds of glibc. Without an ld.so.cache those of /etc/ld.so.conf are searched in its place.
//   - Audit libraries live in a namespace of their own. They are images like others
//     here; what is both in that namespace and in the program's binds in both.
//   - Modules: ld.so's answer depends on the order and the flags of the dlopen calls.
//     A reference of a module that the global scope does not define binds to what
//     each module that brought it in would have it bind to, and to every definition in
//     any other module (which may have been opened RTLD_GLOBAL before, as in nginx's
//     ndk_http_module: then it comes before all that the module brings itself). So does one of a startup image that nothing
//     defines, is not weak, and need not bind at startup: control may come to it once there is such a module.
//     These answers grow as modules come (Changed).
//   - If modules may be opened with RTLD_DEEPBIND or by dlmopen (OpenApart), a reference of a module also binds to
//     what the module brings, and so does one of a startup image that the module needs: dlmopen loads that again.
//
// # When it is sound
//
// If the loader gets the environment that the options describe (LD_LIBRARY_PATH,
// LD_PRELOAD; no LD_AUDIT, no LD_DYNAMIC_WEAK, no dynamic-link tunables), runs in
// the directory that we run in where a search path is relative, and the files are
// the same, then the files of the process before main are among the images, and
// each reference of them binds to one of the answers of Resolve. For modules this
// holds if OpenApart is called where they are opened with RTLD_DEEPBIND or by dlmopen, if dlmopen finds the files that are in the process where
// these have the name that it looks for, and if audit libraries do not rename files or rebind symbols. One difference is on purpose:
// a definition in the PLT of a program that is not position-independent
// (undefined, with a value) is passed over for the function that it jumps to.
//
// # Cost
//
// One stat(2) or two for each file tried, one parse for each image (in parallel
// over each level of dependencies), and one hash lookup for each image in scope
// before the one that has the definition, for each (image, symbol) asked about.
package process

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"runtime"
	"slices"
	"sync"

	"github.com/gofind-dev/gofind/internal/image"
)

// Options say how the loader is to be followed.
type Options struct {
	Root        string   // sysroot; "" or "/" is the running system. Nothing outside it is ever read (symlinks resolve inside it)
	LibraryPath []string // as LD_LIBRARY_PATH
	Preload     []string // as LD_PRELOAD
	Modules     []string // files that the program may dlopen (paths inside Root, or host paths as a user would type them when Root is "")
	CPU         string   // "" = union over all hwcaps levels; else x86-64, x86-64-v2, -v3, -v4: just what such a machine loads
	NoHostConf  bool     // --host=none: do not read /etc/ld.so.preload (ld.so.cache/ld.so.conf and default directories are still followed: they say where libraries are)

	// Content are bytes that stand for those of ELF files, by the path inside the root without symbolic links.
	Content map[string][]byte
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

func (o Origin) String() string {
	return [...]string{"program", "loader", "needed", "preload", "audit", "module", "dlopen"}[o]
}

// Image is one loaded file. Images are deduplicated by (device, inode), as ld.so
// does, and by soname. The program is image 0.
type Image struct {
	*image.File
	ID         int    // index in Process.Images
	Path       string // absolute, inside the root; as ld.so has it, so possibly through symbolic links (the program's is without)
	Real       string // Path without symbolic links
	Origin     Origin
	NeededBy   int    // image that first asked for it (dlopen: the caller, 0 if unknown), -1 for the program and audit libraries
	Why        string // for modules and dlopen: what asked for it, for people ("--module", "nsswitch.conf: passwd: systemd", ...); "" for what those need
	Needs      []int  // direct dependencies, in DT_NEEDED order (hwcaps alternatives follow each other), then filtees
	Alternates []int  // other files that may be loaded instead of this one (hwcaps union)
	Local      []int  // lookup scope beyond the global one: for module, dlopen and audit images itself and its dependencies breadth-first; nil for startup images

	file    fileID
	loader  int      // image whose DT_RPATH is searched after this one's, -1 if there is none
	linked  bool     // Needs is valid
	isRoot  bool     // was opened itself
	isApart bool     // startup images have the scope that it brings
	filtees []int    // those of Needs that are searched before this one
	widened int      // of scopes, which widen has taken into account
	scopes  []*scope // beyond the global one, of each opened module (audit library) that it came with
	memo    []uint64 // answers of Resolve, by symbol
}

// Input is a file that was read to answer (configuration or ELF).
type Input struct {
	Path   string // inside the root
	Kind   string // "elf", "ld.so.cache", "ld.so.conf", "ld.so.preload", "musl-path", ...
	SHA256 string // "" if the file does not exist
}

// Process is a set of images as the loader would have them in memory.
type Process struct {
	Images []*Image
	Global []int   // global lookup scope, in ld.so's order (program, preloads, DT_NEEDED breadth-first; alternates follow their original)
	Inputs []Input // configuration; InputList has the ELF files too
	Named  string  // path by which the program was found, if that is a link with another name: argv[0] may have it
	Libc   string  // "glibc", "musl", "" (static or unknown), by what the interpreter is

	link     *linker
	startup  int // images before this are startup or audit images
	preloads []int
	audits   []int
	global   *scope
	inGlobal []bool // startup images
	many     [][]Target
	open     []openRef // references of modules that the global scope does not define
	changed  []Ref
	apart    bool     // see OpenApart
	besides  []Target // see Besides
	defined  definers
}

// Target is a definition found for a symbol.
type Target struct {
	Image int
	Sym   int // dynamic symbol index in that image
}

// ReadConfig reads a configuration file inside the root and records it in
// Inputs. The error is fs.ErrNotExist if it is absent, which is recorded too,
// with SHA256 "". Directories and special files are errors.
func (p *Process) ReadConfig(path, kind string) ([]byte, error) {
	data, err := p.link.fs.readFile(path)
	in := Input{Path: p.link.fs.abs(path), Kind: kind}
	if err == nil {
		sum := sha256.Sum256(data)
		in.SHA256 = hex.EncodeToString(sum[:])
	}
	if !slices.Contains(p.Inputs, in) {
		p.Inputs = append(p.Inputs, in)
	}
	return data, err
}

// Exists reports whether there is a file at a path inside the root.
func (p *Process) Exists(path string) bool {
	_, err := p.link.fs.stat(path)
	return err == nil
}

// ReadDir lists the names in a directory inside the root, sorted.
func (p *Process) ReadDir(path string) ([]string, error) {
	list, err := p.link.fs.readDir(path)
	var names []string
	for _, d := range list {
		names = append(names, d.Name())
	}
	return names, err
}

// Glob expands a pattern of path.Match inside the root, sorted. Names that start
// with a dot match only patterns that do.
func (p *Process) Glob(pattern string) []string { return p.link.fs.glob(pattern) }

// InputList lists all files that were read, by path and kind, hashing with the
// given number of workers (0: one for each processor).
func (p *Process) InputList(workers int) []Input {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	in := make([]Input, len(p.Images), len(p.Images)+len(p.Inputs))
	next := make(chan int, len(p.Images))
	for i := range p.Images {
		next <- i
	}
	close(next)
	var wg sync.WaitGroup
	for range min(workers, len(p.Images)) {
		wg.Go(func() {
			for i := range next {
				in[i] = Input{p.Images[i].Path, "elf", p.Images[i].SHA256()}
			}
		})
	}
	wg.Wait()
	in = append(in, p.Inputs...)
	slices.SortFunc(in, func(a, b Input) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.SHA256, b.SHA256))
	})
	return in
}

// Close unmaps all images. Nothing that came from them may be used afterwards.
func (p *Process) Close() error {
	var errs []error
	for _, img := range p.Images {
		errs = append(errs, img.File.Close())
	}
	return errors.Join(errs...)
}

// Alone is a process of one file that was opened already, which nothing loads: a
// kernel. Close closes the file.
func Alone(f *image.File) *Process {
	p := &Process{link: &linker{interp: -1, base: newNamespace(false), byFile: map[fileID]int{}}, startup: 1}
	p.link.p = p
	p.Images = []*Image{{File: f, Path: f.Path, Real: f.Path, NeededBy: -1, loader: -1}}
	p.buildScopes()
	return p
}
