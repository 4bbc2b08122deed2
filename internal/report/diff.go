package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/gofind-dev/gofind"
)

// DiffKinds are the kinds of calls in which two sides differ.
var DiffKinds = []string{"new", "gone", "changed", "lacking", "partly", "unused"}

// DiffCalls returns the calls of a kind.
func DiffCalls(d *gofind.Diff, kind string) []gofind.DiffCall {
	switch kind {
	case "new":
		return d.New
	case "gone":
		return d.Gone
	case "changed":
		return d.Changed
	case "lacking":
		return d.Lacking
	case "partly":
		return d.Partly
	case "unused":
		return d.Unused
	}
	return nil
}

var diffTitles = map[string]string{
	"new":     "New",
	"gone":    "Gone",
	"changed": "Changed",
	"lacking": "Lacking: the program needs them, the profile refuses them",
	"partly":  "Partly: depends on arguments that are not known, or on what libraries do at ENOSYS",
	"unused":  "Unused: allowed for nothing",
}

// DiffPage writes a comparison for people. It has no columns to be cut, so it is the
// same in a pipe.
func DiffPage(w io.Writer, d *gofind.Diff, style Style) error {
	p := newPainter(w, style)
	for _, s := range []struct {
		letter string
		side   gofind.DiffSide
	}{{"A", d.A}, {"B", d.B}} {
		kind := s.side.Kind
		if s.side.Format != "" {
			kind += ", " + s.side.Format
		}
		fmt.Fprintf(p.w, "%s: %s (%s)\n", s.letter, Clean(s.side.Name), Clean(kind))
	}
	for _, n := range d.Notes {
		fmt.Fprintf(p.w, "note: %s\n", Clean(n))
	}
	differ := false
	for _, kind := range DiffKinds {
		calls := DiffCalls(d, kind)
		if len(calls) == 0 {
			continue
		}
		differ = true
		sgr := bold
		if kind == "new" || kind == "lacking" {
			sgr = red
		}
		p.title(sgr, "%s (%d)", diffTitles[kind], len(calls))
		if kind == "unused" || kind == "gone" {
			p.names(calls)
			continue
		}
		for _, c := range calls {
			p.diffCall(c)
		}
	}
	if !differ {
		fmt.Fprintln(p.w, "\nNo difference.")
	}
	return p.w.Flush()
}

// names writes the names of calls, as many a line as fit, those of each ABI together.
func (p *painter) names(calls []gofind.DiffCall) {
	width := p.style.Width
	if width <= 0 {
		width = 80
	}
	for _, abi := range []string{"x86_64", "i386", "x32"} {
		var plain []string
		for _, c := range calls {
			if c.ABI != abi {
				continue
			}
			name := diffName(gofind.DiffCall{Name: c.Name, Number: c.Number})
			if c.Detail != "" {
				name += " (" + Clean(c.Detail) + ")"
			}
			plain = append(plain, name)
		}
		if len(plain) == 0 {
			continue
		}
		if abi != "x86_64" {
			fmt.Fprintf(p.w, "  %s (%d):\n", abi, len(plain))
		}
		for _, line := range wrap(strings.Join(plain, " "), width-2) {
			fmt.Fprintf(p.w, "  %s\n", line)
		}
	}
}

// diffName is the name of a call, or its number if it has none.
func diffName(c gofind.DiffCall) string {
	name := c.Name
	if name == "" {
		name = fmt.Sprintf("#%d", c.Number)
	}
	return CallName(gofind.Syscall{Name: name, ABI: c.ABI})
}

// diffCall writes a call with the chain that leads to it.
func (p *painter) diffCall(c gofind.DiffCall) {
	line := "  " + diffName(c)
	if c.Detail != "" {
		line += ": " + Clean(c.Detail)
	}
	fmt.Fprintln(p.w, line)
	for _, s := range c.Via {
		fmt.Fprintf(p.w, "    %s\n", p.paint(faint, fmt.Sprintf("%s %s (%s)", base(s.Image), function(s.Function), Clean(s.How))))
	}
}
