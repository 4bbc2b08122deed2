package gofind

import (
	"context"
	"strings"

	"github.com/gofind-dev/gofind/internal/dlopen"
	"github.com/gofind-dev/gofind/internal/gate"
	"github.com/gofind-dev/gofind/internal/number"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/reach"
)

// Scan analyses program: a path, or a name that is looked up on PATH. The
// answer covers the whole life of the process, from the first instruction of
// its interpreter to its exit.
//
// An error means that there is no answer: a file that cannot be read, is no
// x86-64 ELF file, or needs a library that is missing. An answer that may lack
// calls is no error: Result.Complete is then false and Result.Unresolved says why.
func Scan(ctx context.Context, program string, opts Options) (*Result, error) {
	p, err := process.Load(program, process.Options{
		Root:        opts.Root,
		LibraryPath: opts.LibraryPath,
		Preload:     opts.Preload,
		Modules:     opts.Modules,
		CPU:         opts.CPU,
		NoHostConf:  opts.HostNone,
	})
	if err != nil {
		return nil, err
	}
	defer p.Close()
	model := dlopen.New(p, opts.HostNone)
	gates := gate.New(p)
	g := reach.New(p, reach.Options{Workers: opts.Workers, Loaded: func(g *reach.Graph) bool {
		return model.Load(g) || gates.Release(g)
	}})
	g.Hold = gates.Hold
	g.Strings, g.Modelled = model.Text, model.Modelled
	model.Prepare(g)
	g.Startup()
	if err := g.Run(ctx); err != nil {
		return nil, err
	}
	ans := number.Solve(g)
	a := &assembly{p: p, g: g, ans: ans, model: model, gates: gates, opts: opts}
	return a.result(), nil
}

// base returns the last element of a path.
func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
