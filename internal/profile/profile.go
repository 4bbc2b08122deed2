// Package profile writes policies in the forms that people deploy, and reads such files.
//
// # What a form cannot say
//
// No form but gofind's own and the filters themselves (raw BPF, C) says all that a policy
// says. What cannot be said is replaced by the nearest that never refuses what the policy allows, and
// is named in a note: a container that starts with a filter a little too wide is a
// smaller fault than one that does not start. So for every call, in every form:
//
//	policy allows  =>  parse(write(policy)) allows
//
// and the converse holds where there is no note. Tests check both over all numbers of
// all ABIs.
//
// # Reading
//
// Parse reads any form into a policy that does what its consumer would do with the file
// on x86-64: for the forms of containers, what libseccomp makes of it. Files are
// hostile: an error names the line, and sizes are bounded.
package profile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/policy"
)

// Info is what a profile says of itself, where its form has a place for that.
type Info struct {
	Programs []string // paths
	Notes    []string // what a reader must know
}

// title is one line about the profile.
func (i *Info) title() string {
	return "gofind profile " + strings.Join(i.Programs, " ")
}

// A Format is a form of profiles.
type Format struct {
	Name string
	Says string // what it is, for people

	// write returns the file and what it cannot say.
	write func(p *policy.Policy, info *Info) ([]byte, []string, error)
	// parse reads a file, and returns what a policy cannot say. Errors have no name of a file.
	parse func(data []byte) (*policy.Policy, []string, error)
	// is reports whether a file looks like the form.
	is func(data []byte) bool
}

// Formats are all forms, in the order in which files are tried.
var Formats = []*Format{seccompiler, oci, docker, kubernetes, systemd, bpfFormat, cFormat}

// find returns the form of that name.
func find(name string) (*Format, error) {
	i := slices.IndexFunc(Formats, func(f *Format) bool { return f.Name == name })
	if i < 0 {
		var names []string
		for _, f := range Formats {
			names = append(names, f.Name)
		}
		return nil, fmt.Errorf("there is no format %q, but %s", name, strings.Join(names, ", "))
	}
	return Formats[i], nil
}

// Write returns the file for a policy, and what it cannot say, a sentence each.
func Write(format string, p *policy.Policy, info *Info) ([]byte, []string, error) {
	f, err := find(format)
	if err != nil {
		return nil, nil, err
	}
	data, notes, err := f.write(p, info)
	return data, unique(notes), err
}

// unique drops what was said before.
func unique(notes []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(notes, func(n string) bool {
		was := seen[n]
		seen[n] = true
		return was
	})
}

// MaxSize bounds the files that Parse reads, in bytes.
const MaxSize = 16 << 20

// ErrUnknown says that a file is in none of the forms.
var ErrUnknown = errors.New("no profile in any known form")

// Parse reads a file in any form. It returns the name of the form, and what a policy
// cannot say of it. Errors name the file and, where it has lines, the line.
func Parse(file string, data []byte) (p *policy.Policy, format string, notes []string, err error) {
	if len(data) > MaxSize {
		return nil, "", nil, fmt.Errorf("%s: %d bytes; profiles have at most %d", file, len(data), MaxSize)
	}
	for _, f := range Formats {
		if !f.is(data) {
			continue
		}
		p, notes, err := f.parse(data)
		if err != nil {
			return nil, f.Name, nil, located(file, err)
		}
		return p, f.Name, notes, nil
	}
	return nil, "", nil, fmt.Errorf("%s: %w", file, ErrUnknown)
}

// located adds to an error the name of the file, and the line if it has one.
func located(file string, err error) error {
	if err == nil {
		return nil
	}
	if line := (*lineError)(nil); errors.As(err, &line) {
		return fmt.Errorf("%s:%d: %w", file, line.line, line.err)
	}
	return fmt.Errorf("%s: %w", file, err)
}

// lineError is an error in a line of a file.
type lineError struct {
	line int // from 1
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }

func (e *lineError) Unwrap() error { return e.err }
