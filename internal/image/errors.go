package image

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// Sentinels that a FormatError may wrap.
var (
	ErrNotELF    = errors.New("not an ELF file")
	ErrTruncated = errors.New("truncated")
	// ErrNotRegular is returned (in a FormatError) for directories, devices, pipes and sockets.
	ErrNotRegular = errors.New("not a regular file")
)

// FormatError says what is wrong with a file that is not a well-formed ELF
// file. Where names the table or header, with an address or index if it helps.
type FormatError struct {
	Path, Where, Problem string
	Err                  error // a sentinel of this package, or nil
}

func (e *FormatError) Error() string { return e.Path + ": " + e.Where + ": " + e.Problem }

func (e *FormatError) Unwrap() error { return e.Err }

// UnsupportedError names a kind of file that is valid but not analysed, e.g.
// another architecture, a relocatable object, a core dump.
type UnsupportedError struct{ Path, What string }

func (e *UnsupportedError) Error() string { return e.Path + ": " + e.What + " is not supported yet" }

// ScriptError is returned for a file that starts with "#!". The system calls
// are made by its interpreter, so that is the file to scan.
type ScriptError struct {
	Path        string
	Interpreter string // the path after "#!", "" if there is none
	Command     string // the program that Interpreter looks up in PATH, if it is env(1)
}

func (e *ScriptError) Error() string {
	switch {
	case e.Interpreter == "":
		return e.Path + ": a script without an interpreter"
	case e.Command != "":
		return fmt.Sprintf("%s: a script; scan its interpreter %s (which %s looks up in PATH) instead", e.Path, e.Command, e.Interpreter)
	}
	return fmt.Sprintf("%s: a script; scan its interpreter %s instead", e.Path, e.Interpreter)
}

// scriptError parses a "#!" line as the kernel does: at most 256 bytes, blanks
// around the path, the rest of the line one argument (which env -S splits).
func scriptError(file string, data []byte) *ScriptError {
	line := string(data[2:min(len(data), 256)])
	if i := strings.IndexAny(line, "\n\x00"); i >= 0 {
		line = line[:i]
	}
	e := &ScriptError{Path: file}
	words := strings.Fields(line)
	if len(words) == 0 {
		return e
	}
	e.Interpreter = words[0]
	if path.Base(e.Interpreter) == "env" {
		for _, w := range words[1:] {
			if !strings.HasPrefix(w, "-") && !strings.Contains(w, "=") {
				e.Command = w
				break
			}
		}
	}
	return e
}

func (f *File) bad(where, format string, args ...any) error {
	return &FormatError{Path: f.Path, Where: where, Problem: fmt.Sprintf(format, args...)}
}

func (f *File) truncated(where, what string) error {
	return &FormatError{Path: f.Path, Where: where, Problem: what, Err: ErrTruncated}
}

func (f *File) unsupported(format string, args ...any) error {
	return &UnsupportedError{Path: f.Path, What: fmt.Sprintf(format, args...)}
}
