package callgraph

import (
	"bufio"
	_ "embed"
	"fmt"
	"strings"
	"sync"

	"github.com/gofind-dev/gofind/internal/x86"
)

//go:embed facts.txt
var factsTxt string

// fact is what is known of a function by its name.
type fact struct {
	kind string
	args []string
}

// factTable has the facts of exact names, and of prefixes.
type factTable struct {
	exact  map[string][]fact
	prefix []prefixFact
}

type prefixFact struct {
	text string // with one *
	fact fact
}

func (p prefixFact) covers(name string) bool {
	before, after, _ := strings.Cut(p.text, "*")
	return len(name) >= len(before)+len(after) && strings.HasPrefix(name, before) && strings.HasSuffix(name, after)
}

var facts = sync.OnceValue(func() *factTable { return must(parseFacts(factsTxt)) })

func must(t *factTable, err error) *factTable {
	if err != nil {
		panic(err)
	}
	return t
}

// factArgs is how many arguments a kind has.
var factArgs = map[string]int{"data": 0, "dispatch": 1, "number": 2, "handler": 0, "serves": 0, "borrows": 0, "keeps": 0}

func parseFacts(text string) (*factTable, error) {
	t := &factTable{exact: map[string][]fact{}}
	sc := bufio.NewScanner(strings.NewReader(text))
	for n := 1; sc.Scan(); n++ {
		line, _, _ := strings.Cut(sc.Text(), "#")
		w := strings.Fields(line)
		if len(w) == 0 {
			continue
		}
		want, known := factArgs[w[0]]
		if !known {
			return nil, fmt.Errorf("facts.txt:%d: there is no kind %q", n, w[0])
		}
		if len(w) != want+2 {
			return nil, fmt.Errorf("facts.txt:%d: %s takes a name and %d arguments", n, w[0], want)
		}
		f := fact{w[0], w[2:]}
		for i, a := range f.args {
			if _, ok := registers[a]; !ok && a != "code" && !(f.kind == "number" && i == 0) {
				return nil, fmt.Errorf("facts.txt:%d: there is no register %q", n, a)
			}
		}
		if strings.Contains(w[1], "*") {
			t.prefix = append(t.prefix, prefixFact{w[1], f})
			continue
		}
		t.exact[w[1]] = append(t.exact[w[1]], f)
	}
	return t, nil
}

// of returns the fact of a kind about a symbol.
func (t *factTable) of(kind, name string) (fact, bool) {
	for _, f := range t.exact[name] {
		if f.kind == kind {
			return f, true
		}
	}
	for _, p := range t.prefix {
		if p.fact.kind == kind && p.covers(name) {
			return p.fact, true
		}
	}
	return fact{}, false
}

var registers = map[string]x86.Reg{"rax": x86.RAX, "rdi": x86.RDI}
