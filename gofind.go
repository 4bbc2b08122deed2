// Package gofind finds every system call that a compiled program can make, from the binary alone.
package gofind

// Options control a scan. The zero value scans on the running system with its configuration.
type Options struct {
	Root        string   // sysroot, "" is the running system
	LibraryPath []string // as LD_LIBRARY_PATH
	Preload     []string // as LD_PRELOAD
	Modules     []string // files that the program may dlopen
	HostNone    bool     // do not depend on the host's configuration (nsswitch.conf, pam.d, ld.so.preload ...)
	CPU         string   // hwcaps level; "" is the union
	SinceMain   bool     // only what is live after startup
	Workers     int      // 0: one per CPU
}
