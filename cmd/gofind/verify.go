package main

import (
	"bytes"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/gofind-dev/gofind"
	"github.com/gofind-dev/gofind/internal/report"
)

// newVerify is `gofind verify`.
func newVerify(out output) *cobra.Command {
	var (
		flags  scanFlags
		v      verifyFlags
		noVDSO bool
		fast   bool
		noArgs bool
	)
	c := &cobra.Command{
		Use:   "verify [flags] -- COMMAND [ARG...]",
		Short: "Run a command and compare its calls with what scans predict",
		Long: `Verify runs COMMAND, follows all processes and threads that it makes, scans each
program that they execute, and compares each system call with the prediction for
the program that made it. A call that was not predicted is shown with the
functions that led to it.

The report goes to standard error, since standard output is the command's; with
--output it goes to a file. With --trace nothing is run: the calls are those of a
log of strace, COMMAND only names the program of processes that executed none in
the log, and the report goes to standard output.

It ends with 0 if each call was predicted by complete scans, with 1 if a complete
scan lacks one, and else with 3 if a program's scan is incomplete or failed. The
command's own exit code is part of the report and changes nothing.`,
		Example: `  gofind verify -- nginx -g 'daemon off;'
  gofind verify --no-vdso -- sh -c 'date | cat'
  gofind verify --json -o report.json -- make check
  strace -f -i -o log redis-cli ping; gofind verify --trace log`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			opts := gofind.VerifyOptions{Options: flags.options(), NoVDSO: noVDSO, Seccomp: fast}
			opts.Arguments = !noArgs
			if err := v.check(c, args, &flags); err != nil {
				return err
			}
			var result *gofind.Verification
			var err error
			if v.trace != "" {
				result, err = gofind.VerifyLog(c.Context(), v.trace, args, opts)
			} else {
				signals, stop := forwarded()
				defer stop()
				opts.Signals = signals
				result, err = gofind.Verify(c.Context(), args, opts)
			}
			if err != nil {
				return &exitError{ExitError, err, hint(err)}
			}
			to := c.ErrOrStderr()
			if v.trace != "" {
				to = out
			}
			text := func(w io.Writer) error { return report.Verify(w, result) }
			if err := writeReport(to, v.output, v.json, result, text); err != nil {
				return err
			}
			return verifyExit(result)
		},
	}
	v.add(c)
	c.Flags().BoolVar(&noVDSO, "no-vdso", false, "hide the vDSO from the programs, so that they make the calls that it answers")
	c.Flags().BoolVar(&noArgs, "no-arguments", false, "compare calls alone, not the values of their arguments")
	c.Flags().BoolVar(&fast, "seccomp", false, "stop the programs with a seccomp filter: twice as fast, but they can see it")
	flags.add(c)
	c.Flags().SetInterspersed(false) // what follows the command is the command's
	return c
}

// verifyFlags are those of the report.
type verifyFlags struct {
	json   bool
	output string
	trace  string
}

func (f *verifyFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.json, "json", false, "write JSON (gofind.verify/v1)")
	c.Flags().StringVarP(&f.output, "output", "o", "", "write the report to `FILE`")
	c.Flags().StringVar(&f.trace, "trace", "", "read a log of strace (-f, -ff) from `FILE` instead of running a command")
	must(c.MarkFlagFilename("trace"))
	must(c.MarkFlagFilename("output"))
}

func (f *verifyFlags) check(c *cobra.Command, args []string, scan *scanFlags) error {
	switch {
	case len(args) == 0 && f.trace == "":
		return usagef(seeHelp(c), "%s needs a command, or --trace", c.CommandPath())
	case f.trace != "" && f.output != "" && sameFile(f.trace, f.output):
		return usagef("", "the report would replace the log %s", f.trace)
	case scan.root != "" && f.trace == "":
		return usagef("run gofind inside the root, or give it a log with --trace", "a command runs on this system: --root is for logs")
	case scan.since.value != "exec":
		return usagef("", "a run has what programs do before main: verify has no --since main")
	}
	return nil
}

// writeReport writes a report as JSON or text, to a file if it has a name.
func writeReport(w io.Writer, file string, json bool, v any, text func(io.Writer) error) error {
	render := text
	if json {
		render = func(w io.Writer) error { return report.JSON(w, v) }
	}
	if file == "" {
		return render(w)
	}
	var b bytes.Buffer
	if err := render(&b); err != nil {
		return err
	}
	return writeFile(file, b.Bytes())
}

// verifyExit turns a verdict into an exit code. The report has said it in words.
func verifyExit(v *gofind.Verification) error {
	switch v.Verdict {
	case gofind.VerdictMissed:
		return &exitError{code: ExitError}
	case gofind.VerdictIncomplete:
		return &exitError{code: ExitIncomplete}
	}
	return nil
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}
