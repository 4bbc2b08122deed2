package seal

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
)

var update = flag.Bool("update", false, "rewrite stub.hex")

// stub.hex is what stub.asm stands for.
func TestStub(t *testing.T) {
	need(t, "as")
	need(t, "objcopy")
	dir := t.TempDir()
	object, binary := filepath.Join(dir, "stub.o"), filepath.Join(dir, "stub")
	run(t, "as", "-o", object, "stub.asm")
	run(t, "objcopy", "-O", "binary", "-j", ".text", object, binary)
	want, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		var b strings.Builder
		for h := hex.EncodeToString(want); h != ""; h = h[min(64, len(h)):] {
			b.WriteString(h[:min(64, len(h))] + "\n")
		}
		if err := os.WriteFile("stub.hex", []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	code, jump := stub()
	if !bytes.Equal(code, want) {
		t.Error("stub.hex is not stub.asm: go test -run TestStub -update")
	}
	if len(code) < headLen || !bytes.Equal(code[headLen:headLen+4], []byte{0xf3, 0x0f, 0x1e, 0xfa}) {
		t.Error("the stub does not start with endbr64")
	}
	if !bytes.Equal(code[jump-1:jump+4], []byte{0xe9, 0, 0, 0, 0}) {
		t.Errorf("no jump at %#x", jump-1)
	}
}

func need(t testing.TB, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs ", tool)
		}
	}
}

// run runs a tool, which must succeed, and returns what it writes.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := bounded.Command(t, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
