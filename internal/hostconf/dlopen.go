package hostconf

import (
	_ "embed"
	"slices"
	"strings"
	"sync"

	"github.com/gofind-dev/gofind/internal/facts"
)

// ConstantLoad is an object that a library loads by a constant name.
type ConstantLoad struct {
	Loader  string   // soname of the loading library
	Name    string   // as given to dlopen
	Entries []string // symbols that it looks up, sorted
}

//go:embed dlopen-names.txt
var textDlopenNames string

var constantLoads = sync.OnceValue(func() []ConstantLoad {
	var list []ConstantLoad
	facts.MustParse("dlopen-names.txt", textDlopenNames, 4, func(f []string) error {
		list = append(list, ConstantLoad{f[0], f[1], union(nil, strings.Fields(f[2]))})
		return nil
	})
	return list
})

// ConstantLoads returns the objects that libraries of glibc load by a constant name
// (dlopen-names.txt).
func ConstantLoads() []ConstantLoad { return slices.Clone(constantLoads()) }
