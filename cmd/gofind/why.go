package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/gofind-dev/gofind"
	"github.com/gofind-dev/gofind/internal/report"
)

// newWhy is `gofind why`.
func newWhy(out output) *cobra.Command {
	var (
		flags   scanFlags
		json    bool
		explain bool
		comp    string
		kraft   kraftFlags
	)
	c := &cobra.Command{
		Use:   "why PROGRAM SYSCALL",
		Short: "Show how a program comes to make a system call",
		Long: `Why shows the shortest chain of functions from an entry of PROGRAM to a place
that makes SYSCALL, one function a line, and how many other places there are.

For a call that the program cannot make, --explain says which assumptions it
would take to make it: it scans without each of them. For one that it can make,
--explain says which assumptions that are not made would keep it out, and whether
only startup makes it.

It ends with 0 if the program can make the call, with 4 if it cannot, and with 3
if the call was not found but the answer of the scan is incomplete.`,
		Example: `  gofind why nginx execve
  gofind why --json /usr/bin/curl socket
  gofind why --since main redis-server mprotect
  gofind why --explain cat execve        which assumption keeps it out
  gofind why --compartment lwip app/ write
                                         the same for a compartment of a unikernel`,
		Args:              arguments("PROGRAM", "SYSCALL"),
		ValidArgsFunction: completeWhy,
		RunE: func(c *cobra.Command, args []string) error {
			program, call := args[0], args[1]
			if !report.Known(call) {
				return unknownCall(call)
			}
			if err := unfit(c, comp != ""); err != nil {
				return err
			}
			if comp != "" {
				kraft.workers = flags.workers
				return kraftWhy(c, out, kraft.options([]string{program}), comp, call, json)
			}
			result, err := scan(c.Context(), program, flags.options())
			if err != nil {
				return err
			}
			why := report.NewWhy(result, call)
			switch {
			case !explain:
			case why.Answer == report.Yes:
				why.RemovedBy, err = gofind.Removers(c.Context(), program, flags.options(), call)
			default:
				why.Removed, err = gofind.Removed(c.Context(), program, flags.options(), call)
			}
			if err != nil {
				return err
			}
			if err := writeWhy(out, why, json); err != nil {
				return err
			}
			return whyExit(why.Answer)
		},
	}
	c.Flags().BoolVar(&json, "json", false, "write JSON (gofind.why/v1)")
	c.Flags().BoolVar(&explain, "explain", false, "say which assumptions keep a call out, or would")
	c.Flags().StringVar(&comp, "compartment", "", "PROGRAM is a unikernel (see gofind kraft analyse): show how its compartment `NAME` comes to need the call")
	c.Flags().StringVar(&kraft.compartments, "compartments", "", "with --compartment: a `FILE` with compartments")
	c.Flags().StringVar(&kraft.image, "image", "", "with --compartment: the image of a kraft.yaml, a .dbg `FILE` or a build directory")
	c.Flags().StringSliceVar(&kraft.transparent, "transparent", nil, "with --compartment: `LIBRARIES` that act for their callers alone, as for gofind kraft analyse")
	c.Flags().BoolVar(&kraft.stale, "stale", false, "with --compartment: take an image that is older than kraft.yaml")
	flags.add(c)
	return c
}

// Flags of why that say something of a unikernel alone, and of a process alone.
var (
	unikernelFlags = []string{"compartments", "image", "transparent", "stale"}
	processFlags   = []string{"explain", "module", "root", "library-path", "preload", "host", "cpu", "since", "assume", "no-assume"}
)

// unfit is the error for flags that say nothing of what is asked about.
func unfit(c *cobra.Command, unikernel bool) error {
	names, where := unikernelFlags, "goes with --compartment"
	if unikernel {
		names, where = processFlags, "says nothing of a unikernel's compartment"
	}
	for _, name := range names {
		if c.Flags().Changed(name) {
			return usagef(seeHelp(c), "--%s %s", name, where)
		}
	}
	return nil
}

// kraftWhy answers why --compartment.
func kraftWhy(c *cobra.Command, out output, o gofind.KraftOptions, compartment, call string, json bool) error {
	r, err := gofind.AnalyseCompartments(c.Context(), o)
	if err != nil {
		return kraftError(c, err)
	}
	w := report.NewKraftWhy(r, compartment, call)
	if w == nil {
		var names []string
		for _, x := range r.Compartments {
			names = append(names, x.Name)
		}
		return usagef("there are "+strings.Join(names, ", "), "there is no compartment %q", compartment)
	}
	if json {
		err = report.JSON(out, w)
	} else {
		err = w.Text(out)
	}
	if err != nil {
		return err
	}
	return whyExit(w.Answer())
}

// unknownCall is the error for a name that is no system call.
func unknownCall(name string) error {
	hint := "gofind why takes the kernel's names, such as openat"
	if near := report.Nearest(name); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return usagef(hint, "there is no system call %q", name)
}

// writeWhy writes the answer in the form that fits the output.
func writeWhy(out output, why *report.Why, json bool) error {
	switch {
	case json:
		return report.JSON(out, why)
	case out.screen.Terminal:
		return why.Page(out, out.style())
	}
	return why.Lines(out)
}

// whyExit turns an answer into an exit code. The output has said it in words.
func whyExit(a report.Answer) error {
	switch a {
	case report.No:
		return &exitError{code: ExitNever}
	case report.Unknown:
		return &exitError{code: ExitIncomplete}
	}
	return nil
}

// completeWhy completes the second argument with the names of calls, and leaves
// the first to the shell.
func completeWhy(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return nil, cobra.ShellCompDirectiveDefault
	case 1:
		return report.Names(), cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}
