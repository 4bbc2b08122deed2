// Package term says what an output stream can show.
package term

import (
	"os"

	"golang.org/x/term"
)

// Screen describes one output stream. The zero value is a pipe or a file:
// nobody is looking, so output there is plain and does not depend on a width.
type Screen struct {
	Terminal bool // a person is looking
	Color    bool // escape sequences for colours are welcome
	Width    int  // columns; 0 when Terminal is false
}

// fallbackWidth serves terminals that do not tell their size.
const fallbackWidth = 80

// Detect looks at f and at the environment: NO_COLOR (any value but the empty
// one, see no-color.org) and TERM=dumb turn colours off.
func Detect(f *os.File, getenv func(string) string) Screen {
	fd := int(f.Fd())
	if !term.IsTerminal(fd) {
		return Screen{}
	}
	s := Screen{
		Terminal: true,
		Color:    getenv("NO_COLOR") == "" && getenv("TERM") != "dumb",
		Width:    fallbackWidth,
	}
	if w, _, err := term.GetSize(fd); err == nil && w > 0 {
		s.Width = w
	}
	return s
}
