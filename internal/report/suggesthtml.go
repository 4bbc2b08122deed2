package report

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/gofind-dev/gofind"
)

//go:embed suggest.html
var suggestSource string

var suggestTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("suggest").Parse(suggestSource))
})

// SuggestHTML writes a suggested split as a page for a browser. The page is whole: it refers to nothing outside.
func SuggestHTML(w io.Writer, s *gofind.SplitSuggestion) error {
	search := suggestSearch(s)
	p := suggestView{S: s, Name: Clean(base(s.Image)), Search: strings.ToUpper(search[:1]) + search[1:], Differs: suggestDiffers}
	p.Graphs = []suggestGraph{
		newSuggestGraph(s, "now", "Current", &s.Current, func(x *gofind.SplitPiece) string { return x.Current }),
		newSuggestGraph(s, "then", "Suggestion", &s.Suggestion, func(x *gofind.SplitPiece) string { return x.Suggested }),
	}
	most := 1
	for _, m := range s.Moves {
		most = max(most, m.Cost, -m.Cost)
	}
	for _, m := range s.Moves {
		sign := ""
		switch {
		case m.Cost < 0:
			sign = "less"
		case m.Cost > 0:
			sign = "more"
		}
		p.Moves = append(p.Moves, suggestMove{m, sign, int(100 * math.Abs(float64(m.Cost)) / float64(most))})
	}
	slices.SortStableFunc(p.Moves, func(a, b suggestMove) int { return cmp.Compare(a.Cost, b.Cost) })
	p.Matrices = suggestMatrices(s)
	p.Figures = []suggestFigure{
		newSuggestFigure("privilege", s.Current.Privilege, s.Suggestion.Privilege),
		newSuggestFigure("crossings", s.Current.Crossings, s.Suggestion.Crossings),
		newSuggestFigure("cost", s.Current.Cost, s.Suggestion.Cost),
	}
	return suggestTemplate().Execute(w, p)
}

type suggestView struct {
	S                     *gofind.SplitSuggestion
	Name, Search, Differs string
	Graphs                []suggestGraph
	Moves                 []suggestMove
	Matrices              []suggestMatrix
	Figures               []suggestFigure
}

// suggestFigure compares one figure of both splits. Bars are percents of the larger one.
type suggestFigure struct {
	Name, Now, Then, Change, Sign string
	NowBar, ThenBar               int
}

func newSuggestFigure(name string, now, then uint64) suggestFigure {
	f := suggestFigure{Name: name, Now: thousands(now), Then: thousands(then), Change: "the same"}
	most := float64(max(now, then, 1))
	f.NowBar, f.ThenBar = int(100*float64(now)/most), int(100*float64(then)/most)
	switch {
	case then < now:
		f.Sign, f.Change = "less", fmt.Sprintf("%s less", thousands(now-then))
	case then > now:
		f.Sign, f.Change = "more", fmt.Sprintf("%s more", thousands(then-now))
	}
	return f
}

