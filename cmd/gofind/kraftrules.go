package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gofind-dev/gofind"
	"github.com/gofind-dev/gofind/internal/report"
)

// newKraftRules is `gofind kraft rules`.
func newKraftRules(out output) *cobra.Command {
	var (
		o      gofind.ImageSealOptions
		flags  kraftFlags
		onDeny choice
		kraft  string
		plan   string
		dir    string
		json   bool
	)
	c := &cobra.Command{
		Use:   "rules IMAGE",
		Short: "Write rules for those who build a unikernel from source",
		Long: `Rules writes what the micro-library of runtime/unikraft links into the image of a
unikernel, so that it enforces the rules that gofind kraft seal would write into
it. Where seal moves instructions, the compiler leaves room for a call at the
start of each function, so that all of its functions can be hooked.

IMAGE is what a build with CONFIG_LIBGOFIND leaves. Rules are for that image:
after changes of its sources or of its configuration, build without rules, make
them again, and build with them.`,
		Example: `  gofind kraft rules -o rules build/app_qemu-x86_64      then CONFIG_LIBGOFIND_RULES="$PWD/rules", and build again
  gofind kraft rules --plan plan.json -o rules build/app_qemu-x86_64
  gofind kraft inspect build/app_qemu-x86_64`,
		Args: arguments("IMAGE"),
		RunE: func(c *cobra.Command, args []string) error {
			if dir == "" {
				return usagef(seeHelp(c), "name the directory to write to, with -o")
			}
			var err error
			if o.Plan, err = readPlan(c, plan); err != nil {
				return err
			}
			o.Kraft = flags.options(nil)
			o.Kraft.Kraft = kraft
			o.OnDeny, o.Tool = onDeny.value, buildVersion().short()
			r, err := gofind.WriteImageRules(c.Context(), args[0], dir, o)
			if gaps := (*gofind.ImageGapsError)(nil); errors.As(err, &gaps) {
				for _, g := range gaps.Gaps {
					where := g.Function
					if where == "" {
						where = "the image"
					}
					fmt.Fprintf(c.ErrOrStderr(), "%s: %s\n", report.Clean(where), report.Clean(g.Reason))
				}
			}
			if err != nil {
				return kraftError(c, err)
			}
			if json {
				return report.JSON(out, r)
			}
			return report.ImageRulesLines(out, r)
		},
	}
	onDeny = choice{"eperm", []string{"eperm", "enosys", "crash"}}
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringVarP(&dir, "output", "o", "", "write to the directory `DIR`")
	fs.StringVar(&kraft, "kraft", "", "the image's kraft.yaml: a `FILE` or directory (default: near the image)")
	flags.addCommon(c)
	fs.BoolVar(&o.Unknown, "allow-unresolved", false, "write rules also if what compartments need is not known in full")
	fs.StringVar(&plan, "plan", "", "do not analyse, but enforce what a `FILE` says (gofind.plan/v1)")
	fs.StringVar(&o.Debug, "debug", "", "the `FILE` with symbols (default: IMAGE.dbg)")
	fs.Var(&onDeny, "on-deny", "what a denied call does, `WHAT` is eperm or enosys (it fails with this error) or crash (the image ends, and says why)")
	fs.BoolVar(&o.AllowGaps, "allow-gaps", false, "write rules also if some cannot be enforced in full")
	fs.BoolVar(&json, "json", false, "write JSON (gofind.kraftrules/v1)")
	return c
}
