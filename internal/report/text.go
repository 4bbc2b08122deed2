package report

import (
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ianlancetaylor/demangle"
)

// Clean returns s on one line with nothing in it that a terminal would obey:
// control and invisible characters and broken UTF-8 become Go escapes.
func Clean(s string) string {
	if !strings.ContainsFunc(s, unsafeRune) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
		s = s[n:]
	}
	return b.String()
}

// unsafeRune reports what Clean rewrites. Broken UTF-8 arrives as RuneError; a
// genuine U+FFFD takes the slow path and comes out as it is.
func unsafeRune(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }

// maxName bounds a demangled name to 2^10 bytes: mangled names can unfold without end.
const maxName = 10

// function returns a name for people: C++ and Rust names without their
// parameters, everything else as it is.
func function(name string) string {
	return Clean(demangle.Filter(name, demangle.NoParams, demangle.MaxLength(maxName)))
}

// base returns the last element of an image's path.
func base(image string) string {
	if image == "" {
		return ""
	}
	return Clean(path.Base(image))
}

// columns counts the columns that s takes, one for each character.
func columns(s string) int { return utf8.RuneCountInString(s) }

// wrap breaks s between words into lines of at most width columns, if the words
// are that short; width <= 0 leaves one line.
func wrap(s string, width int) []string {
	if width <= 0 {
		return []string{s}
	}
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		switch {
		case line == "":
			line = word
		case columns(line)+1+columns(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// cut shortens s to at most width columns; width <= 0 leaves it alone.
func cut(s string, width int) string {
	if width <= 0 || columns(s) <= width {
		return s
	}
	r := []rune(s)
	return string(r[:width-1]) + "…"
}

// pad fills s with spaces up to width columns.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-columns(s)))
}

// count writes n with a noun: "1 image", "2 images".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// dash stands for an empty field.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
