package hostconf

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// pamSummary renders lines: "type name entries [other] source", and then the errors.
func pamSummary(c *PAMConfig) string {
	var b strings.Builder
	for _, l := range c.Lines {
		other := ""
		if l.Other {
			other = " other"
		}
		fmt.Fprintf(&b, "%s %s %q %s%s %s\n", l.Type, l.Name, l.Args, strings.Join(l.Entries, ","), other, l.Source)
	}
	for _, e := range c.Errors {
		b.WriteString("! " + e + "\n")
	}
	return b.String()
}

func TestPAM(t *testing.T) {
	for _, c := range []struct {
		name, service string
		files         tree
		want          string
	}{
		{"plain", "login", tree{"/etc/pam.d/login": "auth required pam_unix.so nullok  try_first_pass\n"}, `
auth pam_unix.so ["nullok" "try_first_pass"] pam_sm_authenticate,pam_sm_setcred /etc/pam.d/login:1
`},
		{"entries by type", "x", tree{"/etc/pam.d/x": "account a b\n\nsession a b\npassword a b\n"}, `
account b [] pam_sm_acct_mgmt /etc/pam.d/x:1
session b [] pam_sm_close_session,pam_sm_open_session /etc/pam.d/x:3
password b [] pam_sm_chauthtok /etc/pam.d/x:4
`},
		{"brackets, dash, case, comments", "x", tree{"/etc/pam.d/x": "# auth no no\n-AUTH [success=1 default=ignore] pam_a.so [query=select \\] x] y # z\n"}, `
auth pam_a.so ["query=select ] x" "y"] pam_sm_authenticate,pam_sm_setcred /etc/pam.d/x:2
`},
		{"continuation", "x", tree{"/etc/pam.d/x": "auth\\\n  required \\\n\tm.so \\  \n a b\naccount required n.so # no continuation \\\nsession required o.so"}, `
auth m.so ["a" "b"] pam_sm_authenticate,pam_sm_setcred /etc/pam.d/x:1
account n.so [] pam_sm_acct_mgmt /etc/pam.d/x:5
session o.so [] pam_sm_close_session,pam_sm_open_session /etc/pam.d/x:6
`},
		{"name as for pam_start", "/usr/bin/LOGIN", tree{"/etc/pam.d/login": "auth required a.so\n"}, `
auth a.so [] pam_sm_authenticate,pam_sm_setcred /etc/pam.d/login:1
`},
		{"include takes one type, @include all", "x", tree{
			"/etc/pam.d/x":      "auth include common\n@include common\nsession substack common\n",
			"/etc/pam.d/common": "auth required a.so\nsession required s.so\n",
		}, `
auth a.so [] pam_sm_authenticate,pam_sm_setcred /etc/pam.d/common:1
auth a.so [] pam_sm_authenticate,pam_sm_setcred /etc/pam.d/common:1
session s.so [] pam_sm_close_session,pam_sm_open_session /etc/pam.d/common:2
session s.so [] pam_sm_close_session,pam_sm_open_session /etc/pam.d/common:2
`},
		{"include of an absolute path and from the vendor directory", "x", tree{
			"/etc/pam.d/x":     "auth include /opt/p\naccount include v\n",
			"/opt/p":           "auth required a.so\n",
			"/usr/lib/pam.d/v": "account required v.so\n",
		}, `
auth a.so [] pam_sm_authenticate,pam_sm_setcred /opt/p:1
account v.so [] pam_sm_acct_mgmt /usr/lib/pam.d/v:1
`},
		{"/etc wins", "x", tree{"/etc/pam.d/x": "auth required e.so\n", "/usr/lib/pam.d/x": "auth required u.so\n"}, `
auth e.so [] pam_sm_authenticate,pam_sm_setcred /etc/pam.d/x:1
`},
		{"cycle", "x", tree{"/etc/pam.d/x": "auth include y\n@include x\n", "/etc/pam.d/y": "auth required a.so\nauth include x\n"}, `
auth a.so [] pam_sm_authenticate,pam_sm_setcred /etc/pam.d/y:1
`},
		{"other is loaded, but called only for types that the service lacks", "x", tree{
			"/etc/pam.d/x":     "auth required a.so\n",
			"/etc/pam.d/other": "auth required deny.so\naccount required deny.so\n",
		}, `
auth a.so [] pam_sm_authenticate,pam_sm_setcred /etc/pam.d/x:1
auth deny.so []  other /etc/pam.d/other:1
account deny.so [] pam_sm_acct_mgmt other /etc/pam.d/other:2
`},
		{"only other", "x", tree{"/etc/pam.d/other": "auth required deny.so\n"}, `
auth deny.so [] pam_sm_authenticate,pam_sm_setcred other /etc/pam.d/other:1
`},
		{"pam.conf", "x", tree{"/etc/pam.conf": "X auth required a.so\ny auth required b.so\nother account required c.so\nx account include z\n"}, `
auth a.so [] pam_sm_authenticate,pam_sm_setcred /etc/pam.conf:1
account c.so [] pam_sm_acct_mgmt other /etc/pam.conf:3
! /etc/pam.conf:4: no file for include z
`},
		{"pam.conf is ignored if there is a file", "x", tree{"/etc/pam.conf": "x auth required a.so\n", "/etc/pam.d/x": "auth required b.so\n"}, `
auth b.so [] pam_sm_authenticate,pam_sm_setcred /etc/pam.d/x:1
`},
		{"broken lines", "x", tree{"/etc/pam.d/x": "foo required a.so\nauth\nauth required\nauth include\nauth include none\n@include\n@include none\n"}, `
! /etc/pam.d/x:1: unknown module type "foo", libpam ignores the module
! /etc/pam.d/x:2: no control
! /etc/pam.d/x:3: no module
! /etc/pam.d/x:4: no module
! /etc/pam.d/x:5: no file for include none
! /etc/pam.d/x:6: @include without a file
! /etc/pam.d/x:7: no file for @include none
`},
		{"nothing", "x", tree{}, ""},
		{"no name", "", tree{}, "! empty service name\n"},
	} {
		got := pamSummary(PAM(c.files.read, c.files.dir, c.service))
		if got != strings.TrimPrefix(c.want, "\n") {
			t.Errorf("%s: got\n%swant%s", c.name, got, c.want)
		}
	}
}

