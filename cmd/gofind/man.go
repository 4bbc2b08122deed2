//go:build man

package main

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// The pages are made by `go run -tags man ./cmd/gofind man DIR`. In the command
// that people run, the generator's libraries would cost 3 ms at every start.
func init() { extraCommands = append(extraCommands, newMan) }

// newMan is `gofind man`, for packagers.
func newMan() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the man pages into a directory",
		Hidden: true, // has no page itself
		Args:   arguments("DIR"),
		RunE: func(c *cobra.Command, args []string) error {
			root := c.Root()
			root.DisableAutoGenTag = true
			// No date: the same version gives the same pages.
			return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "gofind", Date: &time.Time{}}, args[0])
		},
	}
}
