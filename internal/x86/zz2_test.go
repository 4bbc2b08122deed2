package x86

import (
	"fmt"
	"os"
	"testing"
	"time"
)

func TestCPU2(t *testing.T) {
	if os.Getenv("CPU") == "" {
		t.Skip()
	}
	_, secs := openBinary(t, binaries[0].paths)
	var data []byte
	for _, s := range secs {
		if s.Name == ".text" {
			data, _ = s.Data()
		}
	}
	for _, sz := range []int{500, 2000, 8000, 32000, 128000} {
		best := time.Hour
		n := 0
		for r := 0; r < 3000000/sz; r++ {
			n = 0
			t0 := time.Now()
			var in Inst
			for i := 400000; i < 400000+sz; i += int(in.Len) {
				Decode(data[i:], uint64(i), &in)
				n++
			}
			best = min(best, time.Since(t0))
		}
		fmt.Printf("chunk %d: %.1f ns/inst\n", sz, float64(best)/float64(n))
	}
}
