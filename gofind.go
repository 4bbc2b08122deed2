// Package gofind finds every system call that a compiled program can make, from
// the binary alone: with its libraries, its loader and what it may load at run
// time, without running it. It reads x86-64 ELF files.
//
//	result, err := gofind.Scan(ctx, "/usr/sbin/nginx", gofind.Options{})
//	if err != nil {
//		return err // no answer
//	}
//	for _, call := range result.Syscalls {
//		fmt.Println(call.Name, "from", call.Sites[0].Function)
//	}
//
// An answer can be incomplete: [Result.Complete] is then false, and
// [Result.Unresolved] says what is not known and where. Every answer holds under
// its [Result.Assumptions].
//
// A [Result] marshals to a gofind.scan/v1 document, which docs/json.md describes.
// Within v1, fields may be added, and so may words to the sets that it calls
// open; no field is removed, renamed or given another meaning. The same files and
// options give the same bytes, whatever the number of workers. The Go types
// follow the document: they grow, so use field names in composite literals.
//
// Scan keeps no state, so it may be called from several goroutines at once.
package gofind

// Options control a scan. The zero value scans on the running system, with its
// configuration.
type Options struct {
	Root        string   // find all files inside this directory, and none outside; "" is the running system
	LibraryPath []string // directories to look for libraries in first, as LD_LIBRARY_PATH
	Preload     []string // files that are loaded first, as LD_PRELOAD
	Modules     []string // files that the program may load at run time
	HostNone    bool     // do not depend on the host's configuration (nsswitch.conf, pam.d, ld.so.preload ...)
	CPU         string   // x86-64, x86-64-v2, -v3 or -v4: what such a machine loads; "" is the union
	SinceMain   bool     // only what can be called after startup
	Assume      []string // assumptions of the environment to make besides the defaults ("all": all; see Switches)
	NoAssume    []string // and not to make; Assume prevails
	Arguments   bool     // also find the values that arguments of calls can have (Syscall.Args)
	Workers     int      // 0: one per CPU; the answer does not depend on it

	content map[string][]byte // bytes that stand for those of files, by path inside the root
}
