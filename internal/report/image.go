package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/gofind-dev/gofind"
)

// ImagePage writes the rules of a sealed image for a person at a terminal.
func ImagePage(w io.Writer, s *gofind.SealedImage, style Style) error {
	p := newPainter(w, style)
	fmt.Fprintf(p.w, "%s  %s\n", p.paint(bold, Clean(s.Path)), p.paint(faint, "sealed by gofind "+Clean(s.Tool)))
	protected := "not write-protected"
	if s.Protected {
		protected = "write-protected"
	}
	fmt.Fprintf(p.w, "  a call that is not listed: %s (%s); rules and text: %s\n", s.Default, s.OnDeny, protected)
	if s.Alone {
		fmt.Fprintf(p.w, "  one compartment by itself: what is not listed is refused, whoever calls it\n")
	}
	if s.Keys {
		fmt.Fprintf(p.w, "  memory keys separate compartments: PKRU decides what each executes\n")
	}
	gates := map[string]int{}
	kinds := map[string]int{}
	for _, g := range s.Gates {
		gates[g.Compartment]++
		kinds[g.Kind]++
	}
	checked := 0
	for _, e := range s.Entries {
		if e.Checked {
			checked++
		}
	}
	for _, c := range s.Compartments {
		var about []string
		if c.Default {
			about = append(about, "the image starts in it")
		}
		if c.Transparent {
			about = append(about, "transparent: acts for its callers, nothing is denied to it")
		}
		about = append(about, count(len(c.Allowed), "call"))
		if n := gates[c.Name]; n > 0 {
			about = append(about, count(n, "gate"))
		}
		p.title(bold, "%s (%s)", Clean(c.Name), strings.Join(about, "; "))
		if !c.Transparent {
			p.words(c.Allowed)
		}
	}
	p.title(bold, "Enforced by %s of system calls, and by", count(checked, "check"))
	var rows []row
	for _, k := range []struct{ kind, says string }{
		{"enter", "functions where control comes into a compartment"},
		{"handler", "handlers of interrupts and traps, which run on nobody's behalf"},
		{"switch", "context switches"},
		{"start", "starts of threads"},
		{"jump", "longjmp"},
		{"server", "calls of what other images ask for"},
	} {
		if kinds[k.kind] > 0 {
			rows = append(rows, row{strconv.Itoa(kinds[k.kind]), k.says})
		}
	}
	p.table(rows)
	var exports []string
	for _, g := range s.Gates {
		if g.Kind == "export" {
			exports = append(exports, g.Function)
		}
	}
	if s.Alone {
		p.title(bold, "Other images may have called (%s)", count(len(exports), "function"))
		p.words(exports)
	}
	p.gaps(s.Gaps)
	if len(s.Notes) > 0 {
		p.title(faint, "Not protected")
		for _, n := range s.Notes {
			fmt.Fprintf(p.w, "  %s\n", Clean(n))
		}
	}
	return p.w.Flush()
}

// gaps writes what could not be enforced.
func (p *painter) gaps(gaps []gofind.ImageGap) {
	if len(gaps) == 0 {
		return
	}
	p.title(yellow, "Not enforced in full")
	for _, g := range gaps {
		where, effect := gapText(g)
		fmt.Fprintf(p.w, "  %s: %s (%s)\n", Clean(where), Clean(g.Reason), Clean(effect))
	}
}

// gapText says where a gap is, and what it does to rules.
func gapText(g gofind.ImageGap) (where, effect string) {
	where = strings.TrimSpace(g.Function + " " + g.Address)
	if where == "" {
		where = "the image"
	}
	if len(g.Weakens) == 0 {
		return where, "no compartment gains by it"
	}
	return where, "weakens " + strings.Join(g.Weakens, ", ")
}

// words writes words in lines that fit.
func (p *painter) words(words []string) {
	width := p.style.Width
	if width == 0 {
		width = 80
	}
	line := " "
	for _, w := range words {
		if w = Clean(w); len(line)+1+len(w) > width && line != " " {
			fmt.Fprintln(p.w, line)
			line = " "
		}
		line += " " + w
	}
	if line != " " {
		fmt.Fprintln(p.w, line)
	}
}

