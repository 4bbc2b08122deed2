package report

import (
	"strings"

	"github.com/gofind-dev/gofind"
)

// kindCount sums up the unresolved entries of a kind. A large program has
// hundreds that hide no call; the JSON names each.
type kindCount struct {
	kind  string
	n     int
	first gofind.Unresolved
}

// split separates the entries that may hide calls from those that cannot, and
// counts the latter by kind, in the order in which the kinds appear.
func split(all []gofind.Unresolved) (open []gofind.Unresolved, bounded []kindCount) {
	at := make(map[string]int)
	for _, u := range all {
		if u.Open {
			open = append(open, u)
			continue
		}
		i, ok := at[u.Kind]
		if !ok {
			i = len(bounded)
			at[u.Kind] = i
			bounded = append(bounded, kindCount{kind: u.Kind, first: u})
		}
		bounded[i].n++
	}
	return open, bounded
}

// total adds up the counts.
func total(counts []kindCount) int {
	n := 0
	for _, k := range counts {
		n += k.n
	}
	return n
}

// place says where an entry is, for people.
func place(u gofind.Unresolved) string {
	return strings.Join(nonEmpty(base(u.Image), Clean(u.Address), function(u.Function)), " ")
}
