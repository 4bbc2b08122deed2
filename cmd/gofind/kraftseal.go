package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gofind-dev/gofind"
	"github.com/gofind-dev/gofind/internal/report"
)

// newKraftSeal is `gofind kraft seal`.
func newKraftSeal(out output) *cobra.Command {
	var (
		o         gofind.ImageSealOptions
		flags     kraftFlags
		onDeny    choice
		kraft     string
		plan      string
		printPlan bool
		file      string
		json      bool
	)
	c := &cobra.Command{
		Use:   "seal IMAGE",
		Short: "Write each compartment's rules into the image of a unikernel",
		Long: `Seal writes a copy of IMAGE, and of the file with symbols beside it, that
enforces for each compartment which system calls may happen on its behalf. IMAGE
is what a build of Unikraft leaves: the file that boots, with IMAGE.dbg. What
compartments there are, its kraft.yaml says; what they need, gofind kraft analyse
finds. To change that, write it with --print-plan, edit it, and seal with --plan.

A call that a compartment does not need fails, whoever makes it for that
compartment: the C library, another compartment that it calls, a callback, or a
thread that it started.

Where compartments are virtual machines (driver vmept), IMAGE stands for IMAGE.comp0, IMAGE.comp1 ...; all
are sealed, to FILE.comp0 .... Each refuses what it does not need, and has none of its functions called by
the others but those that their gates call. IMAGE.comp1 stands for that one alone.

If something in the image cannot be hooked, so that rules would not hold in full,
nothing is written unless --allow-gaps is given; inspect lists it then.

Where kraft.yaml has the driver intel-pku, memory keys decide, too, and protect
what decides; --no-pku is for an image that was built with another driver.`,
		Example: `  gofind kraft seal build/app_qemu-x86_64
  gofind kraft seal --compartments comps.yaml --on-deny crash -o app build/app_qemu-x86_64
  gofind kraft seal --print-plan build/app_qemu-x86_64 >plan.json
  gofind kraft seal --plan plan.json build/app_qemu-x86_64`,
		Args: arguments("IMAGE"),
		RunE: func(c *cobra.Command, args []string) error {
			if o.PKU && o.NoPKU {
				return usagef("give one of them", "--pku and --no-pku contradict each other")
			}
			var err error
			if o.Plan, err = readPlan(c, plan); err != nil {
				return err
			}
			o.Kraft = flags.options(nil)
			o.Kraft.Kraft = kraft
			if printPlan {
				p, err := gofind.PlanImage(c.Context(), args[0], o)
				if err != nil {
					return kraftError(c, err)
				}
				return report.JSON(out, p)
			}
			o.OnDeny, o.Tool = onDeny.value, buildVersion().short()
			if file == "" {
				file = strings.TrimSuffix(args[0], ".dbg") + ".sealed"
			}
			for _, f := range []string{file, file + ".dbg"} {
				if err := spares(f, plan, flags.compartments, kraft); err != nil {
					return err
				}
			}
			set, err := gofind.SealImageSet(c.Context(), args[0], file, o)
			if err != nil {
				return kraftError(c, err)
			}
			if set != nil {
				return writeImages(out, set, json)
			}
			sealed, err := gofind.SealImage(c.Context(), args[0], file, o)
			if err != nil {
				return kraftError(c, err)
			}
			return writeImage(out, sealed, json)
		},
	}
	onDeny = choice{"eperm", []string{"eperm", "enosys", "crash"}}
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringVar(&kraft, "kraft", "", "the image's kraft.yaml: a `FILE` or directory (default: near the image)")
	flags.addCommon(c)
	fs.BoolVar(&o.Unknown, "allow-unresolved", false, "seal also if what compartments need is not known in full")
	fs.StringVar(&plan, "plan", "", "do not analyse, but enforce what a `FILE` says (gofind.plan/v1)")
	fs.BoolVar(&printPlan, "print-plan", false, "write what would be enforced (gofind.plan/v1), and seal nothing")
	fs.StringVarP(&file, "output", "o", "", "write `FILE`, and FILE.dbg (default: IMAGE.sealed)")
	fs.StringVar(&o.Debug, "debug", "", "the `FILE` with symbols (default: IMAGE.dbg)")
	fs.Var(&onDeny, "on-deny", "what a denied call does, `WHAT` is eperm or enosys (it fails with this error) or crash (the image ends, and says why)")
	fs.BoolVar(&o.Protect, "protect-rules", false, "write-protect the rules and the text where the boot page table allows it")
	fs.BoolVar(&o.PKU, "pku", false, "memory keys separate compartments, as with FlexOS's intel-pku: PKRU decides, too, and a key protects the tag (default: if that is the driver in kraft.yaml)")
	fs.BoolVar(&o.NoPKU, "no-pku", false, "do without, though the driver in kraft.yaml is intel-pku: for an image that was built with another")
	fs.BoolVar(&o.AllowGaps, "allow-gaps", false, "seal also if some rules cannot be enforced in full")
	fs.BoolVar(&json, "json", false, "write JSON (gofind.image/v1)")
	return c
}

