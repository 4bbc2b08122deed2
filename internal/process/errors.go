package process

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/gofind-dev/gofind/internal/image"
)

type (
	// ScriptError is returned for a program that starts with "#!".
	ScriptError = image.ScriptError
	// UnsupportedError is returned for programs of other architectures or operating systems.
	UnsupportedError = image.UnsupportedError
)

// ProgramError says why a program could not be opened, and what to do.
type ProgramError struct {
	Program string // as given
	Problem string
	Hint    string // "" if there is nothing to suggest
	Err     error  // wraps fs.ErrNotExist, fs.ErrPermission, ... where that is the cause
}

func (e *ProgramError) Error() string {
	s := e.Program + ": " + e.Problem
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

func (e *ProgramError) Unwrap() error { return e.Err }

// MissingError says that a library was not found. It wraps fs.ErrNotExist.
type MissingError struct {
	Library  string
	NeededBy string   // path of the file that asked for it
	As       string   // how: "interpreter", "needed", "preloaded", ...
	Searched []string // directories and caches, in order
	Rejected []string // files that were found and could not serve, with the reason
	Others   []string // further libraries that are missing
}

func (e *MissingError) Error() string {
	var b strings.Builder
	b.WriteString(e.Library + ": not found")
	if e.NeededBy != "" {
		fmt.Fprintf(&b, ", needed by %s", e.NeededBy)
		if e.As != "" && e.As != "needed" {
			fmt.Fprintf(&b, " (%s)", e.As)
		}
	}
	if len(e.Searched) > 0 {
		fmt.Fprintf(&b, "; searched %s", strings.Join(e.Searched, ", "))
	}
	for _, r := range e.Rejected {
		fmt.Fprintf(&b, "; %s", r)
	}
	if len(e.Others) > 0 {
		fmt.Fprintf(&b, "; also missing: %s", strings.Join(e.Others, ", "))
	}
	if strings.Contains(e.Library, "/") {
		b.WriteString("; install the package that has it, or give the system that it belongs to with --root")
	} else {
		b.WriteString("; install the package that has it, name its directory with --library-path, or give the system that it belongs to with --root")
	}
	return b.String()
}

func (e *MissingError) Unwrap() error { return fs.ErrNotExist }

// programError words an error of the system about the program itself.
func (l *linker) programError(program string, err error) error {
	e := &ProgramError{Program: program, Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		e.Problem = "not found"
		if l.fs.dir != "" {
			e.Problem += " in " + l.fs.dir
			if rest, ok := strings.CutPrefix(program, l.fs.dir+"/"); ok {
				e.Hint = "paths are inside the root: try /" + rest
			}
		}
	case errors.Is(err, fs.ErrPermission):
		e.Problem, e.Hint = "permission denied", "run as a user who may read it"
	case errors.Is(err, syscall.ELOOP):
		e.Problem = "too many symbolic links"
	default:
		return err
	}
	return e
}

// unfit reports whether ld.so would look for another file of the same name:
// one of another class or machine, or one that may not be read.
func unfit(err error) bool {
	var u *image.UnsupportedError
	return errors.As(err, &u) || errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, image.ErrNotRegular)
}
