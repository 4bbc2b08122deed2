package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gofind-dev/gofind/internal/report"
)

// ExitCode is what gofind tells the shell. The numbers are part of the
// command's interface; README.md and `gofind help exit-codes` list them.
type ExitCode int

// The exit codes.
const (
	ExitOK         ExitCode = iota // the question was answered in full
	ExitError                      // no answer
	ExitUsage                      // the command line is wrong
	ExitIncomplete                 // an answer that may lack calls
	ExitNever                      // why: the program cannot make the call
	ExitChanged                    // inspect --check: a file has changed
	ExitDiffers                    // diff --fail-on: there are such calls
)

// exitMeanings says what each code means, in the words of the documentation.
var exitMeanings = []string{
	ExitOK:         "a complete answer; with `why`, the program can make the call",
	ExitError:      "no answer: a file that cannot be read, found or analysed; with `verify`, a call that was not predicted; with `kraft verify`, a difference",
	ExitUsage:      "the command line is wrong",
	ExitIncomplete: "an incomplete answer: the program may make calls that are not listed",
	ExitNever:      "`why`: the program cannot make the call",
	ExitChanged:    "`inspect --check`: a file that the filter rests on has changed since the program was sealed",
	ExitDiffers:    "`diff --fail-on`: there are calls of the kinds that it names",
}

// exitError ends the command with a code and, unless err is nil, a message.
type exitError struct {
	code ExitCode
	err  error
	hint string // what the user can do about it; may be empty
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usagef reports a wrong command line.
func usagef(hint, format string, args ...any) error {
	return &exitError{ExitUsage, fmt.Errorf(format, args...), hint}
}

// fail writes err as a line "gofind: ...", with lines below it that help, and
// returns the exit code that err stands for. The parts of a message are
// separated by semicolons: what is wrong, then details and what to do.
func fail(w io.Writer, err error) ExitCode {
	if err == nil {
		return ExitOK
	}
	var exit *exitError
	if !errors.As(err, &exit) {
		exit = &exitError{code: ExitError, err: err}
	}
	if exit.err != nil {
		message, more, found := strings.Cut(exit.err.Error(), "; ")
		fmt.Fprintf(w, "gofind: %s\n", oneLine(message))
		if !found {
			more = exit.hint
		}
		for line := range strings.SplitSeq(more, "; ") {
			if line != "" {
				fmt.Fprintf(w, "  %s\n", oneLine(line))
			}
		}
	}
	return exit.code
}

// oneLine makes a message safe for a terminal; the names in it can be hostile.
func oneLine(s string) string {
	return report.Clean(strings.Join(strings.Fields(s), " "))
}
