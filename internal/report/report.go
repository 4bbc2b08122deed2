// Package report writes results for whoever reads them: JSON for programs
// ([JSON]), lines for grep and cut ([Lines]) and a page for a person at a
// terminal ([Page]). The same result always gives the same bytes.
//
// Names of functions, sections and files come from the files that were
// scanned, so they are hostile: whatever could steer a terminal or break a
// line is shown as an escape in both text forms.
package report

import (
	"strings"

	"github.com/gofind-dev/gofind"
)

// Style says how a page is to look.
type Style struct {
	Color bool
	Width int // columns; 0 does not cut
}

// origins are the values of [gofind.Site.Origin], the strongest reason first.
// A call that the program makes is the program's, even if the loader makes it too.
var origins = []struct{ name, title string }{
	{"program", "Made by the program and its libraries"},
	{"dlopen", "Made only in files loaded at run time"},
	{"libc-start", "Made only as the C library starts"},
	{"loader", "Made only in the dynamic loader"},
	{"vdso", "Made only where the vDSO falls back to the kernel"},
	{"kernel", "Implied by the kernel"},
}

// origin returns the strongest origin among the sites of a call.
func origin(c gofind.Syscall) string {
	for _, o := range origins {
		for _, s := range c.Sites {
			if s.Origin == o.name {
				return o.name
			}
		}
	}
	if len(c.Sites) > 0 {
		return c.Sites[0].Origin
	}
	return ""
}

// shown returns the site that stands for the call, one of its strongest origin:
// the one at the end of the chain if that is one of them, else the first.
func shown(c gofind.Syscall) (site gofind.Site, ok bool) {
	want := origin(c)
	for _, s := range c.Sites {
		if s.Origin != want {
			continue
		}
		if endsAt(c.Via, s) {
			return s, true
		}
		if !ok {
			site, ok = s, true
		}
	}
	return site, ok
}

// endsAt reports whether a chain leads to the function of a site.
func endsAt(via []gofind.Step, s gofind.Site) bool {
	if len(via) == 0 {
		return false
	}
	last := via[len(via)-1]
	return last.Function == s.Function && last.Image == s.Image
}

// caller returns the function before the site at the end of the chain, with its
// image if that is another one; "" if the chain is not known or leads elsewhere.
func caller(c gofind.Syscall, s gofind.Site) string {
	if len(c.Via) < 2 || !endsAt(c.Via, s) {
		return ""
	}
	before := c.Via[len(c.Via)-2]
	image := base(before.Image)
	if before.Image == s.Image || strings.HasPrefix(before.Function, image+"+0x") {
		return function(before.Function)
	}
	return image + ":" + function(before.Function)
}
