package gofind

import (
	"context"
	"slices"
	"strings"
)

// Removal says which assumptions keep a call out of an answer.
type Removal struct {
	Assumptions []string `json:"assumptions"` // without all of these, the program can make it
	Syscall     Syscall  `json:"syscall"`     // as it is then made
}

// Removed finds out why a call is not in the answer of a scan with the same
// options: it scans again without the assumptions that the answer rests on, one
// after the other, until the program can make the call. If no single one is the reason, it
// names them all. A nil slice says that the program cannot make the call without them either.
func Removed(ctx context.Context, program string, opts Options, name string) ([]Removal, error) {
	made := func(without ...string) ([]Syscall, error) {
		o := opts
		o.NoAssume = slices.Concat(opts.NoAssume, without)
		o.Assume = slices.DeleteFunc(slices.Clone(opts.Assume), func(a string) bool { return slices.Contains(without, a) })
		r, err := Scan(ctx, program, o)
		if err != nil {
			return nil, err
		}
		return slices.DeleteFunc(r.Syscalls, func(s Syscall) bool { return s.Name != name }), nil
	}
	r, err := Scan(ctx, program, opts)
	if err != nil {
		return nil, err
	}
	var used []string
	for _, s := range Switches() {
		if slices.ContainsFunc(r.Assumptions, func(a Assumption) bool { return a.Name == s.Name }) {
			used = append(used, s.Name)
		}
	}
	all, err := made(used...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	reason := used
	for _, u := range used {
		calls, err := made(u)
		if err != nil {
			return nil, err
		}
		if len(calls) > 0 {
			reason, all = []string{u}, calls
			break
		}
	}
	var out []Removal
	for _, c := range all {
		out = append(out, Removal{reason, c})
	}
	return out, nil
}

// SinceMain in the answer of Removers stands for Options.SinceMain: only startup makes the call.
const SinceMain = "since-main"

// Removers finds out what would take a call out of the answer of a scan with these options: the
// assumptions that the scan does not make and of which each alone would, or, if no single one
// would, those that would together in one text, with ", " between them; and SinceMain, if what can be called after startup does not have it.
func Removers(ctx context.Context, program string, opts Options, name string) ([]string, error) {
	scan := func(o Options) (r *Result, makes bool, err error) {
		r, err = Scan(ctx, program, o)
		if err != nil {
			return nil, false, err
		}
		return r, slices.ContainsFunc(r.Syscalls, func(s Syscall) bool { return s.Name == name }), nil
	}
	with := func(names ...string) Options {
		o := opts
		o.Assume = slices.Concat(opts.Assume, names)
		return o
	}
	now, makes, err := scan(opts)
	if err != nil || !makes {
		return nil, err
	}
	all, makes, err := scan(with("all"))
	if err != nil {
		return nil, err
	}
	var out []string
	if !makes {
		var more []string
		for _, a := range all.Assumptions {
			if !slices.ContainsFunc(now.Assumptions, func(b Assumption) bool { return b.Name == a.Name }) {
				more = append(more, a.Name)
			}
		}
		for _, a := range more {
			if _, makes, err := scan(with(a)); err != nil {
				return nil, err
			} else if !makes {
				out = append(out, a)
			}
		}
		if len(out) == 0 {
			out = []string{strings.Join(more, ", ")}
		}
	}
	if !opts.SinceMain {
		o := opts
		o.SinceMain = true
		r, makes, err := scan(o)
		if err != nil {
			return nil, err
		}
		if !makes && r.Since == "main" {
			out = append(out, SinceMain)
		}
	}
	return out, nil
}
