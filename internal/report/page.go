package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/gofind-dev/gofind"
)

// Page writes the text form for a person at a terminal: a header, the calls in
// groups by what makes them, each with the place that makes it, and then what
// limits or widens the answer. Lines are cut to the style's width.
func Page(w io.Writer, r *gofind.Result, style Style) error {
	p := newPainter(w, style)
	p.header(r)
	p.calls(r)
	p.arguments(r)
	p.unresolved(r)
	p.dlopen(r)
	p.exec(r)
	p.notes(r)
	p.assumptions(r)
	return p.w.Flush()
}

// painter writes the parts of a page.
type painter struct {
	w     *bufio.Writer
	style Style
}

func newPainter(w io.Writer, style Style) *painter {
	return &painter{bufio.NewWriter(w), style}
}

// Select Graphic Rendition codes (ECMA-48, 8.3.117).
const (
	bold   = "1"
	faint  = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

// paint wraps s in a colour if the style has colours.
func (p *painter) paint(sgr, s string) string {
	if !p.style.Color || s == "" {
		return s
	}
	return "\x1b[" + sgr + "m" + s + "\x1b[0m"
}

// row is the cells of one line of a table.
type row []string

// table writes rows in aligned columns, two spaces in. The first column is never
// cut, those in the middle take at most a third of the width, the last one what
// is left. sgr colours the columns, "" leaves one as it is.
func (p *painter) table(rows []row, sgr ...string) {
	const indent, gap = 2, 2
	if len(rows) == 0 {
		return
	}
	last := len(rows[0]) - 1
	widths := make([]int, last)
	for _, r := range rows {
		for i, cell := range r[:last] {
			widths[i] = max(widths[i], columns(cell))
		}
	}
	left := p.style.Width - indent
	if p.style.Width > 0 {
		for i := range widths {
			if i > 0 { // the first column is what the line is about
				widths[i] = min(widths[i], max(p.style.Width/3, 8))
			}
			left -= widths[i] + gap
		}
	}
	for _, r := range rows {
		var b strings.Builder
		b.WriteString(strings.Repeat(" ", indent))
		for i, cell := range r[:last] {
			b.WriteString(p.cell(pad(cut(cell, widths[i]), widths[i]), i, sgr))
			b.WriteString(strings.Repeat(" ", gap))
		}
		cell := r[last]
		if p.style.Width > 0 {
			cell = cut(cell, max(left, 1))
		}
		b.WriteString(p.cell(cell, last, sgr))
		fmt.Fprintln(p.w, strings.TrimRight(b.String(), " "))
	}
}

// cell paints the text of column i.
func (p *painter) cell(s string, i int, sgr []string) string {
	if i < len(sgr) && sgr[i] != "" {
		return p.paint(sgr[i], s)
	}
	return s
}

// title writes the heading of a section.
func (p *painter) title(sgr, format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	fmt.Fprintf(p.w, "\n%s\n", p.paint(sgr, cut(s, p.style.Width)))
}
