package reach

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/summary"
)

// BenchmarkReach links the units of programs that are installed, which were analysed before: what a graph takes
// besides, without models of other packages.
func BenchmarkReach(b *testing.B) {
	for _, path := range []string{"/usr/sbin/nginx", "/usr/bin/curl", "/usr/bin/redis-server", "/usr/sbin/haproxy", "/usr/bin/caddy"} {
		if _, err := os.Stat(path); err != nil {
			continue
		}
		b.Run(filepath.Base(path), func(b *testing.B) {
			p, err := process.Load(path, process.Options{NoHostConf: true})
			if err != nil {
				b.Fatal(err)
			}
			defer p.Close()
			g := New(p, Options{})
			g.Startup()
			if err := g.Run(context.Background()); err != nil {
				b.Fatal(err)
			}
			units := map[Place]*summary.Unit{}
			for id := 1; id < g.NumUnits(); id++ {
				units[Place{g.Unit(UnitID(id)).Image, g.Unit(UnitID(id)).Entry}] = g.Full(UnitID(id))
			}
			want := g.NumUnits()
			b.ReportAllocs()
			for b.Loop() {
				g := New(p, Options{Workers: 1})
				g.Startup()
				for again := true; again; again = g.recheck() || g.takeLabels() { // as Run does it
					for len(g.todo)+len(g.woken) > 0 {
						level := g.todo
						g.todo = nil
						for _, id := range level {
							g.Unit(id).Sum = units[Place{g.Unit(id).Image, g.Unit(id).Entry}]
						}
						for _, id := range level {
							g.process(id)
						}
						g.wakeParts()
					}
				}
				if g.NumUnits() != want {
					b.Fatalf("%d units, not %d", g.NumUnits()-1, want-1)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(want-1), "ns/unit")
		})
	}
}
