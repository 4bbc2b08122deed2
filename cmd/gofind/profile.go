package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gofind-dev/gofind"
	"github.com/gofind-dev/gofind/internal/report"
)

// policyFlags are the flags that say which policy is made of programs.
type policyFlags struct {
	scan            scanFlags
	action          string
	base            string
	exec            []string
	aliases         bool
	allowUnresolved bool
	noArguments     bool
}

// add declares the flags on a command.
func (f *policyFlags) add(c *cobra.Command) {
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringVar(&f.action, "action", "kill", "what happens to a call that is not needed: `ACTION` kill (the process), errno, errno:N, trap, log")
	fs.StringVar(&f.base, "base", "", "allow too what `WHO` installs the filter needs itself: "+strings.Join(gofind.Bases(), ", ")+", none")
	fs.StringArrayVar(&f.exec, "exec", nil, "what the programs may execute where their files do not say it: deny, allow-any, or `PATH` (repeatable)")
	fs.BoolVar(&f.aliases, "aliases", false, "allow equivalents (open and openat), so that a newer C library works")
	fs.BoolVar(&f.allowUnresolved, "allow-unresolved", false, "accept programs that may make calls which were not found")
	fs.BoolVar(&f.noArguments, "no-arguments", false, "allow calls with all arguments, also where their values are known")
	f.scan.add(c)
	must(c.RegisterFlagCompletionFunc("base", cobra.FixedCompletions(append(gofind.Bases(), "none"), cobra.ShellCompDirectiveNoFileComp)))
}

// options returns the flags as the public package takes them.
func (f *policyFlags) options() gofind.PolicyOptions {
	base := f.base
	if base == "none" {
		base = ""
	}
	return gofind.PolicyOptions{
		Scan: f.scan.options(), Action: f.action, Base: base, Exec: f.exec,
		Aliases: f.aliases, AllowUnresolved: f.allowUnresolved, NoArguments: f.noArguments,
	}
}

// newPolicy makes the policy; its errors say what the user can do about them.
func newPolicy(c *cobra.Command, programs []string, o gofind.PolicyOptions) (*gofind.Policy, error) {
	p, err := gofind.NewPolicy(c.Context(), programs, o)
	return p, policyError(c, err)
}

// policyError adds to an error what the user can do about it.
func policyError(c *cobra.Command, err error) error {
	var incomplete *gofind.IncompleteError
	var option *gofind.OptionError
	switch {
	case errors.As(err, &incomplete):
		return &exitError{ExitIncomplete, fmt.Errorf("%w; gofind scan %s says where; --allow-unresolved accepts that", err, incomplete.Result.Program), ""}
	case errors.As(err, &option):
		return usagef(seeHelp(c), "%w", err)
	case errors.As(err, new(*gofind.AssumptionError)):
		return usagef("gofind assumptions says what they are", "%w", err)
	case err != nil:
		return &exitError{ExitError, err, hint(err)}
	}
	return nil
}

// defaultBase is what applies the profiles of a form and then executes the program.
var defaultBase = map[string]string{"oci": "runc", "docker": "runc", "kubernetes": "runc", "systemd": "systemd"}

// newProfile is `gofind profile`.
func newProfile(out output) *cobra.Command {
	var (
		flags  policyFlags
		format string
		file   string
	)
	var names []string
	var says strings.Builder
	for _, f := range gofind.ProfileFormats() {
		names = append(names, f.Name)
		fmt.Fprintf(&says, "  %-12s %s\n", f.Name, f.Says)
	}
	c := &cobra.Command{
		Use:   "profile PROGRAM...",
		Short: "Write a seccomp profile that allows what programs need",
		Long: `Profile writes a seccomp profile that allows the system calls that the PROGRAMs
can make, all of them together, and refuses all others. Formats:

` + says.String() + `
A filter survives execution, so what the programs execute is followed where
their files say it, and else has to be decided with --exec. On standard error
it says what the format cannot express and which dangerous calls are still
allowed, with the way that leads to them; --format json has the same. The
profile itself goes to standard output, or into a file with -o.

If --base is not given, it is runc for oci, docker and kubernetes, systemd for
systemd, and none for the other forms.`,
		Example: `  gofind profile --format docker -o cat.json cat
  gofind profile --format systemd nginx --exec deny
  gofind profile --format oci --base crun --exec /bin/sh nginx
  gofind profile --format json --aliases --exec deny redis-server | jq -r '.dangerous[].name'
  gofind profile --format bpf --base exec -o ls.bpf ls`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef(seeHelp(c), "%s needs PROGRAM", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			opts := flags.options()
			if flags.base == "" {
				opts.Base = defaultBase[format]
			}
			if !slices.Contains(names, format) {
				return usagef(seeHelp(c), "--format must be %s", strings.Join(names, ", "))
			}
			if format == "bpf" && file == "" && out.screen.Terminal {
				return usagef("give a file with -o, or redirect the output", "a filter is no text for a terminal")
			}
			p, err := newPolicy(c, args, opts)
			if err != nil {
				return err
			}
			var data bytes.Buffer
			notes, err := p.Write(&data, format)
			if err != nil {
				return err
			}
			if format != "json" {
				var cost *gofind.FilterCost
				if format == "bpf" || format == "c" {
					if cost, err = p.Cost(); err != nil {
						return err
					}
				}
				if err := report.PolicyNotes(c.ErrOrStderr(), p, format, notes, cost); err != nil {
					return err
				}
			}
			if file == "" {
				_, err = out.Write(data.Bytes())
				return err
			}
			return writeFile(file, data.Bytes())
		},
	}
	c.Flags().SortFlags = false
	c.Flags().StringVar(&format, "format", "", "the `FORM` of the profile (required)")
	c.Flags().StringVarP(&file, "output", "o", "", "write the profile to `FILE`")
	flags.add(c)
	must(c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp)))
	return c
}

// writeFile writes a file as a whole or not at all: a new one takes the place of the old. What is no
// regular file, such as a pipe, is written to.
func writeFile(name string, data []byte) (err error) {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real // what a link leads to is written
	} else if _, err := os.Lstat(name); err == nil {
		return fmt.Errorf("%s is a link that leads to no file; remove it, or give another name with -o", name)
	}
	if st, err := os.Stat(name); err == nil && !st.Mode().IsRegular() {
		return os.WriteFile(name, data, 0o644)
	}
	if isELF(name) { // a slip such as -o PROGRAM must not cost it
		return fmt.Errorf("%s is a program or a library, which is not replaced by a text; give another name with -o", name)
	}
	dir, base := filepath.Split(name)
	if dir == "" {
		dir = "."
	}
	f, err := os.CreateTemp(dir, "."+base+".*")
	if err != nil {
		return notWritten(name, err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// isELF reports whether there is an ELF file of that name.
func isELF(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	var magic [4]byte
	_, err = io.ReadFull(f, magic[:])
	return err == nil && string(magic[:]) == "\x7fELF"
}

// notWritten names the file that was to be written, and not the temporary one.
func notWritten(name string, err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("%s cannot be written: %v; give the name of a file in a directory that you may write to", name, err)
}
