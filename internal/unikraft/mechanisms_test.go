package unikraft

import (
	"fmt"
	"strings"
	"testing"
)

// ways are attacks of one attacker against one mechanism.
type ways struct {
	tried   int
	through []string // those that were not stopped
}

func (w *ways) add(name, result string) {
	w.tried++
	if result == "not stopped" {
		w.through = append(w.through, name)
	}
}

func (w *ways) String() string {
	switch {
	case w.tried == 0:
		return "-"
	case len(w.through) == 0:
		return fmt.Sprintf("stops all %d", w.tried)
	case len(w.through) == w.tried:
		return fmt.Sprintf("**stops none of %d**", w.tried)
	}
	return fmt.Sprintf("stops %d of %d, **not**: %s", w.tried-len(w.through), w.tried, strings.Join(w.through, "; "))
}

// TestMechanisms writes the table of docs/compartments.md that sets attackers against mechanisms: it counts the attacks of TestAttacks and
// TestPKUAttacks, which fail if an attack does not end as it is said to here.
func TestMechanisms(t *testing.T) {
	var b strings.Builder
	b.WriteString("| the attacker has | no rules | rules | rules, `--protect-rules` | keys, `--pku` |\n|---|---|---|---|---|\n")
	for _, model := range []string{logic, pointer, rop, write} {
		var cells [4]ways
		for _, a := range attacks {
			if a.model != model {
				continue
			}
			if !a.onRules {
				cells[0].add(a.name, "not stopped")
			}
			if !a.opts.Protect {
				cells[1].add(a.name, a.result)
			}
			if a.opts.Protect || model != write {
				cells[2].add(a.name, a.result)
			}
			if a.name == "forged tag" { // it was tried with protection, which does not help against it
				cells[1].add(a.name, a.result)
			}
		}
		for _, a := range pkuAttacks {
			if a.model == model {
				cells[3].add(a.name, a.result)
			}
		}
		fmt.Fprintf(&b, "| %s |", model)
		for i := range cells {
			fmt.Fprintf(&b, " %s |", &cells[i])
		}
		b.WriteString("\n")
	}
	writePart(t, "../../docs/compartments.md", "mechanisms", b.String())
}
