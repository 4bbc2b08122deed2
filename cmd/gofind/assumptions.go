package main

import (
	"github.com/spf13/cobra"

	"github.com/gofind-dev/gofind"
	"github.com/gofind-dev/gofind/internal/report"
)

// newAssumptions is `gofind assumptions`.
func newAssumptions(out output) *cobra.Command {
	var json bool
	c := &cobra.Command{
		Use:   "assumptions",
		Short: "List the assumptions that a scan makes and that can be switched",
		Long: `Assumptions lists what scan and why take for granted and what --assume and
--no-assume can switch: of the environment that the program runs in, and of the
program and its C library. Each answer lists those that it rests on.

A line has the name, the default (on; off; host: on if the host's configuration is
read and does not speak against it), what is assumed, and, for the environment,
what happens where it is not so.`,
		Example: `  gofind assumptions
  gofind scan --no-assume tunables,vdso nginx
  gofind scan --assume=none nginx`,
		Args: arguments(),
		RunE: func(*cobra.Command, []string) error {
			switch list := gofind.Switches(); {
			case json:
				return report.JSON(out, report.NewSwitchList(list))
			case out.screen.Terminal:
				return report.SwitchPage(out, list, out.style())
			default:
				return report.SwitchLines(out, list)
			}
		},
	}
	c.Flags().BoolVar(&json, "json", false, "write JSON (gofind.assumptions/v1)")
	return c
}
