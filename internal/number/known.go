package number

import (
	_ "embed"
	"fmt"
	"sync"

	"github.com/gofind-dev/gofind/internal/facts"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/sysno"
)

//go:embed numbers.txt
var numbersText string

// numbers has the number of the call that a library makes where nothing else is known, by soname.
var numbers = sync.OnceValue(func() map[string]int {
	m := map[string]int{}
	facts.MustParse("numbers.txt", numbersText, 3, func(f []string) error {
		nr, ok := sysno.Number(sysno.X86_64, f[1])
		if _, again := m[f[0]]; !ok || again {
			return fmt.Errorf("no call %q, or a second row for %s", f[1], f[0])
		}
		m[f[0]] = nr
		return nil
	})
	return m
})

// known says which call unit id makes at o, where it passes a number on that could not be found.
func (s *solver) known(id reach.UnitID, o origin) (int, bool) {
	img := s.g.Unit(id).Image
	if img == s.g.Unit(o.unit).Image {
		return 0, false
	}
	nr, ok := numbers()[s.g.Members[img].Soname]
	return nr, ok
}