// thousands writes a number with spaces between groups of three digits.
func thousands(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

type suggestMove struct {
	gofind.SplitMove
	Sign string
	Bar  int // of the cost, in percent of the largest
}

// suggestGraph is the picture of a split. All places are in the units of its view box.
type suggestGraph struct {
	ID, Title string
	W, H      int
	Split     *gofind.Split
	Nodes     []suggestNode
	Edges     []suggestArrow
}

type suggestNode struct {
	Name, Pieces, Short, Size string
	Default                   bool
	Needs, Calls              int
	Code                      uint64
	X, Y, W, H                int
	CX, T1, T2, T3            int
	Heat                      float64 // of the fill: the calls that it needs, to those of the compartment that needs most
	Strong                    bool    // the fill is dark
	Many                      int     // pieces, if they are too many to be read at a glance
}

type suggestArrow struct {
	From, To                       string
	Count                          int
	Width                          float64
	X1, Y1, X2, Y2, CX, CY, LX, LY int
}

// newSuggestGraph puts compartments on an ellipse, and an arrow, bent to its right, for each direction of calls. A compartment's area
// grows with its code, and the strength of its colour with the calls that it needs: both together are its privilege.
func newSuggestGraph(s *gofind.SplitSuggestion, id, title string, split *gofind.Split, of func(*gofind.SplitPiece) string) suggestGraph {
	const w, h = 204, 104 // of the largest
	n := len(split.Compartments)
	rx, ry := 190.0, 130.0
	if n > 5 {
		rx, ry = 34*float64(n), 26*float64(n)
	}
	if n == 1 {
		rx, ry = 0, 0
	}
	g := suggestGraph{ID: id, Title: title, Split: split, W: int(2*rx) + w + 80, H: int(2*ry) + h + 40}
	number := map[string]int{}
	most, calls := uint64(1), 1
	for _, c := range slices.Concat(s.Current.Compartments, s.Suggestion.Compartments) { // the same measure in both
		most, calls = max(most, c.CodeBytes), max(calls, len(c.Needs))
	}
	for i, c := range split.Compartments {
		number[c.Name] = i
		angle := math.Pi + 2*math.Pi*float64(i)/float64(n)
		cx, cy := g.W/2+int(rx*math.Cos(angle)), g.H/2+int(ry*math.Sin(angle))
		part := math.Sqrt(float64(c.CodeBytes) / float64(most))
		w, h := 140+int((w-140)*part), 60+int((h-60)*part)
		heat := math.Round(100*float64(len(c.Needs))/float64(calls)) / 100
		many := 0
		if len(c.Pieces) > 8 {
			many = len(c.Pieces)
		}
		g.Nodes = append(g.Nodes, suggestNode{
			Many: many,
			Heat: heat, Strong: heat >= 0.75, Calls: len(s.Calls),
			Name: Clean(c.Name), Pieces: Clean(strings.Join(c.Pieces, " ")), Short: suggestPieces(s, c), Size: size(c.CodeBytes) + " of code", Default: c.Default, Needs: len(c.Needs), Code: c.CodeBytes,
			X: cx - w/2, Y: cy - h/2, W: w, H: h, CX: cx, T1: cy - 14, T2: cy + 5, T3: cy + 23,
		})
	}
	at := map[string]int{}
	for i := range s.Pieces {
		at[s.Pieces[i].Name] = number[of(&s.Pieces[i])]
	}
	arrows := map[[2]int]int{}
	for _, e := range s.Edges {
		if k := [2]int{at[e.From], at[e.To]}; k[0] != k[1] {
			arrows[k] += e.Functions
		}
	}
	for i := range n {
		for j := range n {
			if c := arrows[[2]int{i, j}]; c > 0 {
				g.Edges = append(g.Edges, newSuggestArrow(&g.Nodes[i], &g.Nodes[j], c))
			}
		}
	}
	return g
}

func newSuggestArrow(a, b *suggestNode, count int) suggestArrow {
	ax, ay, bx, by := float64(a.CX), float64(a.Y+a.H/2), float64(b.CX), float64(b.Y+b.H/2)
	dx, dy := bx-ax, by-ay
	d := math.Hypot(dx, dy)
	bend := 0.16 * d
	cx, cy := (ax+bx)/2-dy/d*bend, (ay+by)/2+dx/d*bend
	x1, y1 := border(a, cx, cy)
	x2, y2 := border(b, cx, cy)
	return suggestArrow{
		From: a.Name, To: b.Name, Count: count, Width: math.Round(10*(1+math.Log10(float64(count)))) / 10,
		X1: int(x1), Y1: int(y1), X2: int(x2), Y2: int(y2), CX: int(cx), CY: int(cy),
		LX: int((x1 + 2*cx + x2) / 4), LY: int((y1+2*cy+y2)/4) + 5,
	}
}

// border is where the line from the middle of a node to a point leaves the node.
func border(n *suggestNode, x, y float64) (float64, float64) {
	cx, cy := float64(n.CX), float64(n.Y+n.H/2)
	dx, dy := x-cx, y-cy
	t := 1.0
	if dx != 0 {
		t = min(t, float64(n.W)/2/math.Abs(dx))
	}
	if dy != 0 {
		t = min(t, float64(n.H)/2/math.Abs(dy))
	}
	return cx + t*dx, cy + t*dy
}

type suggestMatrix struct {
	ID, Title string
	Filter    bool
	Columns   []suggestColumn
	Rows      []suggestRow
}

type suggestColumn struct {
	Name            string
	Stays           bool
	executes, needs []string
}

type suggestRow struct {
	Call  string
	Cells []suggestCell
}

type suggestCell struct {
	Mark  string
	Stays bool
}

// suggestMatrices are compartments and pieces by call.
func suggestMatrices(s *gofind.SplitSuggestion) []suggestMatrix {
	libraries := suggestMatrix{ID: "libraries", Title: "Library by call", Filter: true}
	executes := map[string][]string{} // by compartment, now and then
	for _, p := range s.Pieces {
		executes["now "+p.Current] = append(executes["now "+p.Current], p.Executes...)
		executes["then "+p.Suggested] = append(executes["then "+p.Suggested], p.Executes...)
		if len(p.Executes)+len(p.Needs) > 0 || p.Movable {
			libraries.Columns = append(libraries.Columns, suggestColumn{Clean(p.Name), !p.Movable, p.Executes, p.Needs})
		}
	}
	compartments := suggestMatrix{ID: "compartments", Title: "Compartment by call"}
	for _, c := range s.Current.Compartments {
		compartments.Columns = append(compartments.Columns, suggestColumn{fmt.Sprintf("%s (now)", Clean(c.Name)), false, executes["now "+c.Name], c.Needs})
	}
	for _, c := range s.Suggestion.Compartments {
		compartments.Columns = append(compartments.Columns, suggestColumn{fmt.Sprintf("%s (suggested)", Clean(c.Name)), false, executes["then "+c.Name], c.Needs})
	}
	out := []suggestMatrix{compartments, libraries}
	for i := range out {
		for _, call := range s.Calls {
			r := suggestRow{Call: call}
			for _, c := range out[i].Columns {
				mark := ""
				switch {
				case slices.Contains(c.executes, call):
					mark = "x"
				case slices.Contains(c.needs, call):
					mark = "n"
				}
				r.Cells = append(r.Cells, suggestCell{mark, c.Stays})
			}
			out[i].Rows = append(out[i].Rows, r)
		}
	}
	return out
}
