package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/gofind-dev/gofind"
	"github.com/gofind-dev/gofind/internal/report"
)

// newRun is `gofind run`.
func newRun() *cobra.Command {
	var (
		flags   policyFlags
		audit   bool
		json    bool
		output  string
		verbose bool
	)
	c := &cobra.Command{
		Use:   "run [flags] -- COMMAND [ARG...]",
		Short: "Run a command under a filter of its own",
		Long: `Run computes the filter for COMMAND's program and what that executes, as gofind
profile does, installs it and executes COMMAND in place of itself. Whatever the
program does, it does under the filter; its process number, files, terminal,
limits and signals are what they would be without gofind.

This is weaker than a sealed executable: the filter has to allow execve and what
only the dynamic loader needs, which a filter that is installed behind the
loader does not.

With --audit nothing is refused: calls that would be are made, and reported with
the place that made them, each place once, with the counts at the end. The
programs run as children of gofind then, as under strace.

If the command cannot be started under its filter, nothing runs, and the exit code is
that of gofind: 1, 2 or 3. Else it is the command's; with --audit 128 and the
signal's number, if a signal ended it.`,
		Example: `  gofind run -- ls -l
  gofind run --action errno --exec deny -- curl https://example.org/
  gofind run --audit -- nginx -g 'daemon off;'
  gofind run --audit --json -o refused.json --exec /bin/sh -- make check`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef(seeHelp(c), "%s needs a command", c.CommandPath())
			}
			if err := checkRun(&flags, audit, json, output); err != nil {
				return err
			}
			opts := flags.options()
			if flags.base == "" {
				opts.Base = "exec"
			}
			program, err := gofind.RunProgram(args)
			if err != nil {
				return &exitError{ExitError, err, hint(err)}
			}
			p, err := newPolicy(c, []string{program}, opts)
			if err != nil {
				return err
			}
			if verbose {
				fmt.Fprintln(c.ErrOrStderr(), "gofind: note: the filter allows execve and what only the loader needs; a sealed executable needs neither")
				for _, n := range p.Notes {
					fmt.Fprintf(c.ErrOrStderr(), "gofind: note: %s\n", oneLine(n))
				}
			}
			if !audit {
				return gofind.Run(p, args, nil)
			}
			return runAudit(c, p, args, json, output)
		},
	}
	c.Flags().SortFlags = false
	c.Flags().BoolVar(&audit, "audit", false, "refuse nothing, and report what would be refused")
	c.Flags().BoolVar(&json, "json", false, "with --audit: write JSON (gofind.audit/v1) at the end")
	c.Flags().StringVarP(&output, "output", "o", "", "with --audit: write the report to `FILE` instead of standard error")
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "say first what the filter cannot do, and what it takes for granted")
	flags.add(c)
	c.Flags().SetInterspersed(false) // what follows the command is the command's
	return c
}

func checkRun(f *policyFlags, audit, json bool, output string) error {
	switch {
	case (json || output != "") && !audit:
		return usagef("", "--json and --output are for --audit")
	case f.scan.root != "":
		return usagef("run gofind inside the root", "a command runs on this system: run has no --root")
	case f.scan.since.value != "exec":
		return usagef("gofind profile has it, for a filter that the program installs itself", "the filter is there before the loader: run has no --since main")
	}
	return nil
}

// runAudit runs the command and reports what the policy would have refused.
func runAudit(c *cobra.Command, p *gofind.Policy, args []string, json bool, output string) error {
	signals, stop := forwarded()
	defer stop()
	opts := gofind.AuditOptions{Signals: signals}
	if !json && output == "" {
		opts.Refused = func(r gofind.RefusedSite) { report.Refused(c.ErrOrStderr(), &r) }
	}
	a, err := gofind.AuditRun(c.Context(), p, args, opts)
	if err != nil {
		return &exitError{ExitError, err, hint(err)}
	}
	if err := writeReport(c.ErrOrStderr(), output, json, a, func(w io.Writer) error { return report.Audit(w, a) }); err != nil {
		return err
	}
	return &exitError{code: ExitCode(a.Exit.Code)}
}

// forwarded catches the signals that would end us and that a command which runs as
// our child must have.
func forwarded() (<-chan os.Signal, func()) {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	return signals, func() { signal.Stop(signals) }
}