func TestPAMPaths(t *testing.T) {
	for _, c := range []struct {
		module string
		n      int
		want   string // one of them
	}{
		{"pam_unix.so", 8, "/usr/lib/x86_64-linux-gnu/security/pam_unix.so"},
		{"/opt/x.so", 1, "/opt/x.so"},
		{"/lib/security/$ISA/pam_unix.so", 2, "/lib/security/pam_unix.so"},
		{"/lib/security/$ISA/pam_unix.so", 2, "/lib64/security/pam_unix.so"},
	} {
		if got := pamPaths(c.module); len(got) != c.n || !slices.Contains(got, c.want) {
			t.Errorf("%s: %q, want %d with %s", c.module, got, c.n, c.want)
		}
	}
}

func TestPAMModules(t *testing.T) {
	files := tree{"/etc/pam.d/x": "auth required /a.so\nsession required /a.so x\nauth required /b.so\n"}
	got := summary(PAM(files.read, files.dir, "x").Modules())
	const want = `pam /a.so /a.so pam_sm_authenticate,pam_sm_close_session,pam_sm_open_session,pam_sm_setcred /etc/pam.d/x:1, /etc/pam.d/x:2
pam /b.so /b.so pam_sm_authenticate,pam_sm_setcred /etc/pam.d/x:3
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestPAMServices(t *testing.T) {
	files := tree{
		"/etc/pam.d/login": "", "/etc/pam.d/other": "", "/etc/pam.d/README": "", "/etc/pam.d/su~": "", "/etc/pam.d/.x": "",
		"/usr/lib/pam.d/polkit-1": "", "/usr/lib/pam.d/login": "", "/etc/pam.conf": "Ftp auth required x\n#y auth required x\n",
	}
	if got, want := PAMServices(files.read, files.dir), []string{"ftp", "login", "polkit-1"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestPAMDepth(t *testing.T) {
	files := tree{}
	for i := range 2 * maxPAMDepth {
		files[fmt.Sprintf("/etc/pam.d/f%d", i)] = fmt.Sprintf("auth required m%d.so\nauth include f%d\n", i, i+1)
	}
	c := PAM(files.read, files.dir, "f0")
	if len(c.Lines) != maxPAMDepth || len(c.Errors) != 1 || !strings.Contains(c.Errors[0], "deep") {
		t.Errorf("%d lines, errors %q", len(c.Lines), c.Errors)
	}
}

func TestPAMHost(t *testing.T) {
	services := PAMServices(hostRead, hostDir)
	if len(services) == 0 {
		t.Skip("no services")
	}
	for _, service := range services {
		c := PAM(hostRead, hostDir, service)
		if len(c.Errors) > 0 {
			t.Errorf("%s: %q", service, c.Errors)
		}
		found := 0
		for _, m := range c.Modules() {
			if _, ok := firstFile(m.Paths); ok {
				found++
			}
		}
		t.Logf("%s: %d lines, %d modules, %d found", service, len(c.Lines), len(c.Modules()), found)
		if len(c.Lines) > 0 && found == 0 {
			t.Errorf("%s: no module found", service)
		}
	}
}

func FuzzPAM(f *testing.F) {
	f.Add("auth required pam_unix.so\n@include x\nauth include y\n", "-session [success=1] pam_x.so [a \\] b]\nauth include x\n")
	f.Add("auth \\\n required \\\n m\n", "x auth substack x\nother account required /lib/$ISA/a.so")
	f.Fuzz(func(t *testing.T, x, y string) {
		for _, files := range []tree{
			{"/etc/pam.d/x": x, "/etc/pam.d/y": y, "/etc/pam.d/other": y},
			{"/etc/pam.conf": x + "\n" + y},
		} {
			c := PAM(files.read, files.dir, "x")
			for _, l := range c.Lines {
				if pamEntries[l.Type] == nil || l.Name == "" && !strings.Contains(x+y, "[") || len(l.Paths) == 0 || l.Source == "" {
					t.Errorf("%+v", l)
				}
			}
			c.Modules()
			PAMServices(files.read, files.dir)
		}
	})
}
