package gofind

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/callgraph"
	"github.com/gofind-dev/gofind/internal/compartment"
	"github.com/gofind-dev/gofind/internal/kraft"
	"github.com/gofind-dev/gofind/internal/needs"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// CompartmentResult is the answer of AnalyseCompartments. docs/json.md describes it.
type CompartmentResult struct {
	Schema       string                  `json:"schema"` // gofind.kraft/v1
	Kraft        string                  `json:"kraft,omitempty"`
	Image        string                  `json:"image"`
	SHA256       string                  `json:"sha256"`
	Mapping      string                  `json:"mapping"` // map, objects, dwarf
	Complete     bool                    `json:"complete"`
	CodeBytes    uint64                  `json:"code_bytes"`
	Compartments []CompartmentAnswer     `json:"compartments"`
	Libraries    []CompartmentLibrary    `json:"libraries"`
	Calls        []CompartmentCall       `json:"calls"`
	Unresolved   []CompartmentUnresolved `json:"unresolved"`
	Sequences    []CompartmentSequence   `json:"sequences"`
	Unmapped     CompartmentUnmapped     `json:"unmapped"`
	Assumptions  []Assumption            `json:"assumptions"`

	plan *compartment.Plan
}

// Plan is what rules for the image are made from.
func (r *CompartmentResult) Plan() *ImagePlan { return newImagePlan(r.plan) }

// CompartmentAnswer is what is known of one compartment.
type CompartmentAnswer struct {
	Name        string                `json:"name"`
	Number      int                   `json:"number"`
	Default     bool                  `json:"default"`
	Transparent bool                  `json:"transparent"`
	Mechanism   string                `json:"mechanism,omitempty"`
	Libraries   []string              `json:"libraries"`
	Functions   int                   `json:"functions"`
	CodeBytes   uint64                `json:"code_bytes"`
	ReachBytes  uint64                `json:"reach_bytes"`
	Gates       int                   `json:"gates"`
	Executes    []string              `json:"executes"`
	Needs       []CompartmentNeed     `json:"needs"`
	Crossings   []CompartmentCrossing `json:"crossings"`
	Bypasses    []CompartmentBypass   `json:"bypasses"`
}

// CompartmentNeed is a call that may happen on behalf of a compartment.
type CompartmentNeed struct {
	Name   string            `json:"name"`
	Number int               `json:"number"`
	Via    []CompartmentStep `json:"via"`
}

// CompartmentStep is a function of a chain.
type CompartmentStep struct {
	Address     string `json:"address"`
	Function    string `json:"function"`
	Library     string `json:"library"`
	Compartment string `json:"compartment"`
	How         string `json:"how,omitempty"`
}

// CompartmentCrossing is a function where control comes into a compartment.
type CompartmentCrossing struct {
	Address  string   `json:"address"`
	Function string   `json:"function"`
	Library  string   `json:"library"`
	Kinds    []string `json:"kinds"`
	From     []string `json:"from"`
}

// CompartmentBypass is a function that does a call's work, and that the
// compartment's code can call without the call's entry.
type CompartmentBypass struct {
	Address  string   `json:"address"`
	Function string   `json:"function"`
	Library  string   `json:"library"`
	Caller   string   `json:"caller"`
	Calls    []string `json:"calls"`
}

// CompartmentLibrary is a micro-library of the image.
type CompartmentLibrary struct {
	Name        string   `json:"name"`
	Kraft       string   `json:"kraft,omitempty"`
	Compartment string   `json:"compartment"`
	Transparent bool     `json:"transparent"`
	Functions   int      `json:"functions"`
	CodeBytes   uint64   `json:"code_bytes"`
	DataBytes   uint64   `json:"data_bytes"`
	Executes    []string `json:"executes"`
	Needs       []string `json:"needs,omitempty"`
}

// CompartmentCall is a call that the image provides.
type CompartmentCall struct {
	Name    string   `json:"name"`
	Number  int      `json:"number"`
	Live    bool     `json:"live"` // something in the image comes to it
	Entries []string `json:"entries"`
}

// CompartmentUnresolved is something that the analysis could not decide.
type CompartmentUnresolved struct {
	Kind        string `json:"kind"`
	Address     string `json:"address"`
	Function    string `json:"function"`
	Compartment string `json:"compartment"`
	Effect      string `json:"effect"`
	Open        bool   `json:"open"`
}

