package gofind_test

import (
	"context"
	"os"
	"os/exec"
	"testing"

	gofind "github.com/gofind-dev/gofind"
)

// BenchmarkScan is a cold scan within the process: load, analyse, resolve. The
// programs are those that are installed.
func BenchmarkScan(b *testing.B) {
	for _, name := range []string{"cat", "busybox", "curl", "nginx", "redis-server", "haproxy", "ffmpeg", "caddy"} {
		path, err := exec.LookPath(name)
		if err != nil {
			if path = "/usr/sbin/" + name; !exists(path) {
				continue
			}
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				r, err := gofind.Scan(context.Background(), path, gofind.Options{HostNone: true})
				if err != nil {
					b.Fatal(err)
				}
				n += r.Stats.Instructions
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/inst")
		})
	}
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }
