package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gofind-dev/gofind"
	"github.com/gofind-dev/gofind/internal/report"
)

// kraftFlags say which unikernel is analysed.
type kraftFlags struct {
	compartments string
	image        string
	transparent  []string
	stale        bool
	workers      uint
}

func (f *kraftFlags) add(c *cobra.Command) {
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringVar(&f.image, "image", "", "the image to analyse: a .dbg `FILE`, or a build directory (default: the build of kraft.yaml)")
	f.addCommon(c)
}

// addCommon declares the flags that say how an image is analysed, whichever it is.
func (f *kraftFlags) addCommon(c *cobra.Command) {
	fs := c.Flags()
	fs.StringVar(&f.compartments, "compartments", "", "lay a `FILE` with compartments over kraft.yaml")
	fs.StringSliceVar(&f.transparent, "transparent", nil, "`LIBRARIES` that act for their callers alone, separated by commas; none for none (default musl,newlib,nolibc)")
	fs.BoolVar(&f.stale, "stale", false, "take an image that is older than kraft.yaml")
	fs.UintVar(&f.workers, "workers", 0, "use `N` threads; the answer does not depend on it (default: one for each CPU)")
}

// options returns the flags and an argument as the public package takes them: a file that
// is no YAML is an image.
func (f *kraftFlags) options(args []string) gofind.KraftOptions {
	o := gofind.KraftOptions{Compartments: f.compartments, Image: f.image, Stale: f.stale, Workers: int(f.workers)}
	if f.transparent != nil {
		o.Transparent = []string{}
		for _, t := range f.transparent {
			if t != "none" {
				o.Transparent = append(o.Transparent, t)
			}
		}
	}
	switch {
	case len(args) == 0:
		o.Kraft = "."
	case strings.HasSuffix(args[0], ".dbg"), isELF(args[0]):
		o.Image = args[0]
	default:
		o.Kraft = args[0]
	}
	if o.Kraft == "" && o.Compartments != "" {
		o.Kraft, o.Compartments = o.Compartments, ""
		o.Stale = true // a file with compartments alone says nothing about the build
	}
	return o
}

func atMostOne(c *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usagef(seeHelp(c), "%s does not take a further argument %q", c.CommandPath(), args[1])
	}
	return nil
}

func newKraftAnalyse(out output) *cobra.Command {
	var (
		flags kraftFlags
		json  bool
		check bool
		plan  bool
	)
	c := &cobra.Command{
		Use:   "analyse [DIR|KRAFT.YAML|IMAGE.dbg]",
		Short: "Show what each compartment executes and needs",
		Long: `Analyse shows for each compartment of a unikernel the system calls that its code
executes, and those that it needs: that may be made on its behalf, by a C library or other
compartments, with the shortest chain of functions to each; the functions where control crosses into it;
and the functions behind system calls that it can call without their entries.

Compartments are those of kraft.yaml, in FlexOS's form: a list compartments, and a key
compartment in a library. A library that names none is in the default one.

With the driver vmept, each compartment has an image and a virtual machine of its own (IMAGE.comp0,
IMAGE.comp1 ..., and IMAGE.dbg.comp0 ...). Analyse shows what each image needs then, and which of its
functions the others have it call.

It ends with 0, or with 3 if the answer may lack calls.`,
		Example: `  gofind kraft analyse                                   kraft.yaml in this directory, and its build
  gofind kraft analyse --json app/ | jq .compartments
  gofind kraft analyse --plan app/ >plan.json            for gofind kraft seal
  gofind kraft analyse --compartments comps.yaml app/    for a kraft.yaml that says nothing of them
  gofind kraft analyse --compartments comps.yaml build/app_qemu-x86_64.dbg`,
		Args: atMostOne,
		RunE: func(c *cobra.Command, args []string) error {
			o := flags.options(args)
			if check {
				f, err := gofind.ReadKraft(o)
				if err != nil {
					return kraftError(c, err)
				}
				if json {
					return report.JSON(out, f)
				}
				return report.KraftFile(out, f)
			}
			if set, err := gofind.AnalyseImageSet(c.Context(), o); err != nil {
				return kraftError(c, err)
			} else if set != nil {
				if plan {
					return usagef(seeHelp(c), "each image of the set has a plan of its own: gofind kraft seal --print-plan IMAGE.comp0")
				}
				return writeImageSet(out, set, json)
			}
			r, err := gofind.AnalyseCompartments(c.Context(), o)
			if err != nil {
				return kraftError(c, err)
			}
			switch {
			case plan:
				err = report.JSON(out, r.Plan())
			case json:
				err = report.JSON(out, r)
			case out.screen.Terminal:
				err = report.KraftPage(out, r, out.style())
			default:
				err = report.KraftLines(out, r)
			}
			return kraftExit(r, err)
		},
	}
	c.Flags().BoolVar(&json, "json", false, "write JSON (gofind.kraft/v1)")
	c.Flags().BoolVar(&plan, "plan", false, "write the plan that kraft seal takes (gofind.plan/v1)")
	c.Flags().BoolVar(&check, "check-only", false, "check kraft.yaml, and look at no image")
	flags.add(c)
	return c
}

// writeImageSet writes what is known of a set of images in the form that fits the output.
func writeImageSet(out output, set *gofind.ImageSet, json bool) error {
	var err error
	switch {
	case json:
		err = report.JSON(out, set)
	case out.screen.Terminal:
		err = report.ImageSetPage(out, set, out.style())
	default:
		err = report.ImageSetLines(out, set)
	}
	if err == nil && !set.Complete {
		return &exitError{code: ExitIncomplete}
	}
	return err
}

func newKraftTable(out output) *cobra.Command {
	var (
		flags kraftFlags
		json  bool
	)
	c := &cobra.Command{
		Use:   "table [DIR|KRAFT.YAML|IMAGE.dbg]",
		Short: "Show which library and compartment needs which call",
		Long: `Table writes a line for each system call of the image, with a column for each compartment and
each library: x if it executes the call, n if it only needs it, - if neither. Columns are separated by tabs.`,
		Example: `  gofind kraft table app/ | column -t
  gofind kraft table --json build/app_qemu-x86_64.dbg`,
		Args: atMostOne,
		RunE: func(c *cobra.Command, args []string) error {
			o := flags.options(args)
			o.Libraries = true
			r, err := gofind.AnalyseCompartments(c.Context(), o)
			if err != nil {
				return kraftError(c, err)
			}
			t := report.NewKraftMatrix(r)
			if json {
				err = report.JSON(out, t)
			} else {
				err = report.KraftTable(out, t)
			}
			return kraftExit(r, err)
		},
	}
	c.Flags().BoolVar(&json, "json", false, "write JSON (gofind.krafttable/v1)")
	flags.add(c)
	return c
}

func kraftExit(r *gofind.CompartmentResult, err error) error {
	if err == nil && !r.Complete {
		return &exitError{code: ExitIncomplete}
	}
	return err
}

// kraftError writes the problems of a kraft.yaml, each with its line; other errors stay.
func kraftError(c *cobra.Command, err error) error {
	var e *gofind.KraftError
	if !errors.As(err, &e) {
		return err
	}
	report.KraftProblems(c.ErrOrStderr(), e)
	return &exitError{code: ExitError}
}
