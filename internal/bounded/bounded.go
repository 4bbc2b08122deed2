// Package bounded starts the processes that tests need, so that each ends: one that hangs fails its test, and does not stop all
// tests of its package until their time is up.
package bounded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// Limit is how long a process may run: far longer than any takes that tests start, on a busy machine too.
const Limit = 5 * time.Minute

// grace is how long its output is waited for when it has ended: what it started may have it open.
const grace = 5 * time.Second

// Test is what testing.TB has, which is imported by tests alone.
type Test interface {
	Name() string
	Cleanup(func())
}

// Command is exec.Command, for a process that is killed after Limit, and at the end of the test. It says so on standard error.
func Command(t Test, name string, args ...string) *exec.Cmd {
	return Within(t, Limit, name, args...)
}

// Within is Command with another limit.
func Within(t Test, limit time.Duration, name string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, name, args...)
	c.WaitDelay = grace
	c.Cancel = func() error {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			fmt.Fprintf(os.Stderr, "%s: %s did not end in %v, and is killed\n", t.Name(), name, limit)
		}
		return c.Process.Kill()
	}
	return c
}
