package main

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newMan is `gofind man`, for packagers.
func newMan() *cobra.Command {
	return &cobra.Command{
		Use:     "man DIR",
		Short:   "Write the man pages into a directory",
		Long:    `Man writes a man page for gofind and for each of its commands into DIR, which must exist.`,
		Example: `  gofind man /usr/local/share/man/man1`,
		Args:    arguments("DIR"),
		RunE: func(c *cobra.Command, args []string) error {
			root := c.Root()
			root.DisableAutoGenTag = true
			// No date: the same version gives the same pages.
			return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "gofind", Date: &time.Time{}}, args[0])
		},
	}
}
