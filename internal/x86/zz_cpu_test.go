package x86

import (
	"fmt"
	"os"
	"testing"
	"time"
)

func TestCPU(t *testing.T) {
	if os.Getenv("CPU") == "" {
		t.Skip()
	}
	cal := time.Hour
	for r := 0; r < 200; r++ {
		t0 := time.Now()
		x := uint64(r)
		for j := 0; j < 100000; j++ {
			x = x*3 + 1
		}
		if x == 7 {
			fmt.Println()
		}
		if d := time.Since(t0); d < cal {
			cal = d
		}
	}
	fmt.Printf("insts calibration: %.3f ns per mul+add (4 cycles)\n", float64(cal)/1e5)
	for _, k := range []int{0, 3, 4, 5} {
		p, secs := openBinary(t, binaries[k].paths)
		var data []byte
		for _, s := range secs {
			if s.Name == ".text" {
				data, _ = s.Data()
			}
		}
		best := map[int]time.Duration{}
		n := 0
		for r := 0; r < 25; r++ {
			n = 0
			i := 0
			for c := 0; i < len(data); c++ {
				end := min(len(data), (c+1)*8192)
				t0 := time.Now()
				var in Inst
				for ; i < end; i += int(in.Len) {
					Decode(data[i:], uint64(i), &in)
					n++
				}
				d := time.Since(t0)
				if b, ok := best[c]; !ok || d < b {
					best[c] = d
				}
			}
		}
		var sum time.Duration
		for _, d := range best {
			sum += d
		}
		fmt.Printf("%s %d insts: %.1f ns/inst, %.0f MB/s\n", p, n, float64(sum)/float64(n), float64(len(data))/float64(sum)*1e3)
	}
}
