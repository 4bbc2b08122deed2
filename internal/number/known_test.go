package number

import "testing"

func TestNumbers(t *testing.T) {
	if nr := numbers()["libseccomp.so.2"]; nr != 317 {
		t.Errorf("libseccomp.so.2: %d, want 317 (seccomp)", nr)
	}
}
