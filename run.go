package gofind

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/gofind-dev/gofind/internal/bpf"
	"github.com/gofind-dev/gofind/internal/launch"
	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/trace"
)

// RunProgram returns the file of the program that the kernel runs for a command, as a
// policy for the command needs it: argv[0] as the shell would find it, or the interpreter
// of a script.
func RunProgram(argv []string) (string, error) {
	path, err := findCommand(argv)
	if err != nil {
		return "", err
	}
	return trace.Interpreter("", path), nil
}

// Run replaces this process by a command under a policy, which must allow execve (a policy with
// the base "exec" does). The command has this process's number, files and terminal, and what
// the Go runtime changed is as it was. env is its environment, nil for that of this process.
//
// Run returns only if the command could not be started. The process should then end: signals
// are handled no more.
func Run(p *Policy, argv, env []string) error {
	path, err := findCommand(argv)
	if err != nil {
		return err
	}
	f, err := p.filter()
	if err != nil {
		return err
	}
	nr, _ := sysno.Number(sysno.X86_64, "execve")
	if r := f.Rule(sysno.Call{ABI: sysno.X86_64, Nr: nr}); r == nil || !r.Allows() {
		return fmt.Errorf("the policy refuses execve, so nothing can be executed under it; make it with the base exec")
	}
	filter, err := bpf.Compile(f)
	if err != nil {
		return err
	}
	if env == nil {
		env = os.Environ()
	}
	return launch.Exec(path, argv, env, filter.Instructions)
}

// AuditOptions control Audit.
type AuditOptions struct {
	Env     []string          // of the command; nil is that of this process
	Signals <-chan os.Signal  // passed on to the command
	Refused func(RefusedSite) // called at the first refused call of each place, while the command runs; may be nil
}

// Audit is what a policy would have refused in a run, and the gofind.audit/v1 JSON
// document (see docs/json.md). All slices are sorted and never nil.
type Audit struct {
	Schema  string        `json:"schema"` // "gofind.audit/v1"
	Command []string      `json:"command"`
	Exit    *Exit         `json:"exit"`
	Refused []RefusedSite `json:"refused"` // by program, call and place
}

// RefusedSite is a place that made a call which the policy refuses.
type RefusedSite struct {
	Program string       `json:"program"`
	Site    SeenSite     `json:"site"`
	Action  string       `json:"action"` // what the policy does, the first time
	Args    []string     `json:"args"`   // of the first time: six numbers
	Stack   []StackFrame `json:"stack"`  // of the first time, for the first place of a call
}

// AuditRun runs a command to the end of its last process under a policy that
// refuses nothing: calls that p would refuse are made, and listed.
func AuditRun(ctx context.Context, p *Policy, argv []string, opts AuditOptions) (*Audit, error) {
	path, err := findCommand(argv)
	if err != nil {
		return nil, err
	}
	f, err := p.filter()
	if err != nil {
		return nil, err
	}
	filter, err := bpf.Compile(watched(f))
	if err != nil {
		return nil, err
	}
	if opts.Env == nil {
		opts.Env = os.Environ()
	}
	a := &auditor{policy: f, where: trace.NewLocator(), sites: map[*trace.Site]*RefusedSite{}, told: opts.Refused}
	defer a.where.Close()
	t, err := trace.Run(ctx, trace.Options{Path: path, Argv: argv, Env: opts.Env, Filter: filter.Instructions, Signals: opts.Signals, Call: a.call})
	if err != nil {
		return nil, err
	}
	defer t.Close()
	out := &Audit{Schema: "gofind.audit/v1", Command: argv, Exit: exitOf(t.Status)}
	for _, p := range t.Programs {
		for _, c := range p.Calls() {
			for _, s := range c.Sites() {
				if r := a.sites[s]; r != nil {
					r.Site.Count = s.Count
					out.Refused = append(out.Refused, *r)
				}
			}
		}
	}
	fill(&out.Command)
	fill(&out.Refused)
	return out, nil
}

// watched returns a policy that asks the tracer about each call that p refuses.
func watched(p *policy.Policy) *policy.Policy {
	ask := func(a policy.Action) policy.Action {
		if a.Passes() {
			return a
		}
		return policy.Trace
	}
	out := &policy.Policy{Default: ask(p.Default), Unknown: ask(p.Unknown)}
	for _, r := range p.Rules {
		r.Clauses = slices.Clone(r.Clauses)
		for i := range r.Clauses {
			r.Clauses[i].Action = ask(r.Clauses[i].Action)
		}
		out.Rules = append(out.Rules, r)
	}
	return out
}

// auditor names the calls that are refused, as they come.
type auditor struct {
	policy *policy.Policy
	where  *trace.Locator
	sites  map[*trace.Site]*RefusedSite
	told   func(RefusedSite)
}

func (a *auditor) call(p *trace.Program, e *trace.Entry) {
	if a.sites[e.Site] != nil {
		return
	}
	name, _ := sysno.Name(e.Call.ABI, e.Call.Nr)
	addr, _ := a.where.Address(e.Site.Place)
	r := &RefusedSite{
		Program: p.Path,
		Site:    SeenSite{CallName{name, e.Call.Nr, e.Call.ABI.String()}, 1, e.Site.Image, hex(addr), nameAt(e.Site.Image, addr, a.where.Function(e.Site.Place))},
		Action:  a.policy.Eval(e.Arch, e.Number, e.Args).String(),
		Stack:   []StackFrame{},
	}
	for _, v := range e.Args {
		r.Args = append(r.Args, hex(v))
	}
	if e.New {
		for _, f := range e.Stack.Frames(a.where) {
			r.Stack = append(r.Stack, StackFrame{f.Image, hex(f.Address), nameAt(f.Image, f.Address, f.Function), f.How})
		}
	}
	a.sites[e.Site] = r
	if a.told != nil {
		a.told(*r)
	}
}
