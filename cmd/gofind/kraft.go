package main

import "github.com/spf13/cobra"

// newKraft is `gofind kraft`, the commands for unikernels.
func newKraft(out output) *cobra.Command {
	c := &cobra.Command{
		Use:   "kraft",
		Short: "Per-compartment rules for unikernels",
		Long: `Kraft holds the commands for unikernels (Unikraft, FlexOS): what each
compartment of an image needs, and rules in the image that let it do no more.`,
		Example: `  gofind kraft analyse                       what kraft.yaml in this directory describes
  gofind kraft analyse --check-only app/     check the file alone
  gofind kraft table build/app_qemu-x86_64.dbg`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef(seeHelp(c), "there is no command %q", c.CommandPath()+" "+args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newKraftAnalyse(out), newKraftTable(out), newKraftSuggest(out), newKraftSeal(out), newKraftRules(out), newKraftInspect(out), newKraftVerify(out))
	return c
}
