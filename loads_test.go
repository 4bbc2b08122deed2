package gofind_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gofind-dev/gofind"

	"github.com/gofind-dev/gofind/internal/bounded"
)

// A file that is loaded at run time may bring in a library that loads others, before anything of it is
// known to be live.
func TestLoadedLoads(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no gcc")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"crypto.c": "void OPENSSL_init_crypto(void) {}\n",
		"plugin.c": "void OPENSSL_init_crypto(void);\nvoid plugin(void) { OPENSSL_init_crypto(); }\n",
		"prog.c":   "#include <dlfcn.h>\nint main(void) { return !dlopen(PLUGIN, RTLD_NOW); }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"-shared", "-fPIC", "-o", "libcrypto.so", "crypto.c"},
		{"-shared", "-fPIC", "-o", "libplugin.so", "plugin.c", "-L.", "-lcrypto", "-Wl,-rpath," + dir},
		{"-o", "prog", "prog.c", "-DPLUGIN=\"" + dir + "/libplugin.so\""},
	} {
		c := bounded.Command(t, "gcc", args...)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	r, err := gofind.Scan(context.Background(), filepath.Join(dir, "prog"), gofind.Options{})
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, i := range r.Images {
		found = found || i.Path == filepath.Join(dir, "libcrypto.so")
	}
	if !found {
		t.Errorf("libcrypto.so is not among the images")
	}
}
