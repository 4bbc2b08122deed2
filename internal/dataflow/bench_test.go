package dataflow

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gofind-dev/gofind/internal/image"
)

// BenchmarkUnit analyses all functions that are known to start somewhere in files that are installed, one
// after the other, as scans do. Of large files it takes one in a few.
func BenchmarkUnit(b *testing.B) {
	const enough = 4000
	for _, path := range []string{"/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/x86_64-linux-gnu/libcrypto.so.3", "/usr/lib/x86_64-linux-gnu/libstdc++.so.6", "/usr/lib/x86_64-linux-gnu/libavcodec.so.59", "/usr/sbin/nginx", "/usr/bin/rg", "/usr/bin/caddy"} {
		if _, err := os.Stat(path); err != nil {
			continue
		}
		b.Run(filepath.Base(path), func(b *testing.B) {
			f, err := image.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			starts := f.FuncStarts()
			step := max(1, len(starts)/enough)
			b.ReportAllocs()
			insts := 0
			for b.Loop() {
				a := New(f)
				for i := 0; i < len(starts); i += step {
					insts += int(a.Unit(starts[i]).Insts)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(insts), "ns/inst")
		})
	}
}
