package report

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/gofind-dev/gofind"
)

// imageSetColumns are the tab-separated fields of each line of [ImageSetLines].
var imageSetColumns = []string{"compartment", "kind", "name", "address", "detail"}

// ImageSetLines writes what the images of a set need for pipes: a line for each call that one needs (kind "call"; detail: the function
// that the chain begins in, and the entry), for each function of it that others have called ("export"; who), for each place where it has others call
// something ("gate"; what, and where), and for each instruction that calls what they ask for ("server"). All else is in lines that begin with #.
func ImageSetLines(w io.Writer, s *gofind.ImageSet) error {
	b := bufio.NewWriter(w)
	comment := func(format string, args ...any) { fmt.Fprintf(b, "# %s\n", Clean(fmt.Sprintf(format, args...))) }
	comment("kraft: %s", s.Kraft)
	comment("complete: %t", s.Complete)
	for _, m := range s.Images {
		comment("image: %s number %d, %s %s, %d bytes of live code, needs %d of %d, exports %d", m.Compartment, m.Number, m.Image, m.SHA256, m.CodeBytes, len(m.Needs), m.Linked, len(m.Exports))
	}
	comment("columns: %s", strings.Join(imageSetColumns, " "))
	for _, m := range s.Images {
		for _, r := range imageSetRows(m) {
			for i, f := range r {
				r[i] = dash(Clean(f))
			}
			b.WriteString(strings.Join(r, "\t") + "\n")
		}
	}
	for _, m := range s.Images {
		for _, u := range m.Unresolved {
			comment("unresolved: %s %s %s %s: %s", m.Compartment, u.Kind, u.Address, u.Function, u.Effect)
		}
	}
	for _, a := range s.Assumptions {
		comment("assumption: %s %s", a.Name, a.Detail)
	}
	return b.Flush()
}

func imageSetRows(m gofind.SetImage) []row {
	var rows []row
	for _, n := range m.Needs {
		detail := ""
		if len(n.Via) > 0 {
			detail = n.Via[0].Function + " " + n.Via[len(n.Via)-1].Function
		}
		rows = append(rows, row{m.Compartment, "call", n.Name, strconv.Itoa(n.Number), detail})
	}
	for _, e := range m.Exports {
		rows = append(rows, row{m.Compartment, "export", e.Function, e.Address, strings.Join(e.From, " ")})
	}
	for _, g := range m.Gates {
		if g.LiveCode {
			rows = append(rows, row{m.Compartment, "gate", g.Function, g.Address, gateText(g)})
		}
	}
	for _, v := range m.Servers {
		rows = append(rows, row{m.Compartment, "server", v.Function, v.Address, ""})
	}
	return rows
}

func gateText(g gofind.SetGate) string {
	what := strings.Join(g.Calls, " ")
	if g.Computed {
		what = strings.TrimSpace(what + " (and what it computes)")
	}
	return what + " in " + strings.Join(g.To, " ")
}

// ImageSetPage writes the same for a person at a terminal.
func ImageSetPage(w io.Writer, s *gofind.ImageSet, style Style) error {
	p := newPainter(w, style)
	fmt.Fprintf(p.w, "%s: %s, each compartment a virtual machine\n", p.paint(bold, base(s.Kraft)), count(len(s.Images), "image"))
	for _, m := range s.Images {
		p.title(bold, "%s (%s)", Clean(m.Compartment), Clean(base(m.Image)))
		p.table([]row{
			{"code", size(m.CodeBytes) + " live"},
			{"needs", fmt.Sprintf("%d of %d calls:", len(m.Needs), m.Linked)},
		}, faint)
		var rows []row
		for _, n := range m.Needs {
			rows = append(rows, row{n.Name, kraftVia(n)})
		}
		p.table(rows)
		if len(m.Exports) > 0 {
			fmt.Fprintf(p.w, "  %s\n", "others may have called, of its functions:")
			rows = nil
			for _, e := range m.Exports {
				rows = append(rows, row{function(e.Function), e.Library, "by " + strings.Join(e.From, " ")})
			}
			p.table(rows)
		}
		rows = nil
		for _, g := range m.Gates {
			if g.LiveCode {
				rows = append(rows, row{function(g.Function), gateText(g)})
			}
		}
		if len(rows) > 0 {
			fmt.Fprintf(p.w, "  %s\n", "it has others call:")
			p.table(rows)
		}
		for _, u := range m.Unresolved {
			fmt.Fprintf(p.w, "  %s\n", p.paint(yellow, Clean(strings.TrimSpace(u.Function+" "+u.Address)+": "+u.Effect)))
		}
	}
	return p.w.Flush()
}
