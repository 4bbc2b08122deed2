package profile

import (
	"math/rand/v2"
	"testing"

	"github.com/gofind-dev/gofind/internal/bpf"
)

func BenchmarkDecompile(b *testing.B) {
	f, err := bpf.Compile(randomPolicy(rand.New(rand.NewPCG(1, 1)), false, false))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := decompile(f); err != nil {
			b.Fatal(err)
		}
	}
}
