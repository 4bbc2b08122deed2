package gofind

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/compartment"
	"github.com/gofind-dev/gofind/internal/kraft"
	"github.com/gofind-dev/gofind/internal/needs"
	"github.com/gofind-dev/gofind/internal/split"
)

// SplitOptions say which splits of a unikernel into compartments are looked for.
type SplitOptions struct {
	KraftOptions
	N       int      // compartments at most, the default one included; 0: as many as kraft.yaml has, at least 2
	Price   uint32   // of a crossing, in call-bytes
	Movable []string // libraries that may leave the default compartment; nil: see SuggestSplit
}

// SplitSuggestion is the answer of SuggestSplit. docs/json.md describes it.
type SplitSuggestion struct {
	Schema     string       `json:"schema"` // gofind.suggest/v1
	Kraft      string       `json:"kraft,omitempty"`
	Image      string       `json:"image"`
	SHA256     string       `json:"sha256"`
	Complete   bool         `json:"complete"`
	Most       int          `json:"compartments_at_most"`
	Price      uint64       `json:"crossing_cost"`
	Calls      []string     `json:"calls"` // that the image can make
	Pieces     []SplitPiece `json:"pieces"`
	Edges      []SplitEdge  `json:"edges"`
	Current    Split        `json:"current"`
	Suggestion Split        `json:"suggestion"`
	Search     SplitSearch  `json:"search"`
	Moves      []SplitMove  `json:"moves"`
	Overlay    string       `json:"overlay"`
}

// SplitPiece is what is assigned as a whole.
type SplitPiece struct {
	Name        string   `json:"name"`
	Libraries   []string `json:"libraries"` // micro-libraries
	Movable     bool     `json:"movable"`
	Transparent bool     `json:"transparent"`
	CodeBytes   uint64   `json:"code_bytes"` // live
	Current     string   `json:"current"`    // compartments
	Suggested   string   `json:"suggested"`
	Executes    []string `json:"executes"`
	Needs       []string `json:"needs"`
}

// SplitEdge counts the functions of a piece that another one calls directly.
type SplitEdge struct {
	From      string `json:"from"`
	To        string `json:"to"`
	Functions int    `json:"functions"`
}

// Split is an assignment of the pieces.
type Split struct {
	Compartments []SplitCompartment `json:"compartments"`
	Privilege    uint64             `json:"privilege"` // call-bytes
	Crossings    uint64             `json:"crossings"`
	Cost         uint64             `json:"cost"` // call-bytes
}

// SplitCompartment is one of its compartments.
type SplitCompartment struct {
	Name      string   `json:"name"`
	Default   bool     `json:"default"`
	Pieces    []string `json:"pieces"`
	CodeBytes uint64   `json:"code_bytes"` // live, without transparent libraries
	Needs     []string `json:"needs"`
}

// SplitSearch says how the suggestion was found.
type SplitSearch struct {
	Exact  bool   `json:"exact"` // no split costs less
	Bound  uint64 `json:"lower_bound"`
	Nodes  int    `json:"nodes"`
	Agrees bool   `json:"agrees"` // the needs that the search reckoned with are those of the analysis
}

// SplitMove is what it costs to put one piece of the current split into another compartment.
type SplitMove struct {
	Piece     string   `json:"piece"`
	From      string   `json:"from"`
	To        string   `json:"to"`     // "" for a new compartment
	Loses     []string `json:"loses"`  // calls that From no longer needs
	Gains     []string `json:"gains"`  // calls that To needs besides
	Policy    []string `json:"policy"` // what To needs then
	Crossings int      `json:"crossings"`
	Privilege int      `json:"privilege"` // call-bytes more
	Cost      int      `json:"cost"`      // call-bytes more
}

// SplitError says that SplitOptions are wrong.
type SplitError struct{ Problem string }

func (e *SplitError) Error() string { return e.Problem }