// ImageLines writes the rules for grep and cut: for each compartment and call that is
// allowed or has an entry, a line of four fields: compartment, call, "allow" or "deny",
// and how many entries check it. All else is in lines that begin with #.
func ImageLines(w io.Writer, s *gofind.SealedImage) error {
	p := newPainter(w, Style{})
	comment := func(key string, values ...string) {
		fmt.Fprintf(p.w, "# %s: %s\n", key, Clean(strings.Join(values, " ")))
	}
	comment("image", s.Path)
	comment("sha256", s.SHA256)
	comment("tool", s.Tool)
	comment("default", s.Default)
	comment("on-deny", s.OnDeny)
	comment("protected", strconv.FormatBool(s.Protected))
	if s.Linked {
		comment("linked", "the micro-library enforces the rules")
	}
	if s.Keys {
		comment("keys", "PKRU decides what a compartment executes")
		for _, e := range s.Entries {
			comment("executes", e.Function, strings.Join(e.Executes, " "))
		}
	}
	for _, n := range s.Notes {
		comment("note", n)
	}
	if s.Alone {
		comment("alone", "a call that is denied is refused, whoever makes it")
	}
	for _, g := range s.Gates {
		if g.Kind == "export" || g.Kind == "server" {
			comment(g.Kind, g.Function, g.Address)
		}
	}
	comment("columns", "compartment", "call", "action", "checks")
	calls := map[string]int{}
	for _, e := range s.Entries {
		calls[e.Call] += 0
		if e.Checked {
			calls[e.Call]++
		}
	}
	for _, c := range s.Compartments {
		if c.Transparent {
			comment("transparent", c.Name)
			continue
		}
		names := slices.Clone(c.Allowed)
		for call := range calls {
			if !slices.Contains(c.Allowed, call) {
				names = append(names, call)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			action := "deny"
			if slices.Contains(c.Allowed, name) {
				action = "allow"
			}
			fmt.Fprintf(p.w, "%s\t%s\t%s\t%d\n", Clean(c.Name), Clean(name), action, calls[name])
		}
	}
	for _, g := range s.Gaps {
		where, effect := gapText(g)
		comment("gap", where+":", g.Reason, "("+effect+")")
	}
	return p.w.Flush()
}

// ImageRulesLines writes what there is to know of rules that are to be linked: lines that begin with #, and one
// for each file, its name and its hash.
func ImageRulesLines(w io.Writer, r *gofind.ImageRules) error {
	p := newPainter(w, Style{})
	comment := func(key string, values ...string) {
		fmt.Fprintf(p.w, "# %s: %s\n", key, Clean(strings.Join(values, " ")))
	}
	comment("image", r.Image)
	comment("directory", r.Directory)
	comment("on-deny", r.OnDeny)
	comment("checked", strconv.Itoa(r.Checks))
	comment("gated", strconv.Itoa(r.Gates))
	if len(r.Wrapped) > 0 {
		comment("wrapped", r.Wrapped...)
	}
	for _, l := range r.Libraries {
		comment("made visible in "+Clean(l.Name), l.Functions...)
	}
	for _, g := range r.Gaps {
		where, effect := gapText(g)
		comment("gap", where+":", g.Reason, "("+effect+")")
	}
	comment("columns", "file", "sha256")
	for _, f := range r.Files {
		fmt.Fprintf(p.w, "%s\t%s\n", Clean(f.Name), f.SHA256)
	}
	return p.w.Flush()
}

// VerificationPage writes what the comparison of two boots found.
func VerificationPage(w io.Writer, v *gofind.ImageVerification, style Style) error {
	p := newPainter(w, style)
	verdict := p.paint(green, "the same")
	if !v.Same {
		verdict = p.paint(red, "not the same")
	}
	fmt.Fprintf(p.w, "%s and %s: %s\n", Clean(v.Plain.Image), Clean(v.Sealed.Image), verdict)
	for _, d := range v.Differences {
		fmt.Fprintf(p.w, "  %s\n", cut(Clean(d), max(0, style.Width-2)))
	}
	for _, d := range v.Excused {
		fmt.Fprintf(p.w, "  taken to be the same: %s\n", cut(Clean(d), max(0, style.Width-2)))
	}
	fmt.Fprintf(p.w, "  %d and %d bytes of console, %.1f and %.1f seconds\n", len(v.Plain.Console), len(v.Sealed.Console), v.Plain.Seconds, v.Sealed.Seconds)
	return p.w.Flush()
}
