package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/gofind-dev/gofind"
)

// Verify writes what a run showed: a paragraph for each program, what was missed
// with its stack, and the verdict in the last line.
func Verify(w io.Writer, v *gofind.Verification) error {
	p := &verifyPage{bufio.NewWriter(w)}
	for i := range v.Programs {
		p.program(&v.Programs[i])
	}
	for _, s := range v.Problems {
		p.line("log: %s", Clean(s))
	}
	if v.Exit != nil {
		p.line("the command ended with %s; %s of %s", exitText(v.Exit), count(int(v.Calls), "call"), count(v.Threads, "thread"))
	}
	p.line("verdict: %s", p.verdict(v))
	return p.w.Flush()
}

type verifyPage struct{ w *bufio.Writer }

func (p *verifyPage) line(format string, args ...any) {
	fmt.Fprintf(p.w, format+"\n", args...)
}

func (p *verifyPage) verdict(v *gofind.Verification) string {
	var missed, open int
	for _, g := range v.Programs {
		if g.Scan != "complete" {
			open++
			continue
		}
		missed += len(g.Missed) + len(g.Arguments)
	}
	switch v.Verdict {
	case gofind.VerdictHolds:
		return "holds: each call was predicted"
	case gofind.VerdictMissed:
		return fmt.Sprintf("missed: %s not predicted", countWere(missed, "call"))
	}
	return fmt.Sprintf("incomplete: %s no complete scan; all others' calls were predicted", countHave(open, "program"))
}

func countWere(n int, what string) string {
	if n == 1 {
		return "1 " + what + " was"
	}
	return fmt.Sprintf("%d %ss were", n, what)
}

func countHave(n int, what string) string {
	if n == 1 {
		return "1 " + what + " has"
	}
	return fmt.Sprintf("%d %ss have", n, what)
}

func exitText(e *gofind.Exit) string {
	if e.Signal != "" {
		return e.Signal
	}
	return fmt.Sprintf("exit code %d", e.Code)
}

func (p *verifyPage) program(g *gofind.VerifiedProgram) {
	runs := count(g.Runs, "run")
	switch g.Scan {
	case "failed":
		p.line("%s: %s, %s made; no scan: %s", Clean(g.Program), runs, countWere(len(g.Calls), "call"), Clean(g.Error))
	case "incomplete":
		p.line("%s: %s, %d of %d predicted calls made; the scan is incomplete: gofind scan says why", Clean(g.Program), runs, g.Seen, g.Predicted)
	default:
		p.line("%s: %s, %d of %d predicted calls made", Clean(g.Program), runs, g.Seen, g.Predicted)
	}
	if len(g.Environment) > 0 {
		p.line("  scanned with what its environment says: %s", Clean(strings.Join(g.Environment, " ")))
	}
	for _, f := range g.Loaded {
		p.line("  loaded, and not known to the scan: %s", Clean(f))
	}
	for i := range g.Missed {
		p.missed(&g.Missed[i], g.Scan)
	}
	for i := range g.Arguments {
		a := &g.Arguments[i]
		p.line("  MISSED value of %s (argument %d) of %s: %#x", Clean(a.Argument), a.Index, callText(a.CallName), a.Value)
		if len(a.Stack) == 0 {
			p.line("    %s", at(a.Site.Image, a.Site.Address, a.Site.Function))
		}
		p.stack(a.Stack)
	}
	p.modules(g)
	if g.Scan != "failed" && g.Error != "" {
		p.line("  %s", Clean(g.Error))
	}
	for _, s := range g.Elsewhere {
		p.line("  not among the places that the scan lists for it: %s", siteText(s))
	}
}

// maxModules bounds the files that are named where all are named already.
const maxModules = 3

func (p *verifyPage) missed(m *gofind.MissedCall, scan string) {
	what := "MISSED"
	if scan != "complete" {
		what = "not listed by the incomplete scan:"
	}
	p.line("  %s %s, made %s", what, callText(m.CallName), times(m.Count))
	p.stack(m.Stack)
	for _, s := range m.Sites {
		if len(m.Stack) > 0 && s.Image == m.Stack[0].Image && s.Address == m.Stack[0].Address {
			continue
		}
		p.line("    also at %s", siteText(s))
	}
}

// modules says with which flags the scan has what was missed.
func (p *verifyPage) modules(g *gofind.VerifiedProgram) {
	var flags []string
	has := map[string]int{}
	add := func(files []string) {
		if len(files) == 0 {
			return
		}
		f := "--module " + strings.Join(files, " --module ")
		if len(files) > maxModules {
			f = fmt.Sprintf("--module for each of %d of the loaded files", len(files))
		}
		if has[f]++; has[f] == 1 {
			flags = append(flags, f)
		}
	}
	for _, m := range g.Missed {
		add(m.Modules)
	}
	for _, m := range g.Arguments {
		add(m.Modules)
	}
	for _, f := range flags {
		dirs := ""
		if len(g.LibraryPath) > 0 {
			dirs = " --library-path " + strings.Join(g.LibraryPath, ":")
		}
		p.line("  the scan has %d of these %d with %s", has[f], len(g.Missed)+len(g.Arguments), Clean(f+dirs))
	}
}

// stack writes the functions that led to a call. Frames that were not found by unwind
// tables say how.
func (p *verifyPage) stack(frames []gofind.StackFrame) {
	for i, f := range frames {
		how := ""
		if f.How != "eh_frame" && i > 0 {
			how = " (" + f.How + ")"
		}
		p.line("    %s%s", at(f.Image, f.Address, f.Function), how)
	}
}

func times(n uint64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func callText(c gofind.CallName) string {
	name := c.Name
	if name == "" {
		name = "a call without a name"
	}
	return fmt.Sprintf("%s (%s %d)", name, c.ABI, c.Number)
}

func siteText(s gofind.SeenSite) string {
	return fmt.Sprintf("%s: %s, %s", at(s.Image, s.Address, s.Function), callText(s.CallName), times(s.Count))
}

// at names a place: an image, unless the code is in no file, an address and a
// function, if it is known.
func at(image, address, name string) string {
	if image == "" {
		image = "(memory)"
	}
	s := Clean(image) + " " + address
	if name != "" {
		s += " " + function(name)
	}
	return s
}

// Refused writes a line about a call that a policy would refuse.
func Refused(w io.Writer, r *gofind.RefusedSite) error {
	_, err := fmt.Fprintf(w, "gofind: would be refused (%s): %s at %s in %s\n",
		r.Action, callText(r.Site.CallName), at(r.Site.Image, r.Site.Address, r.Site.Function), Clean(r.Program))
	return err
}

// Audit writes what a policy would have refused, with counts and stacks.
func Audit(w io.Writer, a *gofind.Audit) error {
	p := &verifyPage{bufio.NewWriter(w)}
	for i := range a.Refused {
		r := &a.Refused[i]
		p.line("%s: %s, %s; the policy says %s", Clean(r.Program), callText(r.Site.CallName), times(r.Site.Count), r.Action)
		if len(r.Stack) == 0 {
			p.line("    %s", at(r.Site.Image, r.Site.Address, r.Site.Function))
		}
		p.stack(r.Stack)
	}
	p.line("the command ended with %s; %s made a call that the policy refuses", exitText(a.Exit), count(len(a.Refused), "place"))
	return p.w.Flush()
}
