package profile

import (
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// action returns what a profile does with a call of x86_64.
func action(t *testing.T, p *policy.Policy, name string, args ...uint64) policy.Action {
	t.Helper()
	nr, ok := sysno.Number(sysno.X86_64, name)
	if !ok {
		t.Fatalf("no call %q", name)
	}
	var all [6]uint64
	copy(all[:], args)
	return p.Eval(policy.ArchX86_64, uint32(nr), all)
}

// What profiles that others wrote mean.
func TestParse(t *testing.T) {
	for _, test := range []struct {
		name, text, format string
		want               map[string]policy.Action // of calls without arguments
	}{
		{"systemd: allowed, taken away, given an error", "[Service]\nSystemCallFilter=@basic-io \\\n  openat\n# a comment\nSystemCallFilter=~write getpid clone3:ENOSYS\n", "systemd",
			map[string]policy.Action{"read": policy.Allow, "openat": policy.Allow, "write": policy.KillProcess, "getpid": policy.KillProcess, "getppid": policy.Allow, "clone3": policy.Errno(38), "mount": policy.KillProcess}},
		{"systemd: refused", "SystemCallFilter=~@mount ptrace:EPERM bpf\nSystemCallErrorNumber=EACCES\n", "systemd",
			map[string]policy.Action{"mount": policy.Errno(13), "ptrace": policy.Errno(1), "bpf": policy.Errno(13), "read": policy.Allow}},
		{"systemd: reset", "SystemCallFilter=~read\nSystemCallFilter=\nSystemCallFilter=write", "systemd",
			map[string]policy.Action{"read": policy.KillProcess, "write": policy.Allow}},
		{"systemd: a line that goes on to the end of the file", "SystemCallFilter=read \\\n write \\", "systemd",
			map[string]policy.Action{"read": policy.Allow, "write": policy.Allow, "bpf": policy.KillProcess}},
		{"systemd: logged", "SystemCallLog=~read write\n", "systemd",
			map[string]policy.Action{"read": policy.Allow, "bpf": policy.Log}},
		{"oci: in a configuration", `{"ociVersion":"1.0.2","linux":{"seccomp":{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_AARCH64"],"syscalls":[{"names":["read","arm_fadvise64_64"],"action":"SCMP_ACT_ALLOW"},{"names":["bpf"],"action":"SCMP_ACT_KILL"}]}}}`, "oci",
			map[string]policy.Action{"read": policy.Allow, "write": policy.Errno(38), "bpf": policy.KillThread}},
		{"docker: conditions", `{"defaultAction":"SCMP_ACT_ERRNO","archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86"]}],"syscalls":[
			{"name":"read","action":"SCMP_ACT_ALLOW"},
			{"names":["mount"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_SYS_ADMIN"]}},
			{"names":["chroot"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_SYS_CHROOT"]}},
			{"names":["clone"],"action":"SCMP_ACT_ALLOW","excludes":{"caps":["CAP_SYS_ADMIN"]}},
			{"names":["write"],"action":"SCMP_ACT_ALLOW","includes":{"arches":["s390"]}}]}`, "oci",
			map[string]policy.Action{"read": policy.Allow, "mount": policy.Errno(1), "chroot": policy.Allow, "clone": policy.Allow, "write": policy.Errno(1)}},
		{"kubernetes: a text as number", "# one\napiVersion: v1\nkind: Pod\n---\napiVersion: security-profiles-operator.x-k8s.io/v1beta1\nkind: SeccompProfile\nspec:\n  defaultAction: SCMP_ACT_LOG\n  syscalls:\n  - action: SCMP_ACT_ERRNO\n    errnoRet: \"38\"\n    names: [clone3]\n", "kubernetes",
			map[string]policy.Action{"clone3": policy.Errno(38), "read": policy.Log}},
		{"seccompiler: the names of rust-vmm", `{"a":{"mismatch_action":{"errno":1},"match_action":"allow","filter":[{"syscall":"read"}]},"b":{"mismatch_action":"trap","match_action":"allow","filter":[{"syscall":"write"}]}}`, "seccompiler",
			map[string]policy.Action{"read": policy.Allow, "write": policy.Allow, "bpf": policy.Errno(1)}},
		{"C: of others", "#include <x.h>\nstruct sock_filter f[] = {\n{ 0x20, 0, 0, 4 }, {0x15,1,0,0xc000003e},\n{0x6,0,0,0x80000000}, { 0x20, 0, 0, 0 }, {0x15, 0, 1, 0}, {6, 0, 0, 0x7fff0000}, {6, 0, 0, 0x00050001} };", "c",
			map[string]policy.Action{"read": policy.Allow, "write": policy.Errno(1)}},
	} {
		p, format, _, err := Parse("file", []byte(test.text))
		if err != nil || format != test.format {
			t.Errorf("%s: read as %q: %v", test.name, format, err)
			continue
		}
		for name, want := range test.want {
			if got := action(t, p, name); got != want {
				t.Errorf("%s: %s gets %s, want %s", test.name, name, got, want)
			}
		}
	}
}

// Errors name the file and the line.
func TestParseErrors(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"syntax":      {"{\"defaultAction\": \"SCMP_ACT_ERRNO\",\n \"syscalls\": [}", "file:2: not JSON"},
		"cut":         {"{\"defaultAction\":\n", "file:2: the file ends"},
		"type":        {"{\"defaultAction\": \"SCMP_ACT_ERRNO\",\n\"syscalls\": 7}", "file:2: "},
		"twice":       {"{\"defaultAction\": \"SCMP_ACT_ERRNO\"}\n{}", "file:2: more follows"},
		"action":      {"{\"defaultAction\":\n \"SCMP_ACT_NO\"}", "file:2: no action"},
		"no action":   {"{\"defaultAction\": \"\"}", "no action"},
		"index":       {"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [\n{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, \"op\": \"SCMP_CMP_EQ\"},\n{\"index\": 6, \"op\": \"SCMP_CMP_EQ\"}]}]}", "file:3: argument 6"},
		"comparison":  {"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [\n{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, \"op\": \"EQ\"}]}]}", "file:2: no comparison"},
		"null":        {"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [null]}", "null is no call"},
		"errno":       {"{\"defaultAction\": \"SCMP_ACT_ERRNO\",\n\"defaultErrnoRet\": 70000}", "70000 is no error number"},
		"config":      {"{\"ociVersion\": \"1.0\", \"linux\": {}}", "without a section linux.seccomp"},
		"unit":        {"[Service]\nSystemCallFilter=read:EPERM\n", "file:2: read:EPERM: calls that are allowed take no error number"},
		"unit errno":  {"[Service]\n\nSystemCallFilter=~read:ENONE\n", "file:3: "},
		"yaml":        {"apiVersion: x\nkind: SeccompProfile\n a: b: c\n", "file:3: not YAML"},
		"yaml alias":  {"apiVersion: security-profiles-operator.x-k8s.io/v1beta1\nkind: SeccompProfile\na: &a [1]\nb: [*a, *a]\n", "file:4: aliases"},
		"yaml call":   {"apiVersion: security-profiles-operator.x-k8s.io/v1beta1\nkind: SeccompProfile\nspec:\n  defaultAction: SCMP_ACT_LOG\n  syscalls:\n  - action: SCMP_ACT_ALLOW\n    names:\n    - read\n    - raed\n", "file:9: there is no system call \"raed\""},
		"array":       {"struct sock_filter f[] = {\n{ 0x20, 0, 0 },\n};", "file:2: 3 fields"},
		"array end":   {"struct sock_filter f[] = {\n{ 6, 0, 0, 0 },\n", "does not end"},
		"array value": {"struct sock_filter f[] = {\n{ 6, 256, 0, 0 },\n};", "file:2: \"256\" is no number of 8 bits"},
		"filter":      {"struct sock_filter f[] = {\n{ 0x15, 9, 0, 0 }, { 6, 0, 0, 0 } };", "jumps out of the program"},
		"seccompiler": {"{\"main\": {\"default_action\": \"allow\", \"filter_action\": \"trap\",\n\"filter\": [{\"syscall\": \"read\", \"args\": [{\"index\": 0, \"type\": \"word\", \"op\": \"eq\", \"val\": 0}]}]}}", "file:2: no type \"word\""},
		"same":        {"{\"main\": {\"default_action\": \"allow\", \"filter_action\": \"allow\", \"filter\": []}}", "both actions are the same"},
		"nothing":     {"hello", "no profile in any known form"},
	} {
		p, _, _, err := Parse("file", []byte(test.text))
		if err == nil || p != nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "file") {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}
