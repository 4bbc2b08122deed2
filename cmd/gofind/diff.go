package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gofind-dev/gofind"
	"github.com/gofind-dev/gofind/internal/report"
)

// newDiff is `gofind diff`.
func newDiff(out output) *cobra.Command {
	var (
		flags  scanFlags
		json   bool
		failOn []string
	)
	c := &cobra.Command{
		Use:   "diff A B",
		Short: "Compare programs and profiles",
		Long: `Diff compares two programs, two profiles, or a program and a profile.

Each side is a program, which is scanned, a document of gofind scan --json, or a
profile in any form that gofind profile writes: OCI (also inside a
config.json), Docker, Kubernetes, systemd, seccompiler, BPF, C, JSON. The form is recognised.

Of two programs, or two profiles, it lists the calls that are

  new       made or allowed by B, not by A
  gone      made or allowed by A, not by B
  changed   with other arguments, or refused in another way

and of a program and a profile, in whatever order, those that are

  lacking   needed by the program, refused by the profile, in whole or with
            arguments that the program passes
  partly    allowed with some arguments only, where it is not known which ones the
            program passes; or answered with ENOSYS, at which libraries go
            another way (clone3, then clone)
  unused    allowed by the profile, never made by the program

For calls of programs it shows how the program comes to them. With --fail-on it
ends with 6 if there are calls of one of these kinds, so that an update which
starts to call execve does not pass unseen.`,
		Example: `  gofind diff ./server-1.0 ./server-1.1 --fail-on new,changed
  gofind diff /usr/sbin/nginx nginx-seccomp.json --fail-on lacking
  gofind diff --json old.scan.json /usr/bin/curl | jq -r '.new[].name'
  gofind diff docker-default.json mine.bpf`,
		Args: arguments("A", "B"),
		RunE: func(c *cobra.Command, args []string) error {
			for _, word := range failOn {
				if !slices.Contains(report.DiffKinds, word) {
					return usagef("", "--fail-on takes %s, not %q", strings.Join(report.DiffKinds, ", "), word)
				}
			}
			d, err := gofind.NewDiff(c.Context(), args[0], args[1], flags.options())
			if errors.As(err, new(*gofind.AssumptionError)) {
				return usagef("gofind assumptions says what they are", "%w", err)
			}
			if err != nil {
				return &exitError{ExitError, err, hint(err)}
			}
			if json {
				err = report.JSON(out, d)
			} else {
				err = report.DiffPage(out, d, out.style())
			}
			if err != nil {
				return err
			}
			var found []string
			for _, word := range failOn {
				if n := len(report.DiffCalls(d, word)); n > 0 {
					found = append(found, fmt.Sprintf("%d %s", n, word))
				}
			}
			if len(found) > 0 {
				return &exitError{code: ExitDiffers, err: errors.New("there are calls that --fail-on names: " + strings.Join(found, ", "))}
			}
			if !d.A.Complete || !d.B.Complete {
				return &exitError{code: ExitIncomplete, err: errors.New("the comparison is not complete: a program may make calls that were not found")}
			}
			return nil
		},
	}
	c.Flags().SortFlags = false
	c.Flags().BoolVar(&json, "json", false, "write JSON (gofind.diff/v1)")
	c.Flags().StringSliceVar(&failOn, "fail-on", nil, "end with 6 if there are calls of these `KINDS`, separated by commas: "+strings.Join(report.DiffKinds, ", "))
	flags.add(c)
	return c
}
