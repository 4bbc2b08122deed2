package main

import "github.com/spf13/cobra"

// newKraft is `gofind kraft`, the commands for unikernels.
func newKraft(out output) *cobra.Command {
	c := &cobra.Command{
		Use:   "kraft",
		Short: "Per-compartment rules for unikernels",
		Long: `Kraft holds the commands for unikernels (Unikraft, FlexOS): what each
compartment of an image needs, and rules in the image that let it do no more.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef(seeHelp(c), "there is no command %q", c.CommandPath()+" "+args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newKraftSeal(out), newKraftInspect(out), newKraftVerify(out))
	return c
}
