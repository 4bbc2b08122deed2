package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/gofind-dev/gofind"
	"github.com/gofind-dev/gofind/internal/report"
)

// newKraftSuggest is `gofind kraft suggest`.
func newKraftSuggest(out output) *cobra.Command {
	var (
		flags   kraftFlags
		opts    gofind.SplitOptions
		movable []string
		json    bool
		html    string
		overlay string
	)
	c := &cobra.Command{
		Use:   "suggest [DIR|KRAFT.YAML|IMAGE.dbg]",
		Short: "Suggest which library to put into which compartment",
		Long: `Suggest finds the split of a unikernel's libraries into compartments that has the least
privilege, and says what it costs to move one library of the present split into another compartment.

The privilege of a split is, summed over its compartments, the number of calls that the compartment
needs times the bytes of its code: call-bytes. A crossing is a function that a library calls in another
compartment; --crossing-cost says how many call-bytes one is worth.

A library of kraft.yaml is moved as a whole. By default those that kraft.yaml names may leave the default
compartment, and the application; if it names none, those that neither make system calls for others nor boot.
Transparent libraries and those with boot code never move.

It ends with 0, or with 3 if the sets may lack calls.`,
		Example: `  gofind kraft suggest                                     as many compartments as kraft.yaml has
  gofind kraft suggest -n 3 --html split.html app/         a page to look at
  gofind kraft suggest -n 2 --overlay split.yaml app/ && gofind kraft analyse --compartments split.yaml app/
  gofind kraft suggest --movable vfscore,ramfs,sqlite build/app_qemu-x86_64.dbg`,
		Args: atMostOne,
		RunE: func(c *cobra.Command, args []string) error {
			opts.KraftOptions = flags.options(args)
			if movable != nil {
				opts.Movable = movable
			}
			if c.Flags().Changed("compartments-at-most") && opts.N < 1 {
				return usagef("", "-n must be 1 or more, not %d", opts.N)
			}
			s, err := gofind.SuggestSplit(c.Context(), opts)
			if wrong := (*gofind.SplitError)(nil); errors.As(err, &wrong) {
				return usagef("", "%w", err)
			}
			if err != nil {
				return kraftError(c, err)
			}
			for _, out := range []string{html, overlay} {
				if err := spares(out, s.Kraft, s.Image, flags.compartments); err != nil {
					return err
				}
			}
			if html != "" {
				var page bytes.Buffer
				if err := report.SuggestHTML(&page, s); err != nil {
					return err
				}
				if err := writeFile(html, page.Bytes()); err != nil {
					return err
				}
			}
			if overlay != "" {
				if err := writeFile(overlay, []byte(s.Overlay)); err != nil {
					return err
				}
			}
			switch {
			case json:
				err = report.JSON(out, s)
			case out.screen.Terminal:
				err = report.SuggestPage(out, s, out.style())
			default:
				err = report.SuggestLines(out, s)
			}
			if err == nil && !s.Complete {
				return &exitError{code: ExitIncomplete}
			}
			return err
		},
	}
	fs := c.Flags()
	fs.IntVarP(&opts.N, "compartments-at-most", "n", 0, "use `N` compartments at most, the default one included (default: as many as there are, at least 2)")
	fs.Uint32Var(&opts.Price, "crossing-cost", 0, "count a crossing as `N` call-bytes")
	fs.StringSliceVar(&movable, "movable", nil, "`LIBRARIES` that may leave the default compartment, separated by commas; all for all of them")
	fs.BoolVar(&json, "json", false, "write JSON (gofind.suggest/v1)")
	fs.StringVar(&html, "html", "", "also write a page for a browser to `FILE`")
	fs.StringVar(&overlay, "overlay", "", "also write the suggestion to `FILE`, for --compartments")
	flags.add(c)
	return c
}

// spares is the error for a file to write that is one of those that are read.
func spares(out string, inputs ...string) error {
	written, err := os.Stat(out)
	if err != nil {
		return nil // it is not there, so it is none of them
	}
	for _, in := range inputs {
		if st, err := os.Stat(in); err == nil && os.SameFile(st, written) {
			return fmt.Errorf("%s would be overwritten; name another file to write", in)
		}
	}
	return nil
}