// SuggestSplit finds into which compartments the libraries of a unikernel are best put, and what it costs
// to move each of them. Package internal/split defines the cost.
//
// A library of kraft.yaml is moved with all its micro-libraries. By default those may move that kraft.yaml names,
// and the application; if it names none, those that have neither entries of system calls nor the boot code.
// "all" in Movable stands for every library. Transparent libraries never move, nor do those with boot code. What
// does not move is put into the default compartment.
//
// Nothing is run, and no file is written. Errors are those of AnalyseCompartments and *SplitError.
func SuggestSplit(ctx context.Context, opts SplitOptions) (*SplitSuggestion, error) {
	if opts.N < 0 || opts.N > compartment.MaxCompartments {
		return nil, &SplitError{fmt.Sprintf("there can be 1 to %d compartments, not %d", compartment.MaxCompartments, opts.N)}
	}
	r, f, err := findNeeds(ctx, opts.KraftOptions)
	if err != nil {
		return nil, err
	}
	defer r.Image.Close()
	parts, err := r.Parts(ctx)
	if err != nil {
		return nil, err
	}
	s := &splitter{r: r, f: f, parts: parts, opts: opts}
	if err := s.group(); err != nil {
		return nil, err
	}
	return s.suggest(ctx)
}

// splitter makes a SplitSuggestion.
type splitter struct {
	r      *needs.Result
	f      *kraft.File
	parts  []needs.Part
	opts   SplitOptions
	pieces []splitPiece
	of     []int // by part: its piece
	def    int   // number of the default compartment in the current plan
}

type splitPiece struct {
	name        string
	parts       []int
	movable     bool
	transparent bool
	unknown     bool
	boot        bool
	now         int // compartment of the current plan
}

// group makes pieces of the libraries.
func (s *splitter) group() error {
	r := s.r
	for c := range r.Plan.Compartments {
		if r.Plan.Compartments[c].Default {
			s.def = c
		}
	}
	named := slices.ContainsFunc(r.Libraries, func(l needs.Library) bool { return l.By != "" && !l.Transparent })
	s.of = make([]int, len(s.parts))
	used := make([]bool, len(s.opts.Movable))
	for i, p := range s.parts {
		x := splitPiece{name: "(unknown)", unknown: true, now: s.def}
		if p.Library >= 0 {
			l := &r.Libraries[p.Library]
			x = splitPiece{name: strings.Clone(l.Name), transparent: l.Transparent, now: l.Compartment}
			if l.By != "" {
				x.name = l.By
			}
			switch {
			case s.opts.Movable != nil:
				for k, name := range s.opts.Movable {
					if name == "all" || name == l.By || needs.Covers(name, l.Name) {
						x.movable, used[k] = true, true
					}
				}
			case named:
				x.movable = l.By != "" || strings.HasPrefix(l.Name, "app")
			default:
				x.movable = !p.Kernel
			}
		}
		at := slices.IndexFunc(s.pieces, func(o splitPiece) bool { return o.name == x.name && !o.unknown && !x.unknown })
		if at < 0 {
			at = len(s.pieces)
			s.pieces = append(s.pieces, x)
		}
		s.pieces[at].parts = append(s.pieces[at].parts, i)
		s.pieces[at].transparent = s.pieces[at].transparent && x.transparent
		s.pieces[at].movable = s.pieces[at].movable || x.movable
		s.pieces[at].boot = s.pieces[at].boot || p.Boot
		s.of[i] = at
	}
	for k, ok := range used {
		if !ok && s.opts.Movable[k] != "all" {
			var has []string
			for _, l := range r.Libraries {
				has = append(has, strings.Clone(l.Name))
			}
			slices.Sort(has)
			return &SplitError{fmt.Sprintf("library %q, which may be moved, is not in the image %s; the image has %s", s.opts.Movable[k], r.Image.Path, strings.Join(has, ", "))}
		}
	}
	for i := range s.pieces {
		if s.pieces[i].transparent || s.pieces[i].boot {
			s.pieces[i].movable = false
		}
	}
	return nil
}

// problem is the same for package split. A transparent library has no weight, no needs and no edges.
func (s *splitter) problem() *split.Problem {
	p := &split.Problem{N: s.opts.N, Price: uint64(s.opts.Price)}
	if p.N == 0 {
		p.N = max(2, len(s.r.Plan.Compartments))
	}
	for _, x := range s.pieces {
		y := split.Piece{Name: x.name, Pinned: !x.movable}
		for _, i := range x.parts {
			if !s.transparent(i) {
				y.Needs = split.Union(&y.Needs, &s.parts[i].Needs)
				y.Weight += s.parts[i].Code
			}
		}
		p.Pieces = append(p.Pieces, y)
		p.Edges = append(p.Edges, make([]uint32, len(s.pieces)))
	}
	for i := range s.parts {
		for j, n := range s.parts[i].Calls {
			if a, b := s.of[i], s.of[j]; a != b && !s.transparent(i) && !s.transparent(j) {
				p.Edges[a][b] += n
			}
		}
	}
	return p
}

