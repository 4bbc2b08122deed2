package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// The README has a row for each exit code, with the words of the help.
func TestExitCodesDocumented(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for code, meaning := range exitMeanings {
		row := fmt.Sprintf("| %d | %s |\n", code, meaning)
		if !strings.Contains(string(readme), row) {
			t.Errorf("README.md lacks the row %s", row)
		}
	}
}

func TestFail(t *testing.T) {
	for _, tt := range []struct {
		err  error
		code ExitCode
		want string
	}{
		{nil, ExitOK, ""},
		{errors.New("it broke"), ExitError, "gofind: it broke\n"},
		{errors.New("it broke; mend it; or not"), ExitError, "gofind: it broke\n  mend it\n  or not\n"},
		{fmt.Errorf("here: %w", errors.New("a\n\x1b[31mb")), ExitError, "gofind: here: a \\x1b[31mb\n"},
		{usagef("see the help", "no %s", "flag"), ExitUsage, "gofind: no flag\n  see the help\n"},
		{&exitError{code: ExitNever}, ExitNever, ""},
		{fmt.Errorf("wrapped: %w", &exitError{code: ExitIncomplete}), ExitIncomplete, ""},
	} {
		var b bytes.Buffer
		if code := fail(&b, tt.err); code != tt.code || b.String() != tt.want {
			t.Errorf("fail(%v) = %d, %q, want %d, %q", tt.err, code, b.String(), tt.code, tt.want)
		}
	}
}
