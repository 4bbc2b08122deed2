package gofind

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/assume"
	"github.com/gofind-dev/gofind/internal/number"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/x86"
)

// gateDetails say what the rows of internal/gate/gates.txt rest on.
var gateDetails = map[string]string{
	"abort-handlers":        "The C library sets no handler of a signal where its sigaction is reached by way of abort alone.",
	"access-flags":          "Go's Faccessat gets the flags that reachable calls of it pass, and the identity of the process that these do not name is not asked for.",
	"access-modes":          "The C library's faccessat compares the file's mode with the identity of the process only where a reachable call asks for more than whether a file is there, with flags.",
	"audit-hosts":           "libaudit looks up hosts only where a reachable call names one.",
	"all-threads":           "A Go program makes no call on all of its threads, since nothing that asks for that is in it.",
	"asynchronous-io":       "No file has asynchronous operations under way, since nothing that starts one is reachable.",
	"auxiliary-vector":      "The kernel passes an auxiliary vector to the program.",
	"bio-kinds":             "OpenSSL has BIOs of a kind (connections, listening, datagrams) only where a call that gives away that kind is reachable.",
	"cpu-profiles":          "No thread of a Go program has a timer for profiles, since nothing that asks for profiles is in it.",
	"event-sources":         "An event loop of systemd's libraries has sources of a kind (signals, children, files) only where a call that adds such is reachable.",
	"fcntl-number":          "The variables that Go's packages take the number of fcntl from keep it, as they do in 64-bit programs.",
	"first-thread":          "The first thread ends alone only by a reachable call that ends threads; nothing else jumps to the buffer that glibc sets before main.",
	"glob-tilde":            "glob looks up home directories only where a reachable call asks for that.",
	"jump-frames":           "No reachable call jumps down the stack (longjmp), as one to a frame that has ended would, or one between stacks that the program made: glibc's check ends programs that do, unless they are on a stack for signals.",
	"journal":               "systemd's libraries write to the journal and to syslog only where something that connects to these is reachable.",
	"library-paths":         "The loader finds all images by absolute paths.",
	"loader-libraries":      "musl's loader opens no file, since the program has no library besides musl and nothing that loads one is reachable.",
	"locales":               "The locale is that of C, since nothing that makes another is reachable.",
	"message-directories":   "Directories of message catalogues are absolute paths, as all that reachable calls of bindtextdomain pass are.",
	"one-thread":            "The process has one thread, since nothing that starts another is reachable: what the C library does only while others run it does not do.",
	"priority-ceilings":     "No mutex has a priority ceiling, since nothing that could make one is reachable.",
	"process-attributes":    "A Go program makes the attributes of processes that it starts (syscall.SysProcAttr) in code that refers to that type or to one that has it or a pointer to it in it, or in memory of its own: not by a conversion of unsafe pointers.",
	"process-streams":       "No stream leads to a process, since nothing that opens such streams is reachable.",
	"profile-files":         "libkrb5 writes its configuration files only where a call that changes them, or writes one, is reachable.",
	"rpc-services":          "No RPC service is unregistered when a thread ends, since nothing that registers one is reachable.",
	"shared-mutexes":        "No mutex is shared between processes, since nothing that could make one so is reachable; none comes from another process through shared memory.",
	"spawn-attributes":      "The attributes and file actions that posix_spawn gets were made with the functions for that, and ask for nothing that no reachable call of these puts there.",
	"stream-encodings":      "No stream is opened with a character set of its own, as no reachable call of fopen asks for that.",
	"stream-ends":           "No stream is closed before the process ends, since nothing that closes streams is reachable.",
	"sysconf-names":         "sysconf counts processors or pages of memory only where a reachable call asks for that.",
	"temporary-directories": "Of the functions for temporary files only mkdtemp makes directories.",
	"thread-memory":         "A static program with musl has no thread-local variables, so that memory for the first thread is in the file.",
	"timed-waits":           "musl waits for locks without a time, since nothing that passes one is reachable.",
	"thread-functions":      "The functions that the C library itself starts by clone do not return.",
	"thread-attributes":     "The attributes that pthread_create gets were made with the functions for that, and ask for nothing that no reachable call of these puts there.",
}

