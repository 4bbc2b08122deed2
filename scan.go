package gofind

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/assume"
	"github.com/gofind-dev/gofind/internal/dlopen"
	"github.com/gofind-dev/gofind/internal/gate"
	"github.com/gofind-dev/gofind/internal/number"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/unikernel"
)

// Scan analyses program: a path, or a name that is looked up on PATH. The
// answer covers the whole life of the process, from the first instruction of
// its interpreter to its exit.
//
// An error means that there is no answer: a file that cannot be read, is no
// x86-64 ELF file, or needs a library that is missing. An answer that may lack
// calls is no error: Result.Complete is then false and Result.Unresolved says why.
func Scan(ctx context.Context, program string, opts Options) (*Result, error) {
	a, err := solve(ctx, program, opts)
	if err != nil {
		return nil, err
	}
	defer a.p.Close()
	return a.result(), nil
}

// UnikernelError says that a file is no program for Linux but the image of a unikernel, whose calls are functions: AnalyseCompartments finds them.
type UnikernelError struct{ Path string }

func (e *UnikernelError) Error() string {
	return e.Path + ": this is the image of a unikernel, not a program for Linux"
}

// solve is Scan but for the form of the answer. The files of the process are open.
func solve(ctx context.Context, program string, opts Options) (_ *assembly, err error) {
	p, err := process.Load(program, process.Options{
		Root:        opts.Root,
		LibraryPath: opts.LibraryPath,
		Preload:     opts.Preload,
		Modules:     opts.Modules,
		CPU:         opts.CPU,
		NoHostConf:  opts.HostNone,
		Content:     opts.content,
	})
	if err != nil {
		if found, e := process.Find(program, opts.Root); e == nil && unikernel.Is(found.Host) {
			return nil, &UnikernelError{program}
		}
		return nil, err
	}
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	if unikernel.Marked(p.Images[0].File) {
		return nil, &UnikernelError{program}
	}
	assumed, err := assumptions(p, opts)
	if err != nil {
		return nil, err
	}
	model := dlopen.New(p, opts.HostNone)
	gates := gate.New(p, assumed)
	g := reach.New(p, reach.Options{Workers: opts.Workers, Loaded: func(g *reach.Graph) bool {
		return model.Load(g) || gates.Release(g) || loadOwn(g, p, model, assumed, opts)
	}})
	g.Hold = gates.Hold
	g.Denied = func(img int, c *summary.Cond) bool {
		return assumed.Denied(p.Images[img].Origin == process.OriginLoader, c)
	}
	g.MayPass = number.MayPass
	var names vdsoNames
	g.Strings = func(img int, addr uint64, s string, from reach.UnitID) {
		names.text(p, img, addr, s, from)
		model.Text(img, addr, s, from)
	}
	g.Modelled = model.Modelled
	model.Prepare(g)
	g.Startup()
	if err := g.Run(ctx); err != nil {
		return nil, err
	}
	ans := number.Solve(g)
	return &assembly{p: p, g: g, ans: ans, model: model, gates: gates, assumed: assumed, opts: opts, vdsoNames: names}, nil
}

// nscdFiles are there where a name service cache daemon is installed, or runs
// (glibc nscd/nscd-client.h, _PATH_NSCDSOCKET).
var nscdFiles = []string{"/usr/sbin/nscd", "/usr/sbin/unscd", "/var/run/nscd/socket"}

// mcstransdFiles are there where mcstransd is installed, or runs (libselinux setrans_internal.h, SETRANS_UNIX_SOCKET).
var mcstransdFiles = []string{"/usr/sbin/mcstransd", "/sbin/mcstransd", "/var/run/setrans/.setrans-unix"}

// userdbFiles are there where systemd runs (sd_booted(3)), or another service offers users and groups (systemd src/shared/userdb.c).
var userdbFiles = []string{"/run/systemd/system", "/run/systemd/userdb"}

// systemdFiles are there where systemd is installed: it may run when a system is started from the files in a directory.
var systemdFiles = []string{"/usr/lib/systemd/systemd", "/lib/systemd/systemd"}

// userdbDirs are where records of users and groups may be (systemd src/shared/userdb.c, USERDB_DROPIN_DIR_NULSTR).
var userdbDirs = []string{"/etc/userdb", "/run/userdb", "/run/host/userdb", "/usr/local/lib/userdb", "/usr/lib/userdb", "/lib/userdb"}

