package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gofind-dev/gofind"
	"github.com/gofind-dev/gofind/internal/report"
)

// attributeFlags say what a file that is written keeps of the program's attributes.
type attributeFlags struct {
	output     string
	attributes choice
}

func (f *attributeFlags) add(c *cobra.Command) {
	f.attributes = choice{"all", []string{"all", "mode"}}
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringVarP(&f.output, "output", "o", "", "write the new program to `FILE` (required)")
	fs.Var(&f.attributes, "attributes", "keep `WHICH` attributes of the file: all (mode, owner, capabilities, extended attributes; an error if that cannot be), or mode, the permission bits alone")
	must(c.RegisterFlagCompletionFunc("attributes", cobra.FixedCompletions(f.attributes.allowed, cobra.ShellCompDirectiveNoFileComp)))
}

// check demands -o.
func (f *attributeFlags) check(c *cobra.Command) error {
	if f.output == "" {
		return usagef(seeHelp(c), "%s needs -o FILE", c.CommandPath())
	}
	return nil
}

func (f *attributeFlags) modeOnly() bool { return f.attributes.value == "mode" }

// newSeal is `gofind seal`.
func newSeal(out output) *cobra.Command {
	var (
		file     attributeFlags
		policy   policyFlags
		setuid   choice
		appended choice
		json     bool
	)
	c := &cobra.Command{
		Use:   "seal PROGRAM",
		Short: "Make an executable that carries its own filter",
		Long: `Seal writes a copy of PROGRAM, a path or a name on PATH, that installs a seccomp
filter at its entry, before its own constructors and main. The filter allows what
the program needs. Nothing but the kernel is needed to run it: a sealed program
that cannot install its filter says why and ends with ` + fmt.Sprint(gofind.SealExitCode) + `.

What the program executes stays under the filter: it is followed where the file
says it, and has to be decided with --exec elsewhere. gofind inspect shows what
a sealed program has, gofind unseal gives back the original.`,
		Example: `  gofind seal memcached --exec deny -o ./memcached
  gofind seal --action errno:1 /usr/bin/cat -o ./cat
  gofind seal --action log --exec deny redis-server -o ./redis-server     only log what would be refused
  gofind inspect ./cat
  gofind unseal ./cat -o ./cat.original`,
		Args: arguments("PROGRAM"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := file.check(c); err != nil {
				return err
			}
			opts := gofind.SealOptions{
				Policy:     policy.options(),
				Privileged: setuid.value == "allow",
				Stay:       appended.value == "stay",
				ModeOnly:   file.modeOnly(),
				Tool:       "gofind " + buildVersion().short(),
			}
			if opts.Policy.Scan.SinceMain {
				return usagef("the filter of a sealed program holds before main", "seal cannot take --since main")
			}
			s, err := gofind.Seal(c.Context(), args[0], file.output, opts)
			if err != nil {
				return policyError(c, err)
			}
			if json {
				return report.JSON(out, s)
			}
			return report.SealNotes(c.ErrOrStderr(), s)
		},
	}
	file.add(c)
	setuid = choice{"refuse", []string{"refuse", "allow"}}
	c.Flags().Var(&setuid, "setuid", "a program that gets privileges when it is executed (setuid, setgid, capabilities): `WHAT` to do, refuse or allow")
	appended = choice{"end", []string{"end", "stay"}}
	c.Flags().Var(&appended, "appended", "`WHERE` bytes that were appended to the ELF file are in the new one: end (AppImage, PyInstaller), or stay at their offset (.NET)")
	c.Flags().BoolVar(&json, "json", false, "write JSON (gofind.inspect/v1)")
	policy.add(c)
	must(c.Flags().MarkHidden("base")) // nothing else installs the filter
	must(c.RegisterFlagCompletionFunc("appended", cobra.FixedCompletions(appended.allowed, cobra.ShellCompDirectiveNoFileComp)))
	must(c.RegisterFlagCompletionFunc("setuid", cobra.FixedCompletions(setuid.allowed, cobra.ShellCompDirectiveNoFileComp)))
	return c
}

// newUnseal is `gofind unseal`.
func newUnseal() *cobra.Command {
	var file attributeFlags
	c := &cobra.Command{
		Use:   "unseal FILE",
		Short: "Give back the original of a sealed executable",
		Long: `Unseal writes the program that FILE was before gofind seal, byte for byte, which
its hash proves. It is an error if FILE was changed since, by strip for instance.`,
		Example: `  gofind unseal ./memcached -o ./original`,
		Args:    arguments("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := file.check(c); err != nil {
				return err
			}
			return gofind.Unseal(args[0], file.output, file.modeOnly())
		},
	}
	file.add(c)
	return c
}

// newInspect is `gofind inspect`.
func newInspect(out output) *cobra.Command {
	var (
		json  bool
		check bool
		root  string
	)
	c := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Show the filter of a sealed executable",
		Long: `Inspect shows what the sealed executable FILE carries: from when its filter
holds, what it does to each call, which gofind made it, and which files the
answer rests on, with their hashes.

With --check it compares these with the files as they are now, and ends with 5 if
one has changed: the program may then make calls that its filter refuses, and
should be sealed again.`,
		Example: `  gofind inspect ./memcached
  gofind inspect --json ./memcached | jq .policy.rules
  gofind inspect --check ./memcached`,
		Args: arguments("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := gofind.Inspect(args[0])
			if err != nil {
				return &exitError{ExitError, err, hint(err)}
			}
			var changes []gofind.Change
			if check {
				if changes, err = s.Check(root); err != nil {
					return err
				}
				s.Changed = changes
			}
			switch {
			case json:
				err = report.JSON(out, s)
			case out.screen.Terminal:
				err = report.SealPage(out, s, out.style())
			default:
				err = report.SealLines(out, s)
			}
			if err == nil && len(changes) > 0 {
				return &exitError{ExitChanged, errors.New("files that the filter rests on have changed since the program was sealed"), "seal it again: gofind seal " + args[0] + " -o NEW"}
			}
			return err
		},
	}
	c.Flags().BoolVar(&json, "json", false, "write JSON (gofind.inspect/v1)")
	c.Flags().BoolVar(&check, "check", false, "say which files have changed since (exit code 5)")
	c.Flags().StringVar(&root, "root", "", "with --check: the files are inside `DIR`")
	must(c.MarkFlagDirname("root"))
	return c
}
