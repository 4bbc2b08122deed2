package unikraft

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

//go:embed hooks.txt
var hooksText string

// role is what a function of hooks.txt does.
type role struct {
	kind, symbol string
	offset       int32
}

var roles = sync.OnceValue(func() []role { return mustParse(hooksText) })

// parseRoles reads hooks.txt.
func parseRoles(text string) ([]role, error) {
	var out []role
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		w := strings.Fields(line)
		if len(w) == 0 {
			continue
		}
		if len(w) != 3 {
			return nil, fmt.Errorf("hooks.txt:%d: want role, symbol, offset", i+1)
		}
		switch w[0] {
		case "switch", "add", "jump", "end", "errno", "boot", "paging", "smp", "add5", "area", "once", "prot", "setkey", "tables", "inner":
		default:
			return nil, fmt.Errorf("hooks.txt:%d: no role %q", i+1, w[0])
		}
		n, err := strconv.ParseInt(w[2], 0, 32)
		if err != nil || n < 0 || n%8 != 0 && w[0] != "area" {
			return nil, fmt.Errorf("hooks.txt:%d: %q is no offset of a word", i+1, w[2])
		}
		out = append(out, role{w[0], w[1], int32(n)})
	}
	return out, nil
}

func mustParse(text string) []role {
	r, err := parseRoles(text)
	if err != nil {
		panic(err)
	}
	return r
}