// gconvCaches are where glibc looks for the cache of its gconv modules (iconv/gconv_cache.c).
var gconvCaches = []string{"/usr/lib/x86_64-linux-gnu/gconv/gconv-modules.cache", "/usr/lib64/gconv/gconv-modules.cache", "/usr/lib/gconv/gconv-modules.cache"}

// localeAliases is the file with other names of locales, a line each, and aliasesSorted how many it takes for glibc
// to ask for the size of memory (intl/localealias.c).
const (
	localeAliases = "/usr/share/locale/locale.alias"
	aliasesSorted = 64
)

// aliases counts the lines of a list of other names of locales that are neither empty nor comments.
func aliases(list string) (n int) {
	for l := range strings.Lines(list) {
		if l = strings.TrimSpace(l); l != "" && l[0] != '#' {
			n++
		}
	}
	return n
}

// kernelRelease is the file in which the kernel says which one it is (proc(5)).
const kernelRelease = "/proc/sys/kernel/osrelease"

// atLeast reports whether the release of a kernel is one of a version or a later one.
func atLeast(release string, major, minor int) bool {
	var a, b int
	n, _ := fmt.Sscanf(release, "%d.%d", &a, &b)
	return n == 2 && (a > major || a == major && b >= minor)
}

// assumptions returns what the answer takes for granted of the environment.
func assumptions(p *process.Process, opts Options) (*assume.Set, error) {
	there := func(path string) bool { // an input: another answer may follow from it
		_, err := p.ReadConfig(path, "environment")
		return !errors.Is(err, fs.ErrNotExist)
	}
	switched := append(slices.Clone(opts.NoAssume), opts.Assume...)
	s := assume.New(func(name string) bool {
		switch {
		case opts.HostNone, slices.Contains(switched, name), slices.Contains(switched, "all"):
			return false // for now: no file of the host decides
		case name == "nscd":
			return !slices.ContainsFunc(nscdFiles, there)
		case name == "mcstransd":
			return !slices.ContainsFunc(mcstransdFiles, there)
		case name == "userdb":
			return !slices.ContainsFunc(userdbFiles, there) && (opts.Root == "" || !slices.ContainsFunc(systemdFiles, there))
		case name == "userdb-records":
			return !slices.ContainsFunc(userdbDirs, there)
		case name == "faccessat2":
			release, err := p.ReadConfig(kernelRelease, "environment")
			return err == nil && atLeast(string(release), 5, 8)
		}
		return false
	})
	if len(opts.LibraryPath)+len(opts.Preload) > 0 {
		s.Switch("loader-environment", false)
	}
	if !opts.HostNone && !slices.ContainsFunc(gconvCaches, there) {
		s.Switch("gconv-cache", false)
	}
	if !opts.HostNone {
		if b, err := p.ReadConfig(localeAliases, "environment"); err == nil && aliases(string(b)) >= aliasesSorted {
			s.Switch("locale-aliases", false)
		}
	}
	all := Switches()
	for _, l := range []struct {
		names []string
		on    bool
	}{{opts.NoAssume, false}, {opts.Assume, true}} {
		for _, name := range l.names {
			found := false
			for _, f := range all {
				if f.Name == name || name == "all" {
					s.Switch(f.Name, l.on)
					found = true
				}
			}
			if !found {
				return nil, &AssumptionError{name}
			}
		}
	}
	return s, nil
}

// AssumptionError says that Options name an assumption that there is not.
type AssumptionError struct{ Name string }

func (e *AssumptionError) Error() string {
	names := []string{"all"}
	for _, f := range Switches() {
		names = append(names, f.Name)
	}
	return fmt.Sprintf("there is no assumption %q that can be switched, but %s", e.Name, strings.Join(names, ", "))
}

// Switch is an assumption that Options can switch.
type Switch struct {
	Name    string `json:"name"`
	Default string `json:"default"`        // "on", "off", or "host": on if the host's configuration is read and does not speak against it
	Says    string `json:"says"`           // what is assumed
	Else    string `json:"else,omitempty"` // what happens where it is not so; "" if it is not about the environment but about the program
}

// Switches lists the assumptions that a scan may make and that can be switched,
// those of the environment first.
func Switches() []Switch {
	var out []Switch
	for _, f := range assume.Facts {
		out = append(out, Switch(f))
	}
	for _, name := range gate.Names() {
		out = append(out, Switch{Name: name, Default: "on", Says: gateDetails[name]})
	}
	return out
}

// base returns the last element of a path.
func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