// CompartmentSequence is a byte sequence that changes the rights of protection keys.
type CompartmentSequence struct {
	What        string `json:"what"`
	Address     string `json:"address"`
	Function    string `json:"function"`
	Library     string `json:"library"`
	Instruction bool   `json:"instruction"`
}

// CompartmentUnmapped is code whose library is not known.
type CompartmentUnmapped struct {
	Bytes     uint64   `json:"bytes"`
	Functions []string `json:"functions"`
}

// callNames returns the names of a set of calls, by number.
func callNames(c *compartment.Calls) []string {
	out := []string{}
	for n := range 512 {
		if c.Has(n) {
			out = append(out, callName(n))
		}
	}
	return out
}

func callName(n int) string {
	if name, ok := sysno.Name(sysno.X86_64, n); ok {
		return name
	}
	return fmt.Sprint(n)
}

// compartmentResult turns what was found into the document.
func compartmentResult(r *needs.Result, f *kraft.File) *CompartmentResult {
	out := &CompartmentResult{
		Schema: "gofind.kraft/v1", Image: absolute(r.Image.Path), SHA256: r.Image.File.SHA256(), Mapping: r.Image.How.String(), Complete: true, CodeBytes: r.Code,
		Compartments: []CompartmentAnswer{}, Libraries: []CompartmentLibrary{}, Calls: []CompartmentCall{}, Unresolved: []CompartmentUnresolved{}, Sequences: []CompartmentSequence{},
		Unmapped:    CompartmentUnmapped{r.Image.Unknown, append([]string{}, r.Image.UnknownFuncs...)},
		Assumptions: slices.Clone(kraftAssumptions),
		plan:        &r.Plan,
	}
	if f != nil {
		out.Kraft = absolute(f.Path)
	}
	if r.Keyed {
		out.Assumptions = append(out.Assumptions, keysAssumption)
	}
	b := &compartmentWriter{r, out}
	for c := range r.Plan.Compartments {
		a := b.answer(c)
		if f != nil && c < len(f.Compartments) {
			a.Mechanism = f.Compartments[c].Driver
		}
		out.Compartments = append(out.Compartments, a)
	}
	for _, l := range r.Libraries {
		x := CompartmentLibrary{
			Name: strings.Clone(l.Name), Kraft: l.By, Compartment: b.name(l.Compartment), Transparent: l.Transparent, Functions: l.Funcs, CodeBytes: l.Code, DataBytes: l.Data,
			Executes: callNames(&l.Executes),
		}
		if n := callNames(&l.Needs); len(n) > 0 {
			x.Needs = n
		}
		out.Libraries = append(out.Libraries, x)
	}
	slices.SortFunc(out.Libraries, func(x, y CompartmentLibrary) int { return strings.Compare(x.Name, y.Name) })
	for n, live := range r.Calls {
		x := CompartmentCall{callName(n), n, len(live) > 0, []string{}}
		for _, e := range r.Plan.Entries {
			if e.Number == n {
				x.Entries = append(x.Entries, strings.Clone(e.Func))
			}
		}
		slices.Sort(x.Entries)
		out.Calls = append(out.Calls, x)
	}
	slices.SortFunc(out.Calls, func(x, y CompartmentCall) int { return cmp.Compare(x.Number, y.Number) })
	for _, u := range r.Graph.Unresolved {
		c, _ := r.Of(u.Unit)
		x := CompartmentUnresolved{u.Kind, address(u.PC), strings.Clone(r.Graph.Name(u.Unit)), b.name(c), u.What, u.Open}
		out.Unresolved = append(out.Unresolved, x)
		out.Complete = out.Complete && !x.Open
	}
	for _, s := range r.Sequences {
		out.Sequences = append(out.Sequences, CompartmentSequence{s.What, address(s.Addr), strings.Clone(s.Func), b.library(s.Lib), s.Code})
	}
	for i := range out.Unmapped.Functions {
		out.Unmapped.Functions[i] = strings.Clone(out.Unmapped.Functions[i])
	}
	for i := range r.Plan.Gates {
		r.Plan.Gates[i].Func = strings.Clone(r.Plan.Gates[i].Func)
	}
	for i := range r.Plan.Entries {
		r.Plan.Entries[i].Func = strings.Clone(r.Plan.Entries[i].Func)
	}
	return out
}

func absolute(path string) string {
	if p, err := filepath.Abs(path); err == nil {
		return p
	}
	return path
}

