package report

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/gofind-dev/gofind"
)

// lineColumns are the tab-separated fields of each line of [Lines].
var lineColumns = []string{"name", "number", "abi", "origin", "sites", "image", "address", "function"}

// Lines writes the text form for pipes: one call a line, in tab-separated
// fields, and everything else in lines that begin with # and hold no tab. So
// `cut -sf1` gives the names alone, and `grep -v '^#'` the calls alone. The
// fields are the name, the number, the ABI, the strongest origin, the number of
// sites, and the image, address and function (as the file names it) of the
// first site of that origin; an empty field is a dash.
func Lines(w io.Writer, r *gofind.Result) error {
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
	comment("program", r.Program)
	if r.Named != "" {
		comment("named", r.Named)
	}
	comment("sha256", r.SHA256)
	comment("since", r.Since)
	comment("complete", strconv.FormatBool(r.Complete))
	comment("images", strconv.Itoa(len(r.Images)))
	comment("columns", lineColumns...)
	for _, c := range r.Syscalls {
		s, _ := shown(c)
		fields := []string{
			c.Name, strconv.Itoa(c.Number), c.ABI, origin(c), strconv.Itoa(len(c.Sites)),
			s.Image, s.Address, s.Function,
		}
		for i, f := range fields {
			fields[i] = dash(Clean(f))
		}
		b.WriteString(strings.Join(fields, "\t"))
		b.WriteByte('\n')
	}
	open, bounded := split(r.Unresolved)
	for _, u := range open {
		comment("unresolved", u.Kind, u.Image, u.Address, u.Function+":", u.Effect)
	}
	for _, k := range bounded {
		comment("widened", k.kind, strconv.Itoa(k.n))
	}
	for _, c := range r.Syscalls {
		for _, a := range c.Args {
			comment("args", CallName(c), a.Name+"="+argValues(a, ","))
		}
	}
	for _, d := range r.Dlopen {
		comment("dlopen", d.Kind, d.What, "("+foundness(d)+"):", d.Why)
	}
	for _, e := range r.Exec {
		comment("exec", append([]string{e.Call}, execTargets(e)...)...)
	}
	for _, n := range r.Notes {
		comment("note", n.Kind, n.Image, n.Detail)
	}
	for _, a := range r.Assumptions {
		comment("assumption", a.Name, a.Detail)
	}
	return b.Flush()
}

// foundness says whether the file of a dlopen entry is part of the answer.
func foundness(d gofind.Dlopen) string {
	switch {
	case d.Found:
		return "analysed"
	case d.What == "unknown":
		return "not analysed"
	}
	return "not found"
}

// execTargets lists what an execve may start, for people.
func execTargets(e gofind.Exec) []string {
	t := append([]string(nil), e.Paths...)
	if e.Self {
		t = append(t, "(the program itself)")
	}
	if e.Unknown {
		t = append(t, "(unknown paths)")
	}
	return t
}
