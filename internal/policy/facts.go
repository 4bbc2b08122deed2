package policy

import (
	"fmt"

	"github.com/gofind-dev/gofind/internal/sysno"
)

// ABIs are all ABIs, in order.
var ABIs = []sysno.ABI{sysno.X86_64, sysno.I386, sysno.X32}

// calls returns the calls of that name in all ABIs; none is an error.
func calls(name string) ([]sysno.Call, error) {
	var out []sysno.Call
	for _, abi := range ABIs {
		if nr, ok := sysno.Number(abi, name); ok {
			out = append(out, sysno.Call{ABI: abi, Nr: nr})
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no ABI has a call %q", name)
	}
	return out, nil
}
