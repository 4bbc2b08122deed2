package process

import (
	"os/exec"
	"testing"
)

func benchProgram(b *testing.B, name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		b.Skip(err)
	}
	return path
}

func BenchmarkLoad(b *testing.B) {
	for _, name := range []string{"cat", "nginx", "curl", "haproxy", "gdb", "ffmpeg"} {
		b.Run(name, func(b *testing.B) {
			path := benchProgram(b, name)
			b.ReportAllocs()
			images := 0
			for b.Loop() {
				p, err := Load(path, Options{})
				if err != nil {
					b.Fatal(err)
				}
				images = len(p.Images)
				p.Close()
			}
			b.ReportMetric(float64(images), "images")
		})
	}
}

// BenchmarkResolve binds every relocation with a symbol, as a scan does at most once.
func BenchmarkResolve(b *testing.B) {
	for _, name := range []string{"cat", "haproxy", "gdb", "ffmpeg"} {
		b.Run(name, func(b *testing.B) {
			p, err := Load(benchProgram(b, name), Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer p.Close()
			b.ReportAllocs()
			n := 0
			var dst []Target
			for b.Loop() {
				n = 0
				for _, img := range p.Images {
					img.memo = nil
				}
				p.many = nil
				for _, img := range p.Images {
					for _, r := range img.Relocs {
						if r.Sym != 0 {
							dst = p.Resolve(img.ID, int(r.Sym), dst[:0])
							n++
						}
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/ref")
			b.ReportMetric(float64(n), "refs")
		})
	}
}
