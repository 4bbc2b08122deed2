package report

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/gofind-dev/gofind"
)

// SealNotes writes what a person must know of a program that was just sealed.
func SealNotes(w io.Writer, s *gofind.Sealed) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "# %s: %s, %s\n", Clean(s.File), sealBegins(s), sealCost(s))
	for _, prog := range s.Policy.Programs {
		if prog.Path != s.Program {
			fmt.Fprintf(b, "# allows what %s needs too (%s)\n", Clean(prog.Path), Clean(prog.Why))
		}
	}
	for _, n := range s.Policy.Notes {
		fmt.Fprintf(b, "# note: %s\n", Clean(n))
	}
	for _, d := range s.Policy.Dangerous {
		fmt.Fprintf(b, "# allowed: %s: %s (%s)\n", CallName(gofind.Syscall{Name: d.Name, ABI: d.ABI}), Clean(d.Reason), Clean(d.Why))
	}
	return b.Flush()
}

// SealLines writes a seal for pipes: a line for each rule, in tab-separated fields
// (name, number, ABI, what happens), and everything else in lines that begin with #.
func SealLines(w io.Writer, s *gofind.Sealed) error {
	b := bufio.NewWriter(w)
	comment := func(key, format string, args ...any) {
		fmt.Fprintf(b, "# %s: %s\n", key, Clean(fmt.Sprintf(format, args...)))
	}
	comment("file", "%s", s.File)
	comment("program", "%s", s.Program)
	if s.Named != "" {
		comment("named", "%s", s.Named)
	}
	comment("sha256", "%s", s.SHA256)
	comment("intact", "%t", s.Intact)
	comment("sealed by", "%s", s.Tool)
	comment("filter", "%s", sealCost(s))
	comment("agrees", "%t", s.Filter.Agrees)
	comment("begins", "%s", sealBegins(s))
	comment("complete", "%t", s.Policy.Complete)
	comment("default", "%s", s.Policy.Default)
	comment("unknown", "%s", s.Policy.Unknown)
	comment("exec", "%s", s.Policy.Exec.Mode)
	fmt.Fprintln(b, "# columns: name number abi action")
	for i := range s.Policy.Rules {
		r := &s.Policy.Rules[i]
		fmt.Fprintf(b, "%s\t%d\t%s\t%s\n", dash(Clean(r.Name)), r.Number, Clean(r.ABI), Clean(ruleText(r)))
	}
	for _, in := range s.Policy.Inputs {
		comment("input", "%s %s %s", in.Kind, in.Path, dash(in.SHA256))
	}
	for _, n := range s.Policy.Notes {
		comment("note", "%s", n)
	}
	for _, c := range s.Changed {
		comment("changed", "%s", changeText(c))
	}
	return b.Flush()
}

// SealPage writes a seal for a person at a terminal.
func SealPage(w io.Writer, s *gofind.Sealed, style Style) error {
	p := newPainter(w, style)
	fmt.Fprintln(p.w, p.paint(bold, Clean(s.File)))
	p.table([]row{
		{"program", Clean(s.Program) + named(s.Named)},
		{"sha256", s.SHA256},
		{"sealed by", Clean(s.Tool)},
		{"filter", sealCost(s)},
		{"begins", sealBegins(s)},
		{"other calls", Clean(s.Policy.Default)},
		{"later calls", Clean(s.Policy.Unknown)},
		{"exec", Clean(s.Policy.Exec.Mode)},
	}, faint)
	if !s.Intact {
		p.indented("The file was changed after it was sealed, so gofind unseal cannot give back the original.")
	}
	if !s.Filter.Agrees {
		p.indented("The filter does not do what the policy says.")
	}
	if !s.Policy.Complete {
		p.indented("The program may make calls that were not found; the filter stops them.")
	}
	// Calls with the same fate together.
	var texts []string
	calls := map[string][]string{}
	for i := range s.Policy.Rules {
		r := &s.Policy.Rules[i]
		text := Clean(ruleText(r))
		if calls[text] == nil {
			texts = append(texts, text)
		}
		name := r.Name
		if name == "" {
			name = "#" + strconv.Itoa(r.Number)
		}
		calls[text] = append(calls[text], CallName(gofind.Syscall{Name: name, ABI: r.ABI}))
	}
	for _, text := range texts {
		p.title(bold, "%s: %s", text, count(len(calls[text]), "call"))
		p.indented(strings.Join(calls[text], " "))
	}
	var rows []row
	for _, in := range s.Policy.Inputs {
		if in.Kind == "elf" {
			rows = append(rows, row{Clean(in.Path), in.SHA256})
		}
	}
	p.title(bold, "rests on %s", count(len(rows), "image"))
	p.table(rows, "", faint)
	if len(s.Policy.Notes) > 0 {
		p.title(bold, "notes")
		for _, n := range s.Policy.Notes {
			p.indented(Clean(n))
		}
	}
	if len(s.Changed) > 0 {
		p.title(red, "changed since")
		for _, c := range s.Changed {
			p.indented(Clean(changeText(c)))
		}
	}
	return p.w.Flush()
}

func sealBegins(s *gofind.Sealed) string {
	if s.Begins == "exec" {
		return "from the first instruction"
	}
	return Clean("from the program's entry; before it runs " + s.Before)
}

func sealCost(s *gofind.Sealed) string {
	f := s.Filter
	return fmt.Sprintf("%d instructions, on average %.1f of them for a call; %d calls allowed, %d of them always", f.Instructions, f.Mean, f.Calls, f.Constant)
}

func changeText(c gofind.Change) string {
	switch {
	case c.Sealed == "":
		return c.Path + " (" + c.Kind + ") was not there"
	case c.Now == "":
		return c.Path + " (" + c.Kind + ") is gone"
	}
	return c.Path + " (" + c.Kind + ") is another file"
}

// ruleText says what happens to a call.
func ruleText(r *gofind.PolicyRule) string {
	var all []string
	for _, c := range r.Clauses {
		var tests []string
		for _, t := range c.Tests {
			tests = append(tests, testText(&t))
		}
		s := c.Action
		if len(tests) > 0 {
			s += " if " + strings.Join(tests, " and ")
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

var opTexts = map[string]string{"in": " is ", "ne": " is not ", "lt": " < ", "le": " <= ", "ge": " >= ", "gt": " > ", "masked_eq": " is "}

func testText(t *gofind.PolicyTest) string {
	s := "argument " + strconv.Itoa(t.Arg)
	if t.Mask != "" {
		s += " & " + t.Mask
	}
	return s + opTexts[t.Op] + strings.Join(t.Values, " or ")
}

// named is how a program was asked for whose link has another name.
func named(link string) string {
	if link == "" {
		return ""
	}
	return ", as " + Clean(link)
}
