package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gofind-dev/gofind"
)

// header says what was scanned and how good the answer is.
func (p *painter) header(r *gofind.Result) {
	verdict := p.paint(green, "complete")
	if !r.Complete {
		verdict = p.paint(red, "NOT complete")
	}
	fmt.Fprintln(p.w, p.paint(bold, cut(Clean(r.Program), p.style.Width)))
	fmt.Fprintf(p.w, "  %s, %s\n", count(len(r.Syscalls), "system call"), verdict)
	life := "whole life of the process"
	if r.Since == "main" {
		life = "after startup"
	}
	for _, line := range wrap(life+"; "+images(r), p.style.Width-2) {
		fmt.Fprintf(p.w, "  %s\n", p.paint(faint, line))
	}
}

// images sums up the files of the process and what was decoded of them.
func images(r *gofind.Result) string {
	var parts []string
	for _, o := range []string{"program", "loader", "needed", "preload", "audit", "module", "dlopen"} {
		n := 0
		for _, img := range r.Images {
			if img.Origin == o {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o))
		}
	}
	s := r.Stats
	return fmt.Sprintf("%s (%s), %s, %s", count(len(r.Images), "image"), strings.Join(parts, ", "),
		count(s.Functions, "live function"), count(s.Sites.Live, "live syscall instruction"))
}

// calls writes the system calls, one section for each origin.
func (p *painter) calls(r *gofind.Result) {
	groups := make(map[string][]row)
	for _, c := range r.Syscalls {
		o := origin(c)
		groups[o] = append(groups[o], callRow(c))
	}
	section := func(title string, rows []row) {
		if len(rows) > 0 {
			p.title(bold, "%s (%d)", title, len(rows))
			p.table(rows, green, faint, "", faint)
		}
	}
	for _, o := range origins {
		section(o.title, groups[o.name])
		delete(groups, o.name)
	}
	var rest []row
	for _, c := range r.Syscalls { // origins that this version does not know
		if groups[origin(c)] != nil {
			rest = append(rest, callRow(c))
		}
	}
	section("Others", rest)
}

// callRow shows one call: its name, the image and function of one site, how many
// more there are, and what leads to the one shown.
func callRow(c gofind.Syscall) row {
	site, _ := shown(c)
	where := function(site.Function)
	if more := len(c.Sites) - 1; more > 0 {
		where += fmt.Sprintf(" +%d", more)
	}
	from := caller(c, site)
	if from != "" {
		from = "from " + from
	}
	return row{CallName(c), base(site.Image), where, from}
}

// arguments lists what is known of the arguments of calls.
func (p *painter) arguments(r *gofind.Result) {
	var rows []row
	for _, c := range r.Syscalls {
		name := CallName(c)
		for _, a := range c.Args {
			rows = append(rows, row{name, Clean(a.Name), argValues(a, " ")})
			name = ""
		}
	}
	if len(rows) > 0 {
		p.title(bold, "Arguments that have no other values (%d)", len(rows))
		p.table(rows, green, "", faint)
	}
}

// argValues writes the values of an argument: those that are negative numbers of its width as such, others
// above nine in hexadecimal.
func argValues(a gofind.ArgValues, between string) string {
	var out []string
	for _, v := range a.Values {
		switch n := int64(v) << (64 - a.Width) >> (64 - a.Width); {
		case n < 0 && n >= -4096:
			out = append(out, strconv.FormatInt(n, 10))
		case v < 10:
			out = append(out, strconv.FormatUint(v, 10))
		default:
			out = append(out, fmt.Sprintf("%#x", v))
		}
	}
	return strings.Join(out, between)
}

// CallName returns the name of a call, with its ABI if that is not the native one.
func CallName(c gofind.Syscall) string {
	if c.ABI == "x86_64" || c.ABI == "" {
		return Clean(c.Name)
	}
	return Clean(c.Name + " (" + c.ABI + ")")
}

// unresolved lists what may hide calls, and sums up what cannot.
func (p *painter) unresolved(r *gofind.Result) {
	open, bounded := split(r.Unresolved)
	if len(open) > 0 {
		p.title(red, "Unresolved: may hide calls (%d)", len(open))
	}
	for _, u := range open {
		fmt.Fprintf(p.w, "  %s %s\n", p.paint(red, Clean(u.Kind)), cut(place(u), p.style.Width-3-columns(u.Kind)))
		p.indented(u.Effect)
	}
	if len(bounded) == 0 {
		return
	}
	p.title(bold, "Widened, hiding no call (%d)", total(bounded))
	var rows []row
	for _, k := range bounded {
		rows = append(rows, row{Clean(k.kind), fmt.Sprintf("%d, first %s", k.n, place(k.first))})
	}
	p.table(rows, "", faint)
}

// dlopen lists what may be loaded at run time.
func (p *painter) dlopen(r *gofind.Result) {
	var rows []row
	for _, d := range r.Dlopen {
		what := base(d.What)
		if !d.Found {
			what += " (" + foundness(d) + ")"
		}
		rows = append(rows, row{Clean(d.Kind), what, Clean(d.Why)})
	}
	if len(rows) > 0 {
		p.title(bold, "Loaded at run time (%d)", len(rows))
		p.table(rows, yellow, "", faint)
	}
}

// exec lists the programs that it may turn into.
func (p *painter) exec(r *gofind.Result) {
	var rows []row
	for _, e := range r.Exec {
		targets := execTargets(e)
		for i := range targets {
			targets[i] = Clean(targets[i])
		}
		rows = append(rows, row{Clean(e.Call), strings.Join(targets, " ")})
	}
	if len(rows) > 0 {
		p.title(bold, "Executes (the calls of these programs are not in the answer)")
		p.table(rows, yellow)
	}
}

// notes lists facts that a reader must know.
func (p *painter) notes(r *gofind.Result) {
	if len(r.Notes) == 0 {
		return
	}
	p.title(bold, "Notes")
	for _, n := range r.Notes {
		head := strings.Join(nonEmpty(Clean(n.Kind), base(n.Image)), " ")
		fmt.Fprintf(p.w, "  %s\n", p.paint(yellow, cut(head, p.style.Width-2)))
		p.indented(n.Detail)
	}
}

// assumptions names the conditions under which the answer holds.
func (p *painter) assumptions(r *gofind.Result) {
	if len(r.Assumptions) == 0 {
		return
	}
	var names []string
	for _, a := range r.Assumptions {
		names = append(names, Clean(a.Name))
	}
	p.title(bold, "Assuming (--json has the details)")
	for _, line := range wrap(strings.Join(names, ", "), p.style.Width-2) {
		fmt.Fprintf(p.w, "  %s\n", p.paint(faint, line))
	}
}

// indented writes a sentence in lines of the page's width, four columns in.
func (p *painter) indented(s string) {
	if s == "" {
		return
	}
	for _, line := range wrap(Clean(s), p.style.Width-4) {
		fmt.Fprintf(p.w, "    %s\n", line)
	}
}

// nonEmpty drops the empty strings.
func nonEmpty(parts ...string) []string {
	var out []string
	for _, s := range parts {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}
