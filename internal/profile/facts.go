package profile

import (
	_ "embed"
	"fmt"
	"strconv"
	"sync"

	"github.com/gofind-dev/gofind/internal/facts"
)

var (
	//go:embed foreign.txt
	textForeign string
	//go:embed errno.txt
	textErrno string
)

// foreign reports whether only other architectures have a call of that name. See foreign.txt.
func foreign(name string) bool { return foreignNames()[name] }

var foreignNames = sync.OnceValue(func() map[string]bool {
	out := map[string]bool{}
	facts.MustParse("foreign.txt", textForeign, 2, func(f []string) error {
		if out[f[0]] {
			return fmt.Errorf("%s is there twice", f[0])
		}
		out[f[0]] = true
		return nil
	})
	return out
})

// errnos are the numbers of names of errors.
var errnos = sync.OnceValue(func() map[string]uint16 {
	out := map[string]uint16{}
	facts.MustParse("errno.txt", textErrno, 2, func(f []string) error {
		n, err := strconv.ParseUint(f[1], 10, 12)
		if err == nil && out[f[0]] != 0 {
			return fmt.Errorf("%s is there twice", f[0])
		}
		out[f[0]] = uint16(n)
		return err
	})
	return out
})
