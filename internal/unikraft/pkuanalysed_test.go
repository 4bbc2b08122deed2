package unikraft

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/kraft"
	"github.com/gofind-dev/gofind/internal/needs"
	"github.com/gofind-dev/gofind/internal/unikernel"
)

// By its analysis alone, with boot code that is laid out as FlexOS's, a compartment is denied a call that the first one makes: by its own code, through
// libc, and after it wrote what it may; who needs the call makes it as before.
func TestPKUAnalysed(t *testing.T) {
	img := imagePKU(t)
	k, err := kraft.Read(filepath.Join(filepath.Dir(filepath.Dir(img.Debug)), "kraft.yaml"), "")
	if err != nil {
		t.Fatal(err)
	}
	m, err := unikernel.Open(img.Debug)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	r, err := needs.Find(context.Background(), m, k, needs.Options{Transparent: needs.TransparentByDefault})
	if err != nil {
		t.Fatal(err)
	}
	plain, status := boot(t, img.Final, "normal")
	if status != 0 {
		t.Fatal(plain)
	}
	for _, protect := range []bool{false, true} {
		d, f := open(t, img.Debug), open(t, img.Final)
		rep, err := Seal(&r.Plan, d, f, Options{PKU: true, Protect: protect})
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range rep.Rules.Gaps {
			t.Errorf("%#x %s: %s", g.Addr, g.Func, g.Reason)
		}
		final := save(t, f)
		s := &target{t: t, plain: open(t, img.Debug), debug: open(t, save(t, d))}
		if console, status := boot(t, final, "normal"); status != 0 || console != plain {
			t.Errorf("status %d\n%s", status, console)
		}
		words := []string{
			s.call("net", s.fn("uk_syscall_r_getpid")), s.call("libc", s.fn("getppid")), s.call("app", s.fn("gettid")), // as before
			s.call("net", s.fn("uk_syscall_r_gettid")), s.call("libc", s.fn("gettid")), // refused
			s.call("net", s.fn("memset", "irq_target", 0xff, 8), s.at(s.addr("memset"), s.addr("tsb_comp1")+16, 0xff, 496), s.fn("uk_syscall_r_gettid")),
			s.call("libc", s.fn("memset", "heap", 0, 8), s.fn("uk_syscall_r_gettid")),
			s.call("app", s.fn("gettid")),
		}
		want := []string{"1 errno 0", "7 errno 0", "3 errno 0", "-1 errno 0", "-1 errno 0", "-1 errno 0", "-1 errno 0", "3 errno 0"}
		console, status := boot(t, final, strings.Join(words, " "))
		if got := results(console); strings.Join(got, "|") != strings.Join(want, "|") || status != 0 {
			t.Errorf("%q, status %d\n%s", got, status, console)
		}
		// Without rules they are made.
		console, _ = boot(t, img.Final, strings.Join(words, " "))
		for i, got := range results(console) {
			if strings.HasPrefix(got, "-") {
				t.Errorf("without rules, %s: %s", words[i], got)
			}
		}
	}
}