func address(a uint64) string { return fmt.Sprintf("%#x", a) }

// compartmentWriter names things.
type compartmentWriter struct {
	r   *needs.Result
	out *CompartmentResult
}

func (b *compartmentWriter) name(c int) string { return b.r.Plan.Compartments[c].Name }

func (b *compartmentWriter) library(l int) string {
	if l < 0 {
		return ""
	}
	return strings.Clone(b.r.Libraries[l].Name)
}

func (b *compartmentWriter) step(u needs.Unit, how callgraph.Kind, first bool) CompartmentStep {
	c, _ := b.r.Of(u)
	entry := b.r.Graph.Reach.Unit(u).Entry
	s := CompartmentStep{Address: address(entry), Function: strings.Clone(b.r.Graph.Name(u)), Library: b.library(b.r.Image.Owner(entry)), Compartment: b.name(c)}
	if !first {
		s.How = how.String()
	}
	return s
}

func (b *compartmentWriter) answer(c int) CompartmentAnswer {
	k, d := &b.r.Plan.Compartments[c], &b.r.Details[c]
	a := CompartmentAnswer{
		Name: k.Name, Number: c, Default: k.Default, Transparent: k.Transparent, Libraries: []string{},
		Functions: d.Funcs, CodeBytes: d.Code, ReachBytes: d.Reach, Executes: callNames(&k.Executes),
		Needs: []CompartmentNeed{}, Crossings: []CompartmentCrossing{}, Bypasses: []CompartmentBypass{},
	}
	for _, l := range b.r.Libraries {
		if l.Compartment == c && l.Funcs > 0 {
			a.Libraries = append(a.Libraries, strings.Clone(l.Name))
		}
	}
	slices.Sort(a.Libraries)
	for _, g := range b.r.Plan.Gates {
		if int(g.To) == c && !g.Inside {
			a.Gates++
		}
	}
	for n := range 512 {
		if !k.Needs.Has(n) {
			continue
		}
		x := CompartmentNeed{callName(n), n, []CompartmentStep{}}
		for i, s := range d.Chains[n] {
			x.Via = append(x.Via, b.step(s.Unit, s.Kind, i == 0))
		}
		a.Needs = append(a.Needs, x)
	}
	for _, x := range d.Crossings {
		s := b.step(x.Unit, 0, true)
		y := CompartmentCrossing{Address: s.Address, Function: s.Function, Library: s.Library, Kinds: []string{}, From: []string{}}
		for _, way := range x.Ways {
			y.Kinds = append(y.Kinds, way.String())
		}
		for _, from := range x.From {
			if from < 0 {
				y.From = append(y.From, "(transparent)")
			} else {
				y.From = append(y.From, b.name(from))
			}
		}
		a.Crossings = append(a.Crossings, y)
	}
	for _, x := range d.Bypasses {
		s := b.step(x.Unit, 0, true)
		y := CompartmentBypass{Address: s.Address, Function: s.Function, Library: s.Library, Caller: strings.Clone(b.r.Graph.Name(x.Caller)), Calls: []string{}}
		for _, n := range x.Calls {
			y.Calls = append(y.Calls, callName(n))
		}
		a.Bypasses = append(a.Bypasses, y)
	}
	return a
}

// keysAssumption is what "executes" takes for granted where memory keys tell compartments apart.
var keysAssumption = Assumption{Name: "callbacks-with-keys", Detail: "Through pointers, a compartment other than the first executes functions whose addresses are in named memory that it can read, are stored there, or are referred to by code that runs in it or calls into it."}

// kraftAssumptions are what every answer takes for granted.
var kraftAssumptions = []Assumption{
	{Name: "memory-safety", Detail: "The image's own code runs, with memory safety: no code is injected, and no pointer leaves the object that it was derived from."},
	{Name: "calling-convention", Detail: "Functions pass and return pointers in the registers and on the stack as the psABI says."},
	{Name: "named-functions", Detail: "Functions with the names of dispatchers, and of functions that call back for their caller alone or start threads (qsort, pthread_create, ...), do what those of Unikraft, musl and newlib do."},
	{Name: "handlers", Detail: "What the processor starts (interrupts, traps) acts for nobody: it is in no chain of calls."},
	{Name: "start", Detail: "Nothing goes back to the code at which the image starts: its address, where that is the text's, is used as one of memory, and is in no chain of calls."},
}
