package main

import (
	"errors"
	"io/fs"
	"os/exec"

	"github.com/gofind-dev/gofind"
)

// hint returns what the user can do about an error of a scan that does not say
// so itself, or "".
func hint(err error) string {
	switch {
	case errors.As(err, new(*gofind.UnikernelError)):
		return "gofind kraft analyse says what it can call: give it the directory of kraft.yaml, or the .dbg file of the build"
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, exec.ErrNotFound):
		return "give the path of a program, or the name of one on PATH (with --root, inside the root)"
	case errors.Is(err, fs.ErrPermission):
		return "gofind only reads files: run it as a user who may read this one"
	}
	return ""
}
