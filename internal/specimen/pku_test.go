package specimen

import (
	"testing"
)

func TestTry(t *testing.T) {
	if _, err := BuildPKU("/tmp/pku/img"); err != nil {
		t.Fatal(err)
	}
}
