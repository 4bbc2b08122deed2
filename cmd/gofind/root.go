package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gofind-dev/gofind/internal/report"
	"github.com/gofind-dev/gofind/internal/term"
)

// run executes one command line.
func run(args []string, stdout, stderr *os.File) ExitCode {
	root := newRoot(output{stdout, term.Detect(stdout, os.Getenv)})
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return fail(stderr, root.Execute())
}

// output is where answers go.
type output struct {
	io.Writer
	screen term.Screen
}

// style is how a page on this output looks.
func (o output) style() report.Style {
	return report.Style{Color: o.screen.Color, Width: o.screen.Width}
}

// extraCommands are those that a build tag adds.
var extraCommands []func() *cobra.Command

// newRoot builds the command tree.
func newRoot(out output) *cobra.Command {
	root := &cobra.Command{
		Use:   "gofind",
		Short: "Find every system call that a program can make",
		Long: `gofind finds every system call that a compiled program can make, from the
binary alone: with its libraries, its loader and what it may load at run time,
without running it. It reads x86-64 ELF files.`,
		Example: `  gofind scan nginx                every call that nginx can make, and where
  gofind scan --json /usr/bin/ls   the same as JSON
  gofind why nginx execve          how nginx comes to make this call
  gofind help exit-codes           what the exit codes mean`,
		Version:       buildVersion().short(),
		SilenceErrors: true,
		SilenceUsage:  true,

		SuggestionsMinimumDistance: 2,
		RunE:                       func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			return usagef("did you mean gofind "+strings.Join(near, ", or gofind ")+"?", "there is no command %q", args[0])
		}
		return usagef("to scan a program: gofind scan "+args[0], "there is no command %q", args[0])
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef(seeHelp(c), "%w", err)
	})
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", ".FlagUsagesWrapped 80"))
	root.AddCommand(newScan(out), newWhy(out), newProfile(out), newDiff(out), newSeal(out), newUnseal(), newInspect(out),
		newRun(), newVerify(out), newKraft(out), newAssumptions(out), newVersion(), exitCodesTopic())
	for _, command := range extraCommands {
		root.AddCommand(command())
	}
	strictHelp(root)
	return root
}

// strictHelp makes `gofind help TOPIC` fail for a topic that does not exist.
func strictHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, err := root.Find([]string{"help"})
	must(err)
	help.Args = func(_ *cobra.Command, args []string) error {
		if _, rest, err := root.Find(args); err != nil || len(rest) > 0 {
			return usagef(seeHelp(root), "there is no help for %q", strings.Join(args, " "))
		}
		return nil
	}
}

// seeHelp points to the help of a command.
func seeHelp(c *cobra.Command) string { return "see " + c.CommandPath() + " --help" }

// arguments demands one argument for each name.
func arguments(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usagef(seeHelp(c), "%s needs %s", c.CommandPath(), strings.Join(names[len(args):], " and "))
		case len(args) > len(names):
			return usagef(seeHelp(c), "%s does not take a further argument %q", c.CommandPath(), args[len(names)])
		}
		return nil
	}
}

// exitCodesTopic is a page of the help that is no command.
func exitCodesTopic() *cobra.Command {
	var b strings.Builder
	b.WriteString("The exit codes of gofind:\n\n")
	for code, meaning := range exitMeanings {
		fmt.Fprintf(&b, "  %d  %s\n", code, meaning)
	}
	b.WriteString(`
With --allow-unresolved, scan ends with 0 also when the answer is incomplete.
verify ends with 0, 1 or 3 whatever the code of its command. run ends as its command
does; if it cannot start that under its filter, with 1, 2 or 3, or with 126 if only
execve failed.`)
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: b.String()}
}
