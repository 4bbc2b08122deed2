package report

import (
	"bytes"
	"testing"

	"github.com/gofind-dev/gofind"
)

func exampleImage() *gofind.SealedImage {
	return &gofind.SealedImage{
		Schema: "gofind.image/v1", Path: "app.sealed", SHA256: "00ff", Tool: "v1.2.3", Default: "deny", OnDeny: "eperm", Tag: "0x116000",
		Compartments: []gofind.ImageCompartment{
			{Name: "core", Default: true, Allowed: []string{"bind", "getpid", "socket"}},
			{Name: "net\x1b[31m", Allowed: []string{"bind", "socket"}},
			{Name: "libc", Transparent: true, Allowed: []string{}},
		},
		Entries: []gofind.ImageEntry{
			{Function: "uk_syscall_r_getpid", Address: "0x100000", Call: "getpid", Denied: []string{"net"}, Checked: true},
			{Function: "uk_syscall_e_getpid", Address: "0x100010", Call: "getpid", Denied: []string{"net"}, Checked: true, Errno: true},
			{Function: "uk_syscall_r_socket", Address: "0x100020", Call: "socket", Denied: []string{}},
		},
		Gates: []gofind.ImageGate{
			{Function: "net_input", Address: "0x100040", Kind: "enter", Compartment: "net\x1b[31m"},
			{Function: "ukarch_ctx_switch", Address: "0x100080", Kind: "switch"},
		},
		Gaps: []gofind.ImageGap{
			{Function: "net_poll", Address: "0x100060", Reason: "entering it is not noticed: it is shorter than a jump, and no padding follows", Weakens: []string{"net"}},
			{Reason: "errno was not found", Weakens: []string{}},
		},
		Notes: []string{"writable: the tag and the table of open gates"},
	}
}

func TestImage(t *testing.T) {
	var b bytes.Buffer
	if err := ImagePage(&b, exampleImage(), Style{Color: true, Width: 72}); err != nil {
		t.Fatal(err)
	}
	golden(t, "image-page", b.Bytes())
	b.Reset()
	if err := ImageLines(&b, exampleImage()); err != nil {
		t.Fatal(err)
	}
	golden(t, "image-lines", b.Bytes())
	b.Reset()
	v := &gofind.ImageVerification{Differences: []string{"console, sealed: \x1b[2Jx"}, Plain: gofind.ImageRun{Image: "a", Console: "12"}, Sealed: gofind.ImageRun{Image: "b", Seconds: 1.25}}
	if err := VerificationPage(&b, v, Style{}); err != nil {
		t.Fatal(err)
	}
	v.Same, v.Differences = true, nil
	if err := VerificationPage(&b, v, Style{Color: true, Width: 80}); err != nil {
		t.Fatal(err)
	}
	golden(t, "image-verify", b.Bytes())
}
