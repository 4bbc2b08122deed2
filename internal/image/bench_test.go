package image

import (
	"os"
	"testing"
)

const libc = "/lib/x86_64-linux-gnu/libc.so.6"

// benchFiles are those of the usual programs that are installed.
func benchFiles() []string {
	var out []string
	for _, p := range []string{libc, "/usr/lib/x86_64-linux-gnu/libstdc++.so.6", "/usr/sbin/nginx", "/usr/sbin/haproxy", "/usr/bin/rg"} {
		if _, err := os.Stat(p); err == nil {
			out = append(out, p)
		}
	}
	return out
}

func BenchmarkOpen(b *testing.B) {
	for _, p := range benchFiles() {
		b.Run(p, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f, err := Open(p)
				if err != nil {
					b.Fatal(err)
				}
				f.Close()
			}
		})
	}
}

func BenchmarkEHFrame(b *testing.B) {
	for _, p := range benchFiles() {
		b.Run(p, func(b *testing.B) {
			f, err := Open(p)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			n := len(f.FDEs)
			if n == 0 {
				b.Skip("no .eh_frame")
			}
			for b.Loop() {
				f.FDEs, f.fdeIdx = nil, fdeIndex{}
				if err := f.parseEHFrame(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/FDE")
		})
	}
}

func BenchmarkRelocs(b *testing.B) {
	for _, p := range benchFiles() {
		b.Run(p, func(b *testing.B) {
			f, err := Open(p)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			n := len(f.Relocs)
			for b.Loop() {
				f.Relocs = nil
				if err := f.parseRelocs(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/reloc")
		})
	}
}

// BenchmarkLookup looks up in libc all names of libstdc++ or, if it is not
// installed, of libc itself, most of which the Bloom filter refuses.
func BenchmarkLookup(b *testing.B) {
	f, err := Open(libc)
	if err != nil {
		b.Skip("no libc at ", libc)
	}
	defer f.Close()
	names := f
	if g, err := Open("/usr/lib/x86_64-linux-gnu/libstdc++.so.6"); err == nil {
		defer g.Close()
		names = g
	}
	run := func(name string, src *File) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			type key struct {
				hash      uint32
				name, ver string
			}
			var keys []key
			for i := 1; i < src.NumSymbols(); i++ {
				ver, _ := src.SymbolVersion(i)
				keys = append(keys, key{GNUHash(src.SymbolName(i)), src.SymbolName(i), ver})
			}
			i := 0
			for b.Loop() {
				k := &keys[i]
				f.LookupHash(k.hash, k.name, k.ver)
				if i++; i == len(keys) {
					i = 0
				}
			}
		})
	}
	run("own", f)
	run("other", names)
}

func BenchmarkFDEAt(b *testing.B) {
	f, err := Open(libc)
	if err != nil || len(f.FDEs) == 0 {
		b.Skip("no libc at ", libc)
	}
	defer f.Close()
	lo, hi := f.FDEs[0].Start, f.FDEs[len(f.FDEs)-1].End
	a := lo
	for b.Loop() {
		f.FDEAt(a)
		if a += 7919; a >= hi {
			a -= hi - lo
		}
	}
}

func BenchmarkBytes(b *testing.B) {
	f, err := Open(libc)
	if err != nil {
		b.Skip("no libc at ", libc)
	}
	defer f.Close()
	for b.Loop() {
		f.Bytes(f.Entry)
	}
}
