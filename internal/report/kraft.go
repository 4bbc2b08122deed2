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

// kraftColumns are the tab-separated fields of each line of [KraftLines].
var kraftColumns = []string{"compartment", "call", "number", "executes", "needs", "from", "to"}

// KraftLines writes what the compartments of a unikernel need for pipes: a line for
// each compartment and call, all else in lines that begin with #. Executes and needs are yes or no; from
// is the function of the compartment that the shortest chain begins in, to the entry that it ends in.
func KraftLines(w io.Writer, r *gofind.CompartmentResult) error {
	b := bufio.NewWriter(w)
	comment := func(key string, fields ...string) {
		fmt.Fprintf(b, "# %s:", key)
		for _, f := range fields {
			if f != "" {
				b.WriteString(" " + Clean(f))
			}
		}
		b.WriteByte('\n')
	}
	if r.Kraft != "" {
		comment("kraft", r.Kraft)
	}
	comment("image", r.Image)
	comment("sha256", r.SHA256)
	comment("mapping", r.Mapping)
	comment("complete", strconv.FormatBool(r.Complete))
	comment("calls", strconv.Itoa(len(r.Calls)))
	comment("code", strconv.FormatUint(r.CodeBytes, 10), "bytes")
	for _, c := range r.Compartments {
		comment("compartment", fmt.Sprintf("%s number %d, %s, %d bytes of code, %d in reach, executes %d, needs %d, gates %d%s%s", c.Name, c.Number,
			count(c.Functions, "function"), c.CodeBytes, c.ReachBytes, len(c.Executes), len(c.Needs), c.Gates, when(c.Default, ", default"), when(c.Transparent, ", transparent")))
	}
	comment("columns", kraftColumns...)
	numbers := map[string]int{}
	for _, c := range r.Calls {
		numbers[c.Name] = c.Number
	}
	for _, c := range r.Compartments {
		for _, row := range kraftRows(c, numbers) {
			for i, f := range row {
				row[i] = dash(Clean(f))
			}
			b.WriteString(strings.Join(row, "\t"))
			b.WriteByte('\n')
		}
	}
	for _, c := range r.Compartments {
		for _, x := range c.Crossings {
			comment("crossing", c.Name, x.Library, x.Function, x.Address, strings.Join(x.Kinds, ","), "from", dash(strings.Join(x.From, ",")))
		}
	}
	for _, c := range r.Compartments {
		for _, x := range c.Bypasses {
			comment("bypass", c.Name, x.Library, x.Function, x.Address, "by", x.Caller, "of", strings.Join(x.Calls, ","))
		}
	}
	for _, s := range r.Sequences {
		comment("sequence", s.What, s.Address, s.Library, s.Function, when(!s.Instruction, "(inside of an instruction)"))
	}
	if r.Unmapped.Bytes > 0 {
		comment("unmapped", strconv.FormatUint(r.Unmapped.Bytes, 10), "bytes:", strings.Join(r.Unmapped.Functions, " "))
	}
	for _, u := range r.Unresolved {
		comment("unresolved", u.Kind, u.Address, u.Function, u.Compartment+":", u.Effect)
	}
	for _, a := range r.Assumptions {
		comment("assumption", a.Name, a.Detail)
	}
	return b.Flush()
}

func when(c bool, s string) string {
	if c {
		return s
	}
	return ""
}

