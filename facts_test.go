package gofind

import (
	"testing"

	"github.com/gofind-dev/gofind/internal/gate"
)

// Every gate's assumption has a sentence.
func TestGateDetails(t *testing.T) {
	for _, name := range gate.Names() {
		if gateDetails[name] == "" {
			t.Errorf("no sentence for the assumption %s of internal/gate/gates.txt", name)
		}
	}
}
