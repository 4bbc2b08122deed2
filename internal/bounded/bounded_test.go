package bounded

import (
	"testing"
	"time"
)

// A process that hangs ends, also if what it started has its output open.
func TestWithin(t *testing.T) {
	for _, script := range []string{"exec sleep 100", "sleep 100 & wait", "sleep 100 & echo x"} {
		start := time.Now()
		c := Within(t, 200*time.Millisecond, "sh", "-c", script)
		if out, err := c.CombinedOutput(); err == nil {
			t.Errorf("%s: %s", script, out)
		}
		if took := time.Since(start); took > grace+30*time.Second {
			t.Errorf("%s: it took %v", script, took)
		}
	}
	if out, err := Command(t, "echo", "x").Output(); err != nil || string(out) != "x\n" {
		t.Errorf("%s, %v", out, err)
	}
}
