package gofind

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gofind-dev/gofind/internal/unikraft"
)

// maxDifferences is how many lines that differ are listed.
const maxDifferences = 20

// comparer compares lines of two images, one of which has rules.
type comparer struct {
	ignore []*regexp.Regexp
	end    uint64              // of the image without rules
	moved  uint64              // how much further the other one goes
	varies map[string][]string // by line: its numbers as another boot had them

	shifted, varied int // lines that were taken to be the same
}

// pages is the size of a page of memory: images take whole ones.
const pages = 0x1000

// growth returns the end of the image without rules in memory, and how much further the other goes, in whole pages. What an image
// finds behind itself (its heap) moves by that.
func growth(plain, sealed string) (end, moved uint64, err error) {
	a, err := unikraft.Open(plain)
	if err != nil {
		return 0, 0, err
	}
	b, err := unikraft.Open(sealed)
	if err != nil {
		return 0, 0, err
	}
	up := func(n uint64) uint64 { return (n + pages - 1) &^ (pages - 1) }
	return a.End(), up(b.End()) - up(a.End()), nil
}

// Digits make a number, hexadecimal or not; a group has several with one sign between them each, as a time.
var (
	digits = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?:0x)?[0-9a-fA-F]*[0-9][0-9a-fA-F]*`) })

	digitGroups = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(digits().String() + `(?:[-:./]` + digits().String() + `)*`)
	})
)

// vary learns which numbers are not the same in two boots of one image. Lines are told apart by what is no digits.
func (c *comparer) vary(a, b string) {
	x, y := c.lines(a), c.lines(b)
	for len(x) > 0 && len(y) > 0 && shape(x[0]) == shape(y[0]) {
		c.varying(x[0], y[0])
		x, y = x[1:], y[1:]
	}
	for len(x) > 0 && len(y) > 0 && shape(x[len(x)-1]) == shape(y[len(y)-1]) {
		c.varying(x[len(x)-1], y[len(y)-1])
		x, y = x[:len(x)-1], y[:len(y)-1]
	}
}

func (c *comparer) varying(x, y string) {
	if x == y {
		return
	}
	if c.varies == nil {
		c.varies = map[string][]string{}
	}
	c.varies[x] = digitGroups().FindAllString(y, -1)
}

func shape(line string) string { return digitGroups().ReplaceAllString(line, "0") }

// same reports whether a line is that of the image without rules, but for what is excused.
func (c *comparer) same(x, y string) bool {
	switch {
	case x == y:
	case c.shift(x, y):
		c.shifted++
	case c.variant(x, y):
		c.varied++
	default:
		return false
	}
	return true
}

// variant reports whether lines differ in numbers alone that vary anyway.
func (c *comparer) variant(x, y string) bool {
	other, varies := c.varies[x]
	if !varies || shape(x) != shape(y) {
		return false
	}
	a, b := digitGroups().FindAllString(x, -1), digitGroups().FindAllString(y, -1)
	for i := range a {
		if a[i] != b[i] && a[i] == other[i] {
			return false
		}
	}
	return true
}

// shift reports whether lines differ in addresses behind the image alone, which moved as it grew.
func (c *comparer) shift(x, y string) bool {
	if digits().ReplaceAllString(x, "0") != digits().ReplaceAllString(y, "0") {
		return false
	}
	a, b := digits().FindAllString(x, -1), digits().FindAllString(y, -1)
	for i := range a {
		if a[i] == b[i] {
			continue
		}
		from, err := strconv.ParseUint(strings.TrimPrefix(a[i], "0x"), 16, 64)
		to, bad := strconv.ParseUint(strings.TrimPrefix(b[i], "0x"), 16, 64)
		if err != nil || bad != nil || from < c.end || to-from != c.moved {
			return false
		}
	}
	return true
}

// excused says what was taken to be the same.
func (c *comparer) excused() []string {
	out := []string{}
	if c.shifted > 0 {
		out = append(out, fmt.Sprintf("%d lines with addresses behind the image, which is %#x bytes longer", c.shifted, c.moved))
	}
	if c.varied > 0 {
		out = append(out, fmt.Sprintf("%d lines with numbers that differ in two boots without rules, too", c.varied))
	}
	return out
}

// lines are those that are compared.
func (c *comparer) lines(s string) []string {
	var out []string
	for l := range strings.Lines(s) {
		l = strings.TrimRight(l, "\r\n")
		if !slices.ContainsFunc(c.ignore, func(re *regexp.Regexp) bool { return re.MatchString(l) }) {
			out = append(out, l)
		}
	}
	return out
}

// differences lists the lines that are in one text and not in the other, in their order.
func (c *comparer) differences(what, a, b string) []string {
	x, y := c.lines(a), c.lines(b)
	// What is common at both ends is not shown.
	for len(x) > 0 && len(y) > 0 && c.same(x[0], y[0]) {
		x, y = x[1:], y[1:]
	}
	for len(x) > 0 && len(y) > 0 && c.same(x[len(x)-1], y[len(y)-1]) {
		x, y = x[:len(x)-1], y[:len(y)-1]
	}
	var out []string
	for _, side := range []struct {
		lines []string
		name  string
	}{{x, what + ", plain: "}, {y, what + ", sealed: "}} {
		for i, l := range side.lines {
			if i == maxDifferences {
				out = append(out, fmt.Sprintf("%s... %d more lines", side.name, len(side.lines)-i))
				break
			}
			out = append(out, side.name+l)
		}
	}
	return out
}
