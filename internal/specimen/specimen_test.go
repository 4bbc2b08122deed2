package specimen

import (
	"os"
	"os/exec"
	"testing"
)

func TestBuild(t *testing.T) {
	dir := t.TempDir()
	if d := os.Getenv("KEEP"); d != "" {
		dir = d
	}
	img, err := Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("timeout", "20", "qemu-system-x86_64", "-kernel", img.Final, "-append", "normal", "-m", "64", "-display", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot", "-device", "isa-debug-exit", "-nodefaults").CombinedOutput()
	t.Logf("%s %v", out, err)
}
