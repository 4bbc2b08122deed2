package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/gofind-dev/gofind"
)

// suggestColumns are the tab-separated fields of each line of [SuggestLines].
var suggestColumns = []string{"piece", "movable", "bytes", "needs", "current", "suggested"}

// SuggestLines writes a suggested split for pipes: a line for each piece, all else in lines that begin with #.
func SuggestLines(w io.Writer, s *gofind.SplitSuggestion) error {
	b := bufio.NewWriter(w)
	comment := func(format string, args ...any) { fmt.Fprintf(b, "# %s\n", Clean(fmt.Sprintf(format, args...))) }
	if s.Kraft != "" {
		comment("kraft: %s", s.Kraft)
	}
	comment("image: %s", s.Image)
	comment("sha256: %s", s.SHA256)
	comment("complete: %t", s.Complete)
	comment("compartments: %d at most, a crossing costs %d call-bytes", s.Most, s.Price)
	for _, x := range []struct {
		name  string
		split *gofind.Split
	}{{"current", &s.Current}, {"suggestion", &s.Suggestion}} {
		comment("%s: privilege %d, crossings %d, cost %d", x.name, x.split.Privilege, x.split.Crossings, x.split.Cost)
		for _, c := range x.split.Compartments {
			comment("%s compartment: %s needs %d, %d bytes%s", x.name, c.Name, len(c.Needs), c.CodeBytes, when(c.Default, ", default"))
		}
	}
	comment("search: %s", suggestSearch(s))
	if !s.Search.Agrees {
		comment("%s", suggestDiffers)
	}
	comment("columns: %s", strings.Join(suggestColumns, " "))
	for _, p := range s.Pieces {
		fmt.Fprintf(b, "%s\t%s\t%d\t%d\t%s\t%s\n", Clean(p.Name), yes(p.Movable), p.CodeBytes, len(p.Needs), dash(Clean(p.Current)), dash(Clean(p.Suggested)))
	}
	for _, m := range s.Moves {
		comment("move: %s from %s to %s: cost %+d, privilege %+d, crossings %+d, loses %s, gains %s", m.Piece, m.From, suggestTo(m), m.Cost, m.Privilege, m.Crossings,
			dash(strings.Join(m.Loses, ",")), dash(strings.Join(m.Gains, ",")))
	}
	return b.Flush()
}

const suggestDiffers = "the needs that the search reckoned with are not those of the analysis; those shown are, and the suggestion may not be the best"

// suggestSearch says how good the suggestion is.
func suggestSearch(s *gofind.SplitSuggestion) string {
	if s.Search.Exact {
		return fmt.Sprintf("exact, no split costs less; %d nodes", s.Search.Nodes)
	}
	return fmt.Sprintf("heuristic, gave up after %d nodes; no split costs less than %d", s.Search.Nodes, s.Search.Bound)
}

func suggestTo(m gofind.SplitMove) string {
	if m.To == "" {
		return "(new)"
	}
	return m.To
}

// SuggestPage writes the same for a person at a terminal.
func SuggestPage(w io.Writer, s *gofind.SplitSuggestion, style Style) error {
	p := newPainter(w, style)
	fmt.Fprintf(p.w, "%s: %s at most\n", p.paint(bold, Clean(base(s.Image))), count(s.Most, "compartment"))
	split := func(title string, x *gofind.Split) {
		p.title(bold, "%s: %d call-bytes, %s, cost %d", title, x.Privilege, count(int(x.Crossings), "crossing"), x.Cost)
		var rows []row
		for _, c := range x.Compartments {
			rows = append(rows, row{Clean(c.Name), fmt.Sprintf("needs %d, %s", len(c.Needs), size(c.CodeBytes)), suggestPieces(s, c)})
		}
		p.table(rows)
	}
	split("Current", &s.Current)
	split("Suggestion", &s.Suggestion)
	fmt.Fprintf(p.w, "  %s\n", p.paint(faint, suggestSearch(s)))
	if !s.Search.Agrees {
		fmt.Fprintf(p.w, "  %s\n", p.paint(yellow, suggestDiffers))
	}
	if len(s.Moves) > 0 {
		p.title(bold, "Moves from the current split")
		moves := slices.Clone(s.Moves)
		slices.SortStableFunc(moves, func(a, b gofind.SplitMove) int { return a.Cost - b.Cost })
		rows := []row{{"library", "to", "cost", "crossings", "calls"}}
		for _, m := range moves {
			rows = append(rows, row{Clean(m.Piece), Clean(suggestTo(m)), fmt.Sprintf("%+d", m.Cost), fmt.Sprintf("%+d", m.Crossings),
				fmt.Sprintf("%s loses %d, %s gains %d", Clean(m.From), len(m.Loses), Clean(suggestTo(m)), len(m.Gains))})
		}
		p.table(rows)
	}
	p.title(bold, "For --compartments")
	for line := range strings.Lines(s.Overlay) {
		fmt.Fprintf(p.w, "  %s\n", Clean(strings.TrimRight(line, "\n")))
	}
	return p.w.Flush()
}

// suggestPieces names the pieces of a compartment that can move, and counts the others.
func suggestPieces(s *gofind.SplitSuggestion, c gofind.SplitCompartment) string {
	var names []string
	fixed := 0
	for _, name := range c.Pieces {
		if slices.ContainsFunc(s.Pieces, func(p gofind.SplitPiece) bool { return p.Name == name && p.Movable }) {
			names = append(names, Clean(name))
		} else {
			fixed++
		}
	}
	if fixed > 0 {
		names = append(names, "and "+strconv.Itoa(fixed)+" that stay")
	}
	return strings.Join(names, " ")
}
