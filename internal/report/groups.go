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

// groupsColumns are the tab-separated fields of each line of [GroupsLines].
var groupsColumns = []string{"group", "call", "number", "abi", "executes", "needs", "via"}

// GroupsLines writes what the groups of a process need for pipes: a line for each group and call, all else in lines that
// begin with #. Executes is yes or no; needs is direct, pointer (only through pointers) or no;
// via are the functions of a shortest chain to the call. A crossing has the group, the file, the function, and the groups that call it.
func GroupsLines(w io.Writer, r *gofind.GroupsResult) error {
	b := bufio.NewWriter(w)
	comment := func(format string, args ...any) { fmt.Fprintf(b, "# %s\n", Clean(fmt.Sprintf(format, args...))) }
	comment("program: %s", r.Program)
	comment("sha256: %s", r.SHA256)
	comment("since: %s", r.Since)
	comment("complete: %t", r.Complete)
	for _, g := range r.Groups {
		comment("group: %s, %s, %d in reach, executes %d, needs %d%s%s%s", g.Name, count(g.Functions, "function"), g.Reach, len(g.Executes), len(g.Needs),
			when(g.UnknownSites > 0, ", "+count(g.UnknownSites, "unknown site")), when(g.Default, ", default"), when(g.Transparent, ", transparent"))
		comment("files: %s %s", g.Name, strings.Join(g.Files, " "))
	}
	comment("transparent: %s", strings.Join(r.Transparent, " "))
	comment("columns: %s", strings.Join(groupsColumns, " "))
	for _, g := range r.Groups {
		for _, row := range groupsRows(g) {
			for i, f := range row {
				row[i] = dash(Clean(f))
			}
			b.WriteString(strings.Join(row, "\t") + "\n")
		}
	}
	for _, g := range r.Groups {
		for _, x := range g.Crossings {
			comment("crossing: %s %s %s from %s", g.Name, x.Image, x.Function, strings.Join(x.From, ","))
		}
	}
	for _, u := range r.Unresolved {
		comment("unresolved: %s %s %s", u.Kind, u.Image, u.Address)
	}
	for _, a := range r.Assumptions {
		comment("assumption: %s %s", a.Name, a.Detail)
	}
	return b.Flush()
}

// groupVia are the functions of a chain.
func groupVia(n gofind.GroupNeed) string {
	var out []string
	for _, s := range n.Via {
		arrow := ""
		if s.How == "pointer" {
			arrow = "*"
		}
		out = append(out, arrow+function(s.Function))
	}
	return strings.Join(out, " > ")
}

func groupsRows(g gofind.GroupAnswer) []row {
	var rows []row
	need := map[gofind.GroupCall]bool{}
	for _, n := range g.Needs {
		need[n.GroupCall] = true
		how := "pointer"
		if n.Direct {
			how = "direct"
		}
		rows = append(rows, row{g.Name, n.Name, strconv.Itoa(n.Number), n.ABI, yes(slices.Contains(g.Executes, n.GroupCall)), how, groupVia(n)})
	}
	for _, e := range g.Executes {
		if !need[e] {
			rows = append(rows, row{g.Name, e.Name, strconv.Itoa(e.Number), e.ABI, "yes", "no", ""})
		}
	}
	return rows
}

// GroupsPage writes the same for a person at a terminal.
func GroupsPage(w io.Writer, r *gofind.GroupsResult, style Style) error {
	p := newPainter(w, style)
	fmt.Fprintf(p.w, "%s: %s\n", p.paint(bold, Clean(base(r.Program))), count(len(r.Groups), "group"))
	for _, g := range r.Groups {
		p.title(bold, "%s", Clean(g.Name)+when(g.Default, " (default)")+when(g.Transparent, " (transparent)"))
		var files, executes, direct, pointer []string
		for _, f := range g.Files {
			files = append(files, base(f))
		}
		for _, e := range g.Executes {
			executes = append(executes, e.Name)
		}
		for _, n := range g.Needs {
			if n.Direct {
				direct = append(direct, n.Name)
			} else {
				pointer = append(pointer, n.Name)
			}
		}
		list := func(l []string) string { return fmt.Sprintf("%d: %s", len(l), Clean(strings.Join(l, " "))) }
		p.table([]row{
			{"files", Clean(strings.Join(files, " "))},
			{"functions", fmt.Sprintf("%d; %d in reach; other groups call %d, and %d are visible", g.Functions, g.Reach, len(g.Crossings), g.Visible)},
			{"executes", list(executes)},
			{"needs", list(direct)},
			{"needs through pointers", list(pointer)},
		}, faint)
		if g.UnknownSites > 0 {
			fmt.Fprintf(p.w, "  %s\n", p.paint(yellow, count(g.UnknownSites, "call")+" in reach whose number is not known"))
		}
	}
	if !r.Complete {
		fmt.Fprintf(p.w, "\n%s\n", p.paint(yellow, "The answer is not complete: "+count(len(r.Unresolved), "unresolved place")+"; gofind scan lists them"))
	}
	return p.w.Flush()
}