// readPlan reads the plan that was named, if one was.
func readPlan(c *cobra.Command, path string) (*gofind.ImagePlan, error) {
	if path == "" {
		return nil, nil
	}
	// It takes the place of the analysis that these are for.
	for _, name := range []string{"compartments", "transparent", "allow-unresolved"} {
		if c.Flags().Changed(name) {
			return nil, usagef("the plan says what is enforced; give one of them", "--plan and --%s contradict each other", name)
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, err := gofind.ReadImagePlan(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// newKraftInspect is `gofind kraft inspect`.
func newKraftInspect(out output) *cobra.Command {
	var json bool
	c := &cobra.Command{
		Use:   "inspect IMAGE",
		Short: "Show the rules in a sealed image",
		Long: `Inspect reads the rules from a sealed image. It needs neither symbols nor
sections: the file that boots is enough.`,
		Example: `  gofind kraft inspect app.sealed
  gofind kraft inspect app.sealed | grep deny`,
		Args: arguments("IMAGE"),
		RunE: func(c *cobra.Command, args []string) error {
			set, err := gofind.InspectImageSet(args[0])
			if set != nil {
				return writeImages(out, set, json)
			}
			if err != nil {
				return err
			}
			sealed, err := gofind.InspectImage(args[0])
			if errors.Is(err, gofind.ErrNoRules) {
				return fmt.Errorf("%w; gofind kraft seal writes some", err)
			}
			if err != nil {
				return err
			}
			return writeImage(out, sealed, json)
		},
	}
	c.Flags().BoolVar(&json, "json", false, "write JSON (gofind.image/v1)")
	return c
}

// writeImage writes rules in the form that fits the output.
func writeImage(out output, s *gofind.SealedImage, json bool) error {
	switch {
	case json:
		return report.JSON(out, s)
	case out.screen.Terminal:
		return report.ImagePage(out, s, out.style())
	}
	return report.ImageLines(out, s)
}

// writeImages is writeImage for the images of a set.
func writeImages(out output, set *gofind.SealedImageSet, json bool) error {
	if json {
		return report.JSON(out, set)
	}
	for i, s := range set.Images {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := writeImage(out, s, false); err != nil {
			return err
		}
	}
	return nil
}

// newKraftVerify is `gofind kraft verify`.
func newKraftVerify(out output) *cobra.Command {
	var (
		o    gofind.ImageVerifyOptions
		json bool
	)
	c := &cobra.Command{
		Use:   "verify IMAGE SEALED",
		Short: "Boot an image and the sealed one in QEMU, and compare",
		Long: `Verify boots IMAGE and SEALED in QEMU (without hardware support), drives both
in the same way, and compares their consoles, how they end, and what the
workload prints and ends with. A run is over when the workload ends, when
the console has the text of --until, or when the image ends by itself.

Two differences are no matter of the rules, and are only counted: numbers that are not the same in two boots
of IMAGE (a time; IMAGE is booted again to see), and addresses behind the image, which move as far as it grows.
Lines that differ for another such reason can be named with --ignore.

It ends with 0 if both did the same, and with 1 if not.`,
		Example: `  gofind kraft verify app app.sealed
  gofind kraft verify --append "app -v" --input 'select 1;\n.exit\n' app app.sealed
  gofind kraft verify --ignore 'free memory' --initrd root.cpio --append db db db.sealed
  gofind kraft verify --port 80 --workload 'curl -s --retry 20 --retry-all-errors $GOFIND_ADDR' web web.sealed`,
		Args: arguments("IMAGE", "SEALED"),
		RunE: func(c *cobra.Command, args []string) error {
			for _, re := range o.Ignore {
				if _, err := regexp.Compile(re); err != nil {
					return usagef(seeHelp(c), "--ignore: %q is no regular expression: %w", re, err)
				}
			}
			o.Input = strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\\`, `\`).Replace(o.Input)
			v, err := gofind.VerifyImage(c.Context(), args[0], args[1], o)
			if err != nil {
				return err
			}
			if json {
				err = report.JSON(out, v)
			} else {
				err = report.VerificationPage(out, v, out.style())
			}
			if err == nil && !v.Same {
				return &exitError{code: ExitError}
			}
			return err
		},
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringVar(&o.Append, "append", "", "the image's command `LINE`")
	fs.StringVar(&o.Initrd, "initrd", "", "an initial file system, from `FILE`")
	fs.IntVar(&o.Memory, "memory", 256, "memory in `MIB`")
	fs.Uint16Var(&o.Port, "port", 0, "a TCP `PORT` of the image that the workload can reach")
	fs.StringVar(&o.Workload, "workload", "", "a shell `COMMAND` to run while the image runs; $GOFIND_ADDR leads to its port")
	fs.StringVar(&o.Until, "until", "", "a `TEXT` on the console: the workload starts then, or a line is typed; without either the run is over")
	fs.StringVar(&o.Input, "input", "", "a `TEXT` to type on the console; \\n ends a line")
	fs.DurationVar(&o.Timeout, "timeout", time.Minute, "the longest `TIME` a boot may take")
	fs.StringArrayVar(&o.Ignore, "ignore", nil, "do not compare lines that match a `REGEXP`; repeatable")
	fs.StringArrayVar(&o.QEMU, "qemu", nil, "a further `ARGUMENT` for QEMU; repeatable")
	fs.BoolVar(&json, "json", false, "write JSON (gofind.kraftverify/v1)")
	return c
}
