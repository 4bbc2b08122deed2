package gate

import "testing"

func TestRows(t *testing.T) {
	if len(rows) == 0 {
		t.Fatal("gates.txt has no rows")
	}
	for _, r := range rows {
		if len(r.function) == 0 || len(r.function[0].names) == 0 || len(r.needs) == 0 || r.name == "" {
			t.Errorf("incomplete row: %+v", r)
		}
	}
}
