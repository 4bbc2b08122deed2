package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/gofind-dev/gofind"
	"github.com/gofind-dev/gofind/internal/report"
)

// newScan is `gofind scan`.
func newScan(out output) *cobra.Command {
	var (
		flags           scanFlags
		json            bool
		allowUnresolved bool
		withArgs        bool
	)
	c := &cobra.Command{
		Use:   "scan PROGRAM",
		Short: "List every system call that a program can make",
		Long: `Scan lists every system call that PROGRAM, a path or a name on PATH, can make in
its life: from the first instruction of its loader to its exit.

On a terminal it shows a page. Into a pipe it writes a line for each call, in
tab-separated fields: name, number, ABI, origin, number of sites, and the image,
address and function of the first site. All that else is to be said stands in
lines that begin with #. --json has everything; docs/json.md describes it.

The environment has no say: LD_LIBRARY_PATH and LD_PRELOAD count only if given
by their flags.`,
		Example: `  gofind scan nginx
  gofind scan nginx | cut -sf1                 the names alone
  gofind scan --json --host=none /usr/bin/ls
  gofind scan --module /usr/lib/nginx/modules/ngx_mail_module.so nginx
  gofind scan --root ./rootfs /usr/sbin/nginx
  gofind scan --args cat                       what arguments the calls get
  gofind scan --since main redis-server        without what only startup needs`,
		Args: arguments("PROGRAM"),
		RunE: func(c *cobra.Command, args []string) error {
			opts := flags.options()
			opts.Arguments = withArgs
			result, err := scan(c.Context(), args[0], opts)
			if err != nil {
				return err
			}
			if err := writeScan(out, result, json); err != nil {
				return err
			}
			if !result.Complete && !allowUnresolved {
				return &exitError{
					code: ExitIncomplete,
					err:  errors.New("the answer is not complete: the program may make calls that are not listed"),
					hint: "the unresolved entries say where; --allow-unresolved accepts them",
				}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&json, "json", false, "write JSON (gofind.scan/v1)")
	c.Flags().BoolVar(&withArgs, "args", false, "also find the values that arguments of the calls can have")
	flags.add(c)
	c.Flags().BoolVar(&allowUnresolved, "allow-unresolved", false, "accept an incomplete answer (exit code 0 instead of 3)")
	return c
}

// scan runs the analysis; its errors say what the user can do about them.
func scan(ctx context.Context, program string, opts gofind.Options) (*gofind.Result, error) {
	result, err := gofind.Scan(ctx, program, opts)
	if unknown := (*gofind.AssumptionError)(nil); errors.As(err, &unknown) {
		return nil, usagef("gofind assumptions says what they are", "%w", err)
	}
	if err != nil {
		return nil, &exitError{ExitError, err, hint(err)}
	}
	return result, nil
}

// writeScan writes the result in the form that fits the output.
func writeScan(out output, r *gofind.Result, json bool) error {
	switch {
	case json:
		return report.JSON(out, r)
	case out.screen.Terminal:
		return report.Page(out, r, out.style())
	}
	return report.Lines(out, r)
}