func (s *splitter) transparent(part int) bool {
	l := s.parts[part].Library
	return l >= 0 && s.r.Libraries[l].Transparent
}

func (s *splitter) suggest(ctx context.Context) (*SplitSuggestion, error) {
	r, p := s.r, s.problem()
	now := make([]int, len(s.pieces))
	fit := make([]int, len(s.pieces)) // now, with the default compartment as number 0
	for i, x := range s.pieces {
		now[i] = x.now
		switch {
		case x.now == s.def || !x.movable:
		case x.now < s.def:
			fit[i] = x.now + 1
		default:
			fit[i] = x.now
		}
	}
	best := p.Best(fit)
	n := slices.Max(append([]int{0}, best.In...)) + 1
	in := make([]int, len(r.Libraries))
	for i, part := range s.parts {
		if part.Library >= 0 {
			in[part.Library] = best.In[s.of[i]]
		}
	}
	policies, err := r.Policies(ctx, in, n, 0)
	if err != nil {
		return nil, err
	}
	out := &SplitSuggestion{
		Schema: "gofind.suggest/v1", Image: absolute(r.Image.Path), SHA256: r.Image.File.SHA256(), Complete: !slices.ContainsFunc(compartmentResult(r, s.f).Unresolved, func(u CompartmentUnresolved) bool { return u.Open }),
		Most: p.N, Price: uint64(s.opts.Price), Calls: []string{}, Pieces: []SplitPiece{}, Edges: []SplitEdge{}, Moves: []SplitMove{},
		Search: SplitSearch{best.Exact, best.Bound, best.Nodes, slices.Equal(p.Policies(best.In, n), policies)},
	}
	if s.f != nil {
		out.Kraft = absolute(s.f.Path)
	}
	var all compartment.Calls
	names := []string{}
	current := make([]compartment.Calls, len(r.Plan.Compartments))
	for c, k := range r.Plan.Compartments {
		names = append(names, k.Name)
		current[c] = k.Needs
		all = split.Union(&all, &k.Needs)
		all = split.Union(&all, &k.Executes)
	}
	out.Calls = callNames(&all)
	suggested := s.name(p, best.In, n)
	for i, x := range s.pieces {
		y := SplitPiece{Name: x.name, Libraries: []string{}, Movable: x.movable, Transparent: x.transparent, CodeBytes: p.Pieces[i].Weight,
			Current: names[now[i]], Suggested: suggested[best.In[i]], Needs: callNames(&p.Pieces[i].Needs)}
		var executes compartment.Calls
		for _, k := range x.parts {
			if l := s.parts[k].Library; l >= 0 {
				y.Libraries = append(y.Libraries, strings.Clone(r.Libraries[l].Name))
				executes = split.Union(&executes, &r.Libraries[l].Executes)
			}
			if x.transparent {
				y.CodeBytes += s.parts[k].Code
			}
		}
		y.Executes = callNames(&executes)
		slices.Sort(y.Libraries)
		if x.unknown && s.parts[x.parts[0]].Funcs == 0 {
			continue
		}
		out.Pieces = append(out.Pieces, y)
		for j, e := range p.Edges[i] {
			if e > 0 {
				out.Edges = append(out.Edges, SplitEdge{x.name, s.pieces[j].name, int(e)})
			}
		}
	}
	out.Current = s.split(p, now, names, current, s.def)
	out.Suggestion = s.split(p, best.In, suggested, policies, 0)
	out.Moves = s.moves(p, now, names)
	out.Overlay = s.overlay(best.In, suggested)
	return out, nil
}

// name names the compartments of the suggestion: the default one keeps its name, others have that of the current
// one that they share the most code with.
func (s *splitter) name(p *split.Problem, in []int, n int) []string {
	plan := s.r.Plan.Compartments
	out := make([]string, n)
	out[0] = plan[s.def].Name
	if s.f == nil || len(s.f.Compartments) == 0 {
		out[0] = "kernel"
	}
	for c := 1; c < n; c++ {
		shared := make([]uint64, len(plan))
		for i, x := range s.pieces {
			if in[i] == c {
				shared[x.now] += p.Pieces[i].Weight
			}
		}
		most := uint64(0)
		for k := range plan {
			if shared[k] > most && k != s.def && !slices.Contains(out, plan[k].Name) {
				out[c], most = plan[k].Name, shared[k]
			}
		}
	}
	for c := range out {
		for k := c; out[c] == ""; k++ {
			name := fmt.Sprintf("comp%d", k)
			if !slices.Contains(out, name) && !slices.ContainsFunc(plan, func(x compartment.Compartment) bool { return x.Name == name }) {
				out[c] = name
			}
		}
	}
	return out
}

