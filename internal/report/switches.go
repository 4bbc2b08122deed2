package report

import (
	"bufio"
	"fmt"
	"io"

	"github.com/gofind-dev/gofind"
)

// SwitchList is a gofind.assumptions/v1 document.
type SwitchList struct {
	Schema      string          `json:"schema"`
	Assumptions []gofind.Switch `json:"assumptions"` // those of the environment first
}

// NewSwitchList makes it of the assumptions that can be switched.
func NewSwitchList(list []gofind.Switch) *SwitchList {
	return &SwitchList{"gofind.assumptions/v1", list}
}

// SwitchLines writes the assumptions that can be switched, one a line, in
// tab-separated fields.
func SwitchLines(w io.Writer, list []gofind.Switch) error {
	b := bufio.NewWriter(w)
	for _, s := range list {
		fmt.Fprintf(b, "%s\t%s\t%s\t%s\n", s.Name, s.Default, s.Says, dash(s.Else))
	}
	return b.Flush()
}

// SwitchPage writes them for a person at a terminal.
func SwitchPage(w io.Writer, list []gofind.Switch, style Style) error {
	p := newPainter(w, style)
	for i, s := range list {
		if i > 0 {
			fmt.Fprintln(p.w)
		}
		fmt.Fprintf(p.w, "%s (%s)\n", p.paint(bold, s.Name), s.Default)
		p.indented(s.Says)
		if s.Else != "" {
			p.indented("Otherwise: " + s.Else)
		}
	}
	return p.w.Flush()
}
