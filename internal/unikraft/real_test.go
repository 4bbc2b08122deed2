package unikraft

import (
	"context"
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/gofind-dev/gofind/internal/qemu"
)

// A real image with rules, rewritten or linked, can be attacked by hand. Without -call, all calls are made that must be refused, and are:
//
//	go test ./internal/unikraft -run TestReal -v -args -sealed app.sealed -append app -at lwip_socket -call uk_syscall_r_getppid,uk_syscall_r_getpid
var (
	sealedImage  = flag.String("sealed", "", "a sealed image, with its .dbg beside it")
	sealedAppend = flag.String("append", "", "its command line")
	sealedInitrd = flag.String("initrd", "", "its initial file system")
	sealedAt     = flag.String("at", "", "the function of a compartment in which it is attacked")
	sealedCall   = flag.String("call", "", "the functions that are called there, separated by commas")
)

// TestReal stops an image in a function of a compartment and makes calls there, with all arguments 0. What they return
// is logged. It needs a sealed image, which is not part of this repository.
func TestReal(t *testing.T) {
	if *sealedImage == "" {
		t.Skip("no -sealed image")
	}
	debug := open(t, *sealedImage+".dbg")
	r, err := debug.Rules()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	m, err := qemu.Start(ctx, qemu.Config{Kernel: *sealedImage, Append: *sealedAppend, Initrd: *sealedInitrd, Debug: true, Port: 80})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	d, err := m.Debugger(ctx)
	if err != nil {
		t.Fatal(err)
	}
	at := addr(t, debug, *sealedAt)
	for _, g := range r.Gates {
		if g.Addr == at && r.Linked {
			at += uint64(len(room))
			break
		}
		if g.Addr == at {
			at = g.Code + 18 // behind the gate
		}
	}
	if err := d.Break(at); err != nil {
		t.Fatal(err)
	}
	if err := d.Continue(ctx); err != nil {
		t.Fatal(err)
	}
	tag, err := d.Word(r.Tag)
	if err != nil {
		t.Fatal(err)
	}
	var on []string
	for i, c := range r.Compartments {
		if tag&(1<<i) != 0 {
			on = append(on, c.Name)
		}
	}
	t.Logf("in %s, on behalf of %s", *sealedAt, strings.Join(on, ", "))
	if *sealedCall == "" {
		refused := 0
		for _, e := range r.Entries {
			if e.Denied&uint32(tag) == 0 || e.NoReturn || !strings.HasPrefix(e.Func, "uk_syscall_") {
				continue
			}
			v, err := d.Call(ctx, e.Addr, 0, 0, 0)
			if err != nil {
				t.Fatal(err)
			}
			if int64(v) != -1 {
				t.Errorf("%s returns %d", e.Func, int64(v))
			}
			refused++
		}
		t.Logf("%d calls refused", refused)
		return
	}
	for _, name := range strings.Split(*sealedCall, ",") {
		v, err := d.Call(ctx, addr(t, debug, name), 0, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s returns %d", name, int64(v))
	}
}
