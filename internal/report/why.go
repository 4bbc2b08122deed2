package report

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/gofind-dev/gofind"
)

// Answer says whether a program can make a call.
type Answer string

// The answers.
const (
	Yes     Answer = "yes"
	No      Answer = "no"
	Unknown Answer = "unknown" // not found, but the scan is not complete
)

// Why is the gofind.why/v1 JSON document: one call of one program.
type Why struct {
	Schema   string           `json:"schema"` // "gofind.why/v1"
	Program  string           `json:"program"`
	SHA256   string           `json:"sha256"`
	Since    string           `json:"since"`
	Complete bool             `json:"complete"` // of the scan
	Syscall  string           `json:"syscall"`
	Answer   Answer           `json:"answer"`
	Calls    []gofind.Syscall `json:"calls"` // one for each ABI

	Removed   []gofind.Removal `json:"removed,omitempty"`    // for a call that cannot be made, if it was asked for
	RemovedBy []string         `json:"removed_by,omitempty"` // for one that can, if it was asked for
}

// NewWhy picks a call by the kernel's name out of a result.
func NewWhy(r *gofind.Result, name string) *Why {
	why := &Why{
		Schema:   "gofind.why/v1",
		Program:  r.Program,
		SHA256:   r.SHA256,
		Since:    r.Since,
		Complete: r.Complete,
		Syscall:  name,
		Answer:   No,
		Calls:    []gofind.Syscall{},
	}
	for _, c := range r.Syscalls {
		if c.Name == name {
			why.Calls = append(why.Calls, c)
		}
	}
	switch {
	case len(why.Calls) > 0:
		why.Answer = Yes
	case !r.Complete:
		why.Answer = Unknown
	}
	return why
}

// Lines writes the answer for pipes: for each ABI a comment line, and then one
// function a line, from the entry to the one that makes the call, in
// tab-separated fields: function, image, and how the one before comes to it.
func (y *Why) Lines(w io.Writer) error {
	b := bufio.NewWriter(w)
	if len(y.Calls) == 0 {
		fmt.Fprintf(b, "# %s\n", y.sentence())
	}
	chain := func(via []gofind.Step) {
		for _, step := range via {
			fmt.Fprintf(b, "%s\t%s\t%s\n", dash(Clean(step.Function)), dash(base(step.Image)), dash(Clean(step.How)))
		}
	}
	for _, c := range y.Calls {
		fmt.Fprintf(b, "# %s\n", y.possible(c))
		chain(c.Via)
	}
	for _, name := range y.RemovedBy {
		fmt.Fprintf(b, "# %s\n", removedBy(name))
	}
	for _, r := range y.Removed {
		fmt.Fprintf(b, "# %s\n", y.without(r))
		chain(r.Syscall.Via)
	}
	return b.Flush()
}

// Page writes the answer for a person at a terminal: the chain, and the other
// places that make the call.
func (y *Why) Page(w io.Writer, style Style) error {
	p := newPainter(w, style)
	if len(y.Calls) == 0 {
		sgr := green
		if y.Answer == Unknown {
			sgr = red
		}
		fmt.Fprintln(p.w, p.paint(sgr, y.sentence()))
	}
	for i, c := range y.Calls {
		if i > 0 {
			fmt.Fprintln(p.w)
		}
		fmt.Fprintln(p.w, p.paint(bold, y.possible(c)))
		p.chain(c.Via)
		p.sites(c)
	}
	for _, name := range y.RemovedBy {
		p.title(bold, "%s", removedBy(name))
	}
	for _, r := range y.Removed {
		p.title(bold, "%s", y.without(r))
		p.chain(r.Syscall.Via)
	}
	return p.w.Flush()
}

// chain lists the functions of a chain.
func (p *painter) chain(via []gofind.Step) {
	var rows []row
	for _, step := range via {
		rows = append(rows, row{function(step.Function), base(step.Image), Clean(step.How)})
	}
	p.table(rows, "", faint, faint)
}

// without is the headline of a call that an assumption keeps out.
func (y *Why) without(r gofind.Removal) string {
	return fmt.Sprintf("it could without %s %s", plural(len(r.Assumptions), "the assumption", "the assumptions"), strings.Join(r.Assumptions, ", "))
}

// removedBy says what would take a call out of the answer.
func removedBy(name string) string {
	if name == gofind.SinceMain {
		return "only startup makes it (--since main)"
	}
	return fmt.Sprintf("it could not with %s %s", plural(1+strings.Count(name, ","), "the assumption", "the assumptions"), name)
}

func plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

// maxSites is how many sites a page lists; the JSON has them all.
const maxSites = 20

// sites lists where the call is made.
func (p *painter) sites(c gofind.Syscall) {
	var rows []row
	for _, s := range c.Sites[:min(len(c.Sites), maxSites)] {
		rows = append(rows, row{dash(base(s.Image)), dash(Clean(s.Address)), Clean(s.Origin), function(s.Function)})
	}
	p.title(bold, "Sites (%d)", len(c.Sites))
	p.table(rows, "", faint, faint)
	if more := len(c.Sites) - maxSites; more > 0 {
		fmt.Fprintf(p.w, "  and %d more\n", more)
	}
}

// possible is the headline of a call that can be made.
func (y *Why) possible(c gofind.Syscall) string {
	return fmt.Sprintf("%s can make %s (number %s): %s", Clean(y.Program), CallName(c),
		strconv.Itoa(c.Number), count(len(c.Sites), "site"))
}

// sentence is the headline of a call that was not found.
func (y *Why) sentence() string {
	if y.Answer == Unknown {
		return fmt.Sprintf("no %s found in %s, but the answer is not complete: see gofind scan", y.Syscall, Clean(y.Program))
	}
	return fmt.Sprintf("%s cannot make %s", Clean(y.Program), y.Syscall)
}