func (s *splitter) split(p *split.Problem, in []int, names []string, policies []compartment.Calls, def int) Split {
	cost := p.Cost(in)
	out := Split{Compartments: []SplitCompartment{}, Privilege: cost.Privilege, Crossings: cost.Crossings, Cost: cost.Total}
	for c, name := range names {
		x := SplitCompartment{Name: name, Default: c == def, Pieces: []string{}, Needs: callNames(&policies[c])}
		for i := range in {
			if in[i] == c && s.shown(i) {
				x.Pieces = append(x.Pieces, s.pieces[i].name)
				x.CodeBytes += p.Pieces[i].Weight
			}
		}
		slices.Sort(x.Pieces)
		out.Compartments = append(out.Compartments, x)
	}
	return out
}

// shown reports whether a piece has something that is live, or a name.
func (s *splitter) shown(i int) bool {
	return !s.pieces[i].unknown || s.parts[s.pieces[i].parts[0]].Funcs > 0
}

func (s *splitter) moves(p *split.Problem, now []int, names []string) []SplitMove {
	n := len(names) + 1 // and a new one
	before, cost := p.Policies(now, n), p.Cost(now)
	in := slices.Clone(now)
	out := []SplitMove{}
	for _, m := range p.Moves(now, n) {
		if m.To == n-1 && (len(names) == compartment.MaxCompartments || m.From != s.def && !s.shares(m.Piece)) {
			continue // there is no room, or the new one would be the old one
		}
		in[m.Piece] = m.To
		after := p.Policies(in, n)
		in[m.Piece] = m.From
		loses, gains := split.Without(&before[m.From], &after[m.From]), split.Without(&after[m.To], &before[m.To])
		x := SplitMove{Piece: s.pieces[m.Piece].name, From: names[m.From], Loses: callNames(&loses), Gains: callNames(&gains), Policy: callNames(&after[m.To]),
			Crossings: int(m.Cost.Crossings) - int(cost.Crossings), Privilege: int(m.Cost.Privilege) - int(cost.Privilege), Cost: int(m.Cost.Total) - int(cost.Total)}
		if m.To < len(names) {
			x.To = names[m.To]
		}
		out = append(out, x)
	}
	return out
}

// shares reports whether a piece is with others in its compartment.
func (s *splitter) shares(piece int) bool {
	for i, at := range s.of {
		if at != piece && s.pieces[at].now == s.pieces[piece].now && s.parts[i].Funcs > 0 {
			return true
		}
	}
	return false
}

// overlay is the suggestion as a file for KraftOptions.Compartments. It names every piece that may
// move, and every library that kraft.yaml names.
func (s *splitter) overlay(in []int, names []string) string {
	var b strings.Builder
	b.WriteString("compartments:\n")
	mechanism := ""
	if s.f != nil && s.f.Driver != "" {
		mechanism = ", mechanism: " + s.f.Driver
	}
	for c, name := range names {
		fmt.Fprintf(&b, "  - {name: %s%s", name, mechanism)
		if c == 0 {
			b.WriteString(", default: true")
		}
		b.WriteString("}\n")
	}
	var lines []string
	for i, x := range s.pieces {
		byKraft := slices.ContainsFunc(x.parts, func(k int) bool { return s.parts[k].Library >= 0 && s.r.Libraries[s.parts[k].Library].By != "" })
		if x.movable || byKraft {
			lines = append(lines, fmt.Sprintf("  %s: {compartment: %s}\n", yamlText(x.name), names[in[i]]))
		}
	}
	slices.Sort(lines)
	if len(lines) > 0 {
		b.WriteString("libraries:\n" + strings.Join(lines, ""))
	}
	return b.String()
}

// yamlText writes a text as YAML. A JSON text is one in YAML too.
func yamlText(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-')
	}) && !strings.HasPrefix(s, "-") {
		return s
	}
	t, _ := json.Marshal(s)
	return string(t)
}