// assumptions are the conditions under which every answer holds.
func (a *assembly) assumptions() []Assumption {
	l := []Assumption{
		{Name: "memory-safety", Detail: "The program's own code runs, with memory safety: no code is injected, and no pointer leaves the object that it was derived from. What an attacker who broke this could call is what a filter made from this answer still allows."},
		{Name: "calling-convention", Detail: "Functions return values in the registers that the psABI, LLVM or Go use for it, and indirect calls pass no addresses in registers that the psABI makes the callee preserve. No address stays in a register that the psABI lets the callee change over a call of a function of more than 600 instructions, or whose own calls go deeper than two (GCC's -fipa-ra might keep one there)."},
		{Name: "noreturn-at-end", Detail: "A call that is the last instruction of a function's unwind range does not return; nor do the calls exit, exit_group and rt_sigreturn."},
		{Name: "unwind-ranges", Detail: "Unwind information, where a file has it, starts where functions start; a table of 32-bit code offsets holds function starts."},
	}
	l = append(l,
		Assumption{Name: "object-bounds", Detail: "In stripped files, an address that code or a relocation refers to, that is aligned as objects are and across which pointers follow no array's pattern, begins an object: a pointer does not move across it, unless code was seen to move pointers backwards from it."},
		Assumption{Name: "private-wrappers", Detail: "A function that is private to its file and passes a syscall number on is called through pointers only by code of that file."},
		Assumption{Name: "dlsym-handles", Detail: "A handle that dlsym gets with a name that is not constant, other than RTLD_DEFAULT, RTLD_NEXT and that of dlopen(NULL), is that of a file that dlopen loaded, or whose name is a constant; it finds something of the C library by way of these only for code that opens files under constant names."},
	)
	if a.ans.Known {
		l = append(l, Assumption{Name: "library-numbers", Detail: "libseccomp makes no call by a number that it looks up but seccomp."})
	}
	for _, name := range a.gates.Assumptions() {
		l = append(l, Assumption{Name: name, Detail: gateDetails[name]})
	}
	for _, name := range a.assumed.Used() {
		f := assume.Find(name)
		l = append(l, Assumption{Name: name, Detail: f.Says, Else: f.Else})
	}
	if slices.ContainsFunc(a.res.Dlopen, func(d Dlopen) bool { return d.Kind == "unknown" }) {
		l = append(l, Assumption{Name: "modules", Detail: "Of the files that the program loads under names that are not known here, those that make further calls were given as modules."})
	}
	if a.res.Since == "main" {
		l = append(l, Assumption{Name: "loader-pointers", Detail: "Functions of glibc's loader do not keep the pointers to functions that the loader passes to them while it starts the program."})
	}
	if a.opts.HostNone {
		l = append(l, Assumption{Name: "host-none", Detail: "The host's configuration (nsswitch.conf, pam.d, ld.so.preload) was not read: glibc's defaults were taken for NSS, and no PAM module."})
	} else {
		l = append(l, Assumption{Name: "host-configuration", Detail: "The configuration files in inputs are those of the machine that the program runs on."})
	}
	return l
}

const (
	protExec = 4
)

// notes are facts that a reader must know.
func (a *assembly) notes() []Note {
	var out []Note
	for _, m := range a.p.Images {
		for _, s := range m.Segments {
			if s.W && s.X {
				out = append(out, Note{"wx-segment", m.Path, fmt.Sprintf("the segment at %#x is writable and executable: code can be made there at run time", s.Addr)})
			}
		}
	}
	for _, name := range []string{"mprotect", "pkey_mprotect", "mmap"} {
		nr, _ := sysno.Number(sysno.X86_64, name)
		if calls := a.callsOf(nr); len(calls) > 0 && name != "mmap" {
			found, known := number.Arguments(a.g, calls, 2)
			for _, f := range found {
				if f.Value.Kind == summary.Const && f.Value.N&protExec != 0 {
					known = false
				}
			}
			if !known {
				out = append(out, Note{"jit", "", name + " may make memory executable: calls of code made at run time are not in this answer"})
			}
		}
	}
	if nr, ok := sysno.Number(sysno.X86_64, "io_uring_setup"); ok && len(a.callsOf(nr)) > 0 {
		out = append(out, Note{"io_uring", "", "io_uring is reachable: operations that are submitted through it pass no filter of syscalls"})
	}
	if names := a.unknownNames([]string{"dlsym", "dlvsym"}, x86.RSI); len(names) > 0 {
		by := map[string][]string{}
		for _, f := range names {
			by[f.image] = append(by[f.image], f.function)
		}
		for _, img := range slices.Sorted(maps.Keys(by)) {
			out = append(out, Note{"dlsym", img, "looks symbols up under names that are not constant: functions that only such names lead to are not in this answer (in " + strings.Join(by[img], ", ") + ")"})
		}
	}
	if a.res.Since == "main" && a.phases.Unknown != "" {
		out = append(out, Note{"since-main", a.p.Images[0].Path, a.phases.Unknown + ": the calls of the whole life of the process are listed"})
	}
	slices.SortFunc(out, func(x, y Note) int {
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Image, y.Image), cmp.Compare(x.Detail, y.Detail))
	})
	return out
}
