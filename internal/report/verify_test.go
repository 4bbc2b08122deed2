package report

import (
	"bytes"
	"testing"

	"github.com/gofind-dev/gofind"
)

// verification has one of everything, and names that nobody should print as they are.
func verification() *gofind.Verification {
	getuid := gofind.CallName{Name: "getuid", Number: 102, ABI: "x86_64"}
	nameless := gofind.CallName{Number: 4294967295, ABI: "x86_64"}
	site := gofind.SeenSite{CallName: getuid, Count: 3, Image: "/lib/libc.so.6", Address: "0xd4000", Function: "getuid"}
	stack := []gofind.StackFrame{
		{Image: "/lib/libc.so.6", Address: "0xd4000", Function: "getuid", How: "syscall"},
		{Image: "/lib/plug\x1b[31m.so", Address: "0x1200", Function: "_ZN4plug3runEv", How: "eh_frame"},
		{Image: "/bin/prog", Address: "0x1100", Function: "prog+0x1000", How: "frame-pointer"},
		{Image: "", Address: "0x7f0000001000", Function: "", How: "guess"},
	}
	return &gofind.Verification{
		Schema:  "gofind.verify/v1",
		Verdict: gofind.VerdictMissed,
		Command: []string{"prog"},
		VDSO:    "used",
		Exit:    &gofind.Exit{Code: 143, Signal: "SIGTERM"},
		Threads: 2,
		Calls:   1000,
		Programs: []gofind.VerifiedProgram{
			{
				Program: "/bin/prog", Runs: 2, Scan: "complete", Predicted: 40, Seen: 20, Environment: []string{"LD_PRELOAD"},
				Loaded: []string{"/lib/plug\x1b[31m.so"},
				Missed: []gofind.MissedCall{
					{SeenCall: gofind.SeenCall{CallName: getuid, Count: 4}, Stack: stack, Modules: []string{"/lib/plug\x1b[31m.so"},
						Sites: []gofind.SeenSite{site, {CallName: getuid, Count: 1, Image: "[vdso]", Address: "0x10"}}},
					{SeenCall: gofind.SeenCall{CallName: nameless, Count: 1}},
				},
				Arguments:   []gofind.MissedValue{{CallName: getuid, Index: 1, Argument: "how", Value: 0xff, Site: site}},
				Elsewhere:   []gofind.SeenSite{site},
				LibraryPath: []string{"/lib"},
			},
			{Program: "/bin/open", Runs: 1, Scan: "incomplete", Predicted: 10, Seen: 10, Missed: []gofind.MissedCall{{SeenCall: gofind.SeenCall{CallName: getuid, Count: 1}}}},
			{Program: "/bin/short", Runs: 1, Scan: "failed", Error: "32-bit", Calls: []gofind.SeenCall{{CallName: getuid, Count: 1}}},
		},
		Problems: []string{"log:3: not a line of strace"},
	}
}

func TestVerifyForms(t *testing.T) {
	holds := &gofind.Verification{Verdict: gofind.VerdictHolds, Exit: &gofind.Exit{}, Calls: 1, Threads: 1, Programs: []gofind.VerifiedProgram{{Program: "/bin/true", Runs: 1, Scan: "complete", Predicted: 2, Seen: 1}}}
	open := verification()
	open.Verdict, open.Programs, open.Exit = gofind.VerdictIncomplete, open.Programs[1:], nil
	for name, v := range map[string]*gofind.Verification{"missed": verification(), "holds": holds, "incomplete": open} {
		var b bytes.Buffer
		if err := Verify(&b, v); err != nil {
			t.Fatal(err)
		}
		golden(t, "verify-"+name+".txt", b.Bytes())
	}
}

func TestAuditForm(t *testing.T) {
	v := verification().Programs[0]
	a := &gofind.Audit{
		Exit: &gofind.Exit{Code: 3},
		Refused: []gofind.RefusedSite{
			{Program: v.Program, Site: v.Missed[0].Sites[0], Action: "kill", Stack: v.Missed[0].Stack},
			{Program: v.Program, Site: v.Missed[0].Sites[1], Action: "errno:38"},
		},
	}
	var b bytes.Buffer
	for i := range a.Refused {
		if err := Refused(&b, &a.Refused[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := Audit(&b, a); err != nil {
		t.Fatal(err)
	}
	golden(t, "audit.txt", b.Bytes())
}
