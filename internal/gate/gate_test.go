package gate

import (
	"slices"
	"testing"
)

func TestRows(t *testing.T) {
	if len(rows) == 0 {
		t.Fatal("gates.txt has no rows")
	}
	for _, r := range rows {
		if len(r.calls) == 0 || len(r.needs) == 0 || r.name == "" {
			t.Errorf("incomplete row: %+v", r)
		}
		if !slices.IsSorted(r.calls) {
			t.Errorf("calls are compared sorted: %v", r.calls)
		}
	}
}