// kraftRows are the lines of one compartment, by number.
func kraftRows(c gofind.CompartmentAnswer, numbers map[string]int) [][]string {
	var rows [][]string
	needs := map[string]bool{}
	for _, n := range c.Needs {
		needs[n.Name] = true
		from, to := "", ""
		if len(n.Via) > 0 {
			from, to = n.Via[0].Function, n.Via[len(n.Via)-1].Function
		}
		rows = append(rows, []string{c.Name, n.Name, strconv.Itoa(n.Number), yes(slices.Contains(c.Executes, n.Name)), "yes", from, to})
	}
	for _, n := range c.Executes {
		if !needs[n] {
			rows = append(rows, []string{c.Name, n, strconv.Itoa(numbers[n]), "yes", "no", "", ""})
		}
	}
	return rows
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// KraftPage writes the same for a person at a terminal.
func KraftPage(w io.Writer, r *gofind.CompartmentResult, style Style) error {
	p := newPainter(w, style)
	fmt.Fprintf(p.w, "%s: %s, %s, libraries by %s\n", p.paint(bold, base(r.Image)), count(len(r.Calls), "call"), size(r.CodeBytes), r.Mapping)
	if r.Kraft != "" {
		fmt.Fprintf(p.w, "%s\n", Clean(r.Kraft))
	}
	for _, c := range r.Compartments {
		p.title(bold, "%s", Clean(c.Name)+when(c.Default, " (default)")+when(c.Transparent, " (transparent)"))
		p.table([]row{
			{"libraries", strings.Join(c.Libraries, " ")},
			{"code", fmt.Sprintf("%s in %s; %s in reach", size(c.CodeBytes), count(c.Functions, "function"), size(c.ReachBytes))},
			{"gates", strconv.Itoa(c.Gates)},
			{"executes", fmt.Sprintf("%d: %s", len(c.Executes), strings.Join(c.Executes, " "))},
			{"needs", fmt.Sprintf("%d of %d:", len(c.Needs), len(r.Calls))},
		}, faint)
		var rows []row
		for _, n := range c.Needs {
			rows = append(rows, row{n.Name, kraftVia(n)})
		}
		p.table(rows)
		if n := len(c.Bypasses); n > 0 {
			fmt.Fprintf(p.w, "  %s\n", p.paint(yellow, count(n, "function")+" behind entries that it can call without them:"))
			rows = nil
			for _, x := range c.Bypasses {
				rows = append(rows, row{function(x.Function), x.Library, strings.Join(x.Calls, " ")})
			}
			p.table(rows)
		}
	}
	if len(r.Sequences) > 0 {
		p.title(yellow, "Byte sequences that change protection keys")
		var rows []row
		for _, s := range r.Sequences {
			rows = append(rows, row{s.What, s.Address, Clean(s.Library), function(s.Function)})
		}
		p.table(rows)
	}
	if len(r.Unresolved) > 0 {
		p.title(yellow, "Not decided (%d)", len(r.Unresolved))
		var rows []row
		for _, u := range r.Unresolved {
			rows = append(rows, row{u.Kind, function(u.Function), u.Effect})
		}
		p.table(rows)
	}
	return p.w.Flush()
}

// kraftVia is the chain to a call in one line.
func kraftVia(n gofind.CompartmentNeed) string {
	var s []string
	for _, x := range n.Via {
		s = append(s, function(x.Function))
	}
	return strings.Join(s, " > ")
}

// size writes a number of bytes.
func size(n uint64) string {
	if n < 10_000 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%d KB", (n+500)/1000)
}

// KraftTable writes which library and which compartment executes (x) or only needs
// (n) each call: tab-separated, a line for each call, a column for each compartment and each library that has one.
func KraftTable(w io.Writer, t *KraftMatrix) error {
	b := bufio.NewWriter(w)
	b.WriteString("call")
	for _, c := range t.Columns {
		b.WriteString("\t" + Clean(c.Kind+":"+c.Name))
	}
	b.WriteByte('\n')
	for i, call := range t.Calls {
		b.WriteString(Clean(call))
		for _, c := range t.Columns {
			b.WriteString("\t" + c.Cells[i])
		}
		b.WriteByte('\n')
	}
	return b.Flush()
}

// KraftMatrix is the table of calls, a gofind.krafttable/v1 document.
type KraftMatrix struct {
	Schema  string        `json:"schema"`
	Image   string        `json:"image"`
	Calls   []string      `json:"calls"` // names, by number
	Columns []KraftColumn `json:"columns"`
}

// KraftColumn says of each call whether a compartment or a library executes it ("x"),
// only needs it ("n"), or neither ("-").
type KraftColumn struct {
	Kind  string   `json:"kind"` // compartment, library
	Name  string   `json:"name"`
	Cells []string `json:"cells"` // by call
}

// NewKraftMatrix makes the table. Libraries that execute and need nothing are left out.
func NewKraftMatrix(r *gofind.CompartmentResult) *KraftMatrix {
	t := &KraftMatrix{Schema: "gofind.krafttable/v1", Image: r.Image, Calls: []string{}, Columns: []KraftColumn{}}
	for _, c := range r.Calls {
		t.Calls = append(t.Calls, c.Name)
	}
	add := func(kind, name string, executes, needs []string) {
		if kind == "library" && len(executes)+len(needs) == 0 {
			return
		}
		col := KraftColumn{kind, name, make([]string, len(t.Calls))}
		for i, c := range t.Calls {
			switch {
			case slices.Contains(executes, c):
				col.Cells[i] = "x"
			case slices.Contains(needs, c):
				col.Cells[i] = "n"
			default:
				col.Cells[i] = "-"
			}
		}
		t.Columns = append(t.Columns, col)
	}
	for _, c := range r.Compartments {
		var needs []string
		for _, n := range c.Needs {
			needs = append(needs, n.Name)
		}
		add("compartment", c.Name, c.Executes, needs)
	}
	for _, l := range r.Libraries {
		add("library", l.Name, l.Executes, l.Needs)
	}
	return t
}

// KraftWhy is the answer to `why --compartment`, a gofind.kraftwhy/v1 document.
type KraftWhy struct {
	Schema      string                   `json:"schema"`
	Image       string                   `json:"image"`
	Compartment string                   `json:"compartment"`
	Call        string                   `json:"call"`
	Needs       bool                     `json:"needs"`
	Executes    bool                     `json:"executes"`
	Complete    bool                     `json:"complete"`
	Via         []gofind.CompartmentStep `json:"via"`
}

// NewKraftWhy finds a call among the needs of a compartment, nil if there is no such compartment.
func NewKraftWhy(r *gofind.CompartmentResult, compartment, call string) *KraftWhy {
	for _, c := range r.Compartments {
		if c.Name != compartment {
			continue
		}
		w := &KraftWhy{Schema: "gofind.kraftwhy/v1", Image: r.Image, Compartment: compartment, Call: call, Complete: r.Complete, Executes: slices.Contains(c.Executes, call), Via: []gofind.CompartmentStep{}}
		for _, n := range c.Needs {
			if n.Name == call {
				w.Needs, w.Via = true, n.Via
			}
		}
		return w
	}
	return nil
}

// Answer says whether the compartment needs the call.
func (w *KraftWhy) Answer() Answer {
	switch {
	case w.Needs || w.Executes:
		return Yes
	case !w.Complete:
		return Unknown
	}
	return No
}

// Text writes the chain, one function a line: its compartment, library, name, and
// how control comes to it from the one before.
func (w *KraftWhy) Text(out io.Writer) error {
	b := bufio.NewWriter(out)
	switch {
	case w.Needs:
	case w.Executes:
		fmt.Fprintf(b, "# %s executes %s, but only for others: its C library is transparent\n", Clean(w.Compartment), Clean(w.Call))
	default:
		fmt.Fprintf(b, "# %s does not need %s\n", Clean(w.Compartment), Clean(w.Call))
	}
	for _, s := range w.Via {
		fmt.Fprintf(b, "%s\t%s\t%s\t%s\t%s\n", dash(Clean(s.Compartment)), dash(Clean(s.Library)), Clean(s.Function), s.Address, dash(s.How))
	}
	return b.Flush()
}

// KraftFile writes what a kraft.yaml says of compartments: a line for each library, with its compartment.
func KraftFile(w io.Writer, f *gofind.KraftFile) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "# kraft: %s\n", Clean(f.Path))
	for i, c := range f.Compartments {
		fmt.Fprintf(b, "# compartment: %s number %d%s%s\n", Clean(c.Name), i, when(c.Driver != "", ", "+Clean(c.Driver)), when(c.Default, ", default"))
	}
	for _, l := range f.Libraries {
		fmt.Fprintf(b, "%s\t%s\n", Clean(l.Name), dash(Clean(l.Compartment)))
	}
	return b.Flush()
}

// KraftProblems writes what is wrong in a kraft.yaml: file:line:column, and the line with a caret.
func KraftProblems(w io.Writer, e *gofind.KraftError) {
	for _, p := range e.Problems {
		fmt.Fprintf(w, "%s:%d:%d: %s\n", Clean(p.File), p.Line, p.Column, Clean(p.Problem))
		for line := range strings.SplitSeq(p.Excerpt, "\n") {
			if line != "" {
				fmt.Fprintln(w, Clean(line))
			}
		}
	}
}
