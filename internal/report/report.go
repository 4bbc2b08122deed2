// Package report writes results for whoever reads them: JSON for programs
// ([JSON]), lines for grep and cut ([Lines]) and a page for a person at a
// terminal ([Page]). The same result always gives the same bytes.
//
// Names of functions, sections and files come from the files that were
// scanned, so they are hostile: whatever could steer a terminal or break a
// line is shown as an escape in both text forms.
package report

import (
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

// shown returns the site that stands for the call: the first of its strongest origin.
func shown(c gofind.Syscall) (site gofind.Site, ok bool) {
	want := origin(c)
	for _, s := range c.Sites {
		if s.Origin == want {
			return s, true
		}
	}
	return gofind.Site{}, false
}
