package unikraft

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/specimen"
)

// The specimen as other compilers' flags make it: its functions start in other ways. Nothing may break.
func TestFlags(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the specimen several times")
	}
	image(t)
	for _, flags := range []string{
		"-O0", "-O1", "-O3", "-Os", "-Og -fno-omit-frame-pointer", "-O2 -fcf-protection=branch", "-O2 -falign-functions=1 -fno-align-loops",
		"-O2 -fno-jump-tables -fno-optimize-sibling-calls", "-O2 -fPIE", "-O2 -flive-patching=inline-clone -fno-ipa-ra", "-O3 -funroll-loops -fno-reorder-blocks",
	} {
		t.Run(flags, func(t *testing.T) {
			t.Parallel()
			img, err := specimen.Build(t.TempDir(), strings.Fields(flags)...)
			if err != nil {
				t.Fatal(err)
			}
			debug, final := open(t, img.Debug), open(t, img.Final)
			rep, err := Seal(planOf(t, img), debug, final, Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range rep.Rules.Gaps {
				t.Errorf("gap: %s %#x: %s", g.Func, g.Addr, g.Reason)
			}
			path := filepath.Join(t.TempDir(), "sealed")
			b, err := final.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, b, 0o666); err != nil {
				t.Fatal(err)
			}
			plain, status := boot(t, img.Final, "normal")
			if status != 0 {
				t.Fatalf("the specimen itself: status %d\n%s", status, plain)
			}
			if sealed, status := boot(t, path, "normal"); status != 0 || sealed != plain {
				t.Errorf("status %d\n%s", status, sealed)
			}
		})
	}
}
