package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gofind-dev/gofind"
)

// choice is a flag that takes one of a few words.
type choice struct {
	value   string
	allowed []string
}

func (c *choice) String() string { return c.value }

func (c *choice) Type() string { return "word" }

func (c *choice) Set(s string) error {
	if !slices.Contains(c.allowed, s) {
		return usagef("", "must be %s", strings.Join(c.allowed, " or "))
	}
	c.value = s
	return nil
}

// scanFlags are the flags that say what is scanned, and how.
type scanFlags struct {
	root        string
	libraryPath []string
	preload     []string
	modules     []string
	host        choice
	cpu         choice
	since       choice
	assume      []string
	noAssume    []string
	workers     uint
}

// add declares the flags on a command.
func (f *scanFlags) add(c *cobra.Command) {
	f.host = choice{"system", []string{"system", "none"}}
	f.cpu = choice{"", []string{"x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"}}
	f.since = choice{"exec", []string{"exec", "main"}}
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringArrayVar(&f.modules, "module", nil, "a `FILE` that the program may load at run time; repeatable")
	fs.StringVar(&f.root, "root", "", "find the program, its libraries and the configuration inside `DIR` only")
	fs.StringArrayVar(&f.libraryPath, "library-path", nil, "look for libraries in these `DIRS` first, separated by colons, as LD_LIBRARY_PATH")
	fs.StringArrayVar(&f.preload, "preload", nil, "load these `FILES` first, separated by colons, as LD_PRELOAD")
	fs.Var(&f.host, "host", "`WHICH` host's configuration (NSS, PAM, preloads) counts: system, or none for an answer that does not depend on it")
	fs.Var(&f.cpu, "cpu", "take the libraries that a CPU of `LEVEL` x86-64, x86-64-v2, -v3 or -v4 loads (default: of any level)")
	fs.Var(&f.since, "since", "`WHEN` to begin: exec, or main for only what can be called after startup")
	fs.StringSliceVar(&f.assume, "assume", nil, "make these assumptions of the environment (`NAMES`, separated by commas) too: gofind assumptions lists them; all, or none")
	fs.StringSliceVar(&f.noAssume, "no-assume", nil, "do not make the assumptions `NAMES`")
	fs.UintVar(&f.workers, "workers", 0, "use `N` threads; the answer does not depend on it (default: one for each CPU)")
	for _, name := range []string{"host", "cpu", "since"} {
		allowed := fs.Lookup(name).Value.(*choice).allowed
		must(c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(allowed, cobra.ShellCompDirectiveNoFileComp)))
	}
	must(c.MarkFlagDirname("root"))
}

// options returns the flags as the public package takes them.
func (f *scanFlags) options() gofind.Options {
	return gofind.Options{
		Root:        f.root,
		LibraryPath: split(f.libraryPath, filepath.SplitList),
		Preload:     split(f.preload, preloadFields),
		Modules:     f.files(f.modules),
		HostNone:    f.host.value == "none",
		CPU:         f.cpu.value,
		SinceMain:   f.since.value == "main",
		Assume:      slices.DeleteFunc(slices.Clone(f.assume), isNone),
		NoAssume:    f.without(),
		Workers:     int(f.workers),
	}
}

func isNone(name string) bool { return name == "none" }

// without returns the assumptions not to make; --assume=none is another way to say all.
func (f *scanFlags) without() []string {
	if slices.ContainsFunc(f.assume, isNone) {
		return append([]string{"all"}, f.noAssume...)
	}
	return f.noAssume
}

// preloadFields splits the value of LD_PRELOAD: at colons and spaces (ld.so(8)).
func preloadFields(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ':' || r == ' ' })
}

// files makes names of files in this directory paths: a name without a slash
// stands for a library that is searched for.
func (f *scanFlags) files(names []string) []string {
	var out []string
	for _, n := range names {
		if _, err := os.Stat(n); err == nil && f.root == "" && !strings.ContainsRune(n, '/') {
			n = "./" + n
		}
		out = append(out, n)
	}
	return out
}

// split joins the elements of a repeatable list flag.
func split(values []string, fields func(string) []string) []string {
	var out []string
	for _, v := range values {
		out = append(out, fields(v)...)
	}
	return out
}

// must stops on a mistake in the declaration of a command.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
