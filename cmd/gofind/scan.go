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
		compartments    string
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
  gofind scan --since main redis-server        without what only startup needs
  gofind scan --compartments groups.yaml nginx what each group of libraries needs`,
		Args: arguments("PROGRAM"),
		RunE: func(c *cobra.Command, args []string) error {
			opts := flags.options()
			opts.Arguments = withArgs
			if compartments != "" {
				if withArgs {
					return usagef("", "--args and --compartments do not go together")
				}
				return scanGroups(c.Context(), out, args[0], compartments, opts, json, allowUnresolved)
			}
			result, err := scan(c.Context(), args[0], opts)
			if err != nil {
				return err
			}
			if err := writeScan(out, result, json); err != nil {
				return err
			}
			return incomplete(result.Complete || allowUnresolved)
		},
	}
	c.Flags().BoolVar(&json, "json", false, "write JSON (gofind.scan/v1; with --compartments gofind.groups/v1)")
	c.Flags().StringVar(&compartments, "compartments", "", "show what each group of shared libraries that `FILE` lists executes and needs")
	c.Flags().BoolVar(&withArgs, "args", false, "also find the values that arguments of the calls can have")
	flags.add(c)
	c.Flags().BoolVar(&allowUnresolved, "allow-unresolved", false, "accept an incomplete answer (exit code 0 instead of 3)")
	return c
}

// incomplete is the end of a scan whose answer may lack calls.
func incomplete(ok bool) error {
	if ok {
		return nil
	}
	return &exitError{
		code: ExitIncomplete,
		err:  errors.New("the answer is not complete: the program may make calls that are not listed"),
		hint: "the unresolved entries say where; --allow-unresolved accepts them",
	}
}

// scanGroups is scan --compartments.
func scanGroups(ctx context.Context, out output, program, file string, opts gofind.Options, json, allowUnresolved bool) error {
	r, err := gofind.ScanGroups(ctx, program, file, opts)
	if err != nil {
		return scanError(err)
	}
	switch {
	case json:
		err = report.JSON(out, r)
	case out.screen.Terminal:
		err = report.GroupsPage(out, r, out.style())
	default:
		err = report.GroupsLines(out, r)
	}
	if err != nil {
		return err
	}
	return incomplete(r.Complete || allowUnresolved)
}

// scan runs the analysis; its errors say what the user can do about them.
func scan(ctx context.Context, program string, opts gofind.Options) (*gofind.Result, error) {
	result, err := gofind.Scan(ctx, program, opts)
	if err != nil {
		return nil, scanError(err)
	}
	return result, nil
}

// scanError says what the user can do about an error of a scan.
func scanError(err error) error {
	if unknown := (*gofind.AssumptionError)(nil); errors.As(err, &unknown) {
		return usagef("gofind assumptions says what they are", "%w", err)
	}
	return &exitError{ExitError, err, hint(err)}
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
