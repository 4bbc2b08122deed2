package hostconf

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
)

func TestNSSServices(t *testing.T) {
	const debian = `# comment with: colons
passwd:         files systemd
group:          files systemd
shadow:         files systemd
hosts:          files mdns4_minimal [NOTFOUND=return] dns
networks:       files

protocols:      db files
netgroup:       nis
sudoers:        files sss
`
	for _, c := range []struct {
		name, text, database, want string
	}{
		{"file", debian, "passwd", "files systemd"},
		{"actions", debian, "hosts", "files mdns4_minimal dns"},
		{"shadow has its own line", debian, "shadow", "files systemd"},
		{"gshadow is that of group", debian, "gshadow", "files systemd"},
		{"initgroups is that of group", debian, "initgroups", "files systemd"},
		{"default of services", debian, "services", "files"},
		{"not a database of glibc", debian, "sudoers", ""},

		{"default hosts", "", "hosts", "files dns"},
		{"default networks", "", "networks", "files dns"},
		{"default passwd", "", "passwd", "files"},
		{"default passwd_compat", "", "passwd_compat", "nis"},
		{"default publickey", "", "publickey", "nis nisplus"},
		{"default initgroups", "", "initgroups", "files"},
		{"shadow is that of passwd", "passwd: files sss\n", "shadow", "files sss"},
		{"own line wins over that of group", "group: files sss\ngshadow: files\n", "gshadow", "files"},
		{"initgroups", "group: files\ninitgroups: files sss\n", "initgroups", "files sss"},

		{"last line wins", "passwd: a\npasswd: b c\n", "passwd", "b c"},
		{"empty line empties", "passwd: a\npasswd:\n", "passwd", ""},
		{"no colon", "  passwd files x\n", "passwd", "files x"},
		{"no blanks", "passwd:files[success=continue]x\n", "passwd", "files x"},
		{"colons and blanks", "passwd : :  files\n", "passwd", "files"},
		{"several actions", "hosts: a [ !Success = Continue UNAVAIL=merge ] b [TRYAGAIN=return]c\n", "hosts", "a b c"},
		{"# is nothing special, as in glibc", "passwd: files # sss\n", "passwd", "files # sss"},
		{"# in a word", "passwd: files#x sss\n", "passwd", "files#x sss"},
		{"repetitions", "passwd: files sss files\n", "passwd", "files sss"},
		{"NUL", "passwd: files\x00 sss\n", "passwd", "files"},

		{"compat", "passwd: files compat\n", "passwd", "files compat nis"},
		{"compat with its own line", "passwd: compat\npasswd_compat: sss files\n", "passwd", "compat sss files"},
		{"shadow_compat is that of passwd_compat", "passwd: compat\npasswd_compat: sss\n", "shadow", "compat sss"},
		{"initgroups through group_compat", "group: compat\ngroup_compat: sss\n", "initgroups", "compat sss"},

		// Versions differ in whether they read a last line without newline.
		{"unterminated, nothing before", "passwd: files sss", "passwd", "files sss"},
		{"unterminated, replaced", "passwd: files sss\npasswd: files x", "passwd", "files sss x"},
		{"unterminated, inherited", "group: files sss\ninitgroups: x", "initgroups", "files sss x"},
		{"unterminated, other database", "group: files sss\npasswd: x", "group", "files sss"},
	} {
		cfg, err := NSS(tree{"/etc/nsswitch.conf": c.text}.read)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(cfg.Services(c.database), " "); got != c.want {
			t.Errorf("%s: %s: %q, want %q", c.name, c.database, got, c.want)
		}
		if len(cfg.Errors) > 0 {
			t.Errorf("%s: %q", c.name, cfg.Errors)
		}
	}
}

func TestNSSErrors(t *testing.T) {
	for _, c := range []struct{ text, services, problem string }{
		{"passwd: files [NOTFOUND=foo] sss\n", "files", "/etc/nsswitch.conf:1: passwd: bad action in [...]"},
		{"\n passwd: a b [] c\n", "a b", "/etc/nsswitch.conf:2: passwd: bad action in [...]"},
		{"passwd: a [SUCCESS", "files a", "/etc/nsswitch.conf:1: passwd: bad action in [...]"},
		{"passwd: a [SUCCESS=return\n", "a", "/etc/nsswitch.conf:1: passwd: bad action in [...]"},
		{"passwd: a [BAD=return]\n", "a", "/etc/nsswitch.conf:1: passwd: bad action in [...]"},
	} {
		cfg, err := NSS(tree{"/etc/nsswitch.conf": c.text}.read)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(cfg.Services("passwd"), " "); got != c.services || !slices.Equal(cfg.Errors, []string{c.problem}) {
			t.Errorf("%q: %q %q, want %q %q", c.text, got, cfg.Errors, c.services, c.problem)
		}
	}
	many := "passwd:"
	for i := range 2 * maxNSSServices {
		many += fmt.Sprintf(" s%d", i)
	}
	if cfg, err := NSS(tree{"/etc/nsswitch.conf": many + "\n"}.read); err != nil || len(cfg.Services("passwd")) != maxNSSServices || len(cfg.Errors) != 1 {
		t.Errorf("%v, %v", cfg, err)
	}
	if cfg, err := NSS(func(string) ([]byte, error) { return nil, fs.ErrPermission }); err == nil || cfg != nil {
		t.Errorf("%v, %v", cfg, err)
	}
	if cfg, err := NSS(func(string) ([]byte, error) { return make([]byte, MaxFile+1), nil }); err == nil || cfg != nil {
		t.Errorf("%v, %v", cfg, err)
	}
}

func TestNSSFiles(t *testing.T) {
	cfg, err := NSS(tree{}.read)
	if err != nil || !slices.Equal(cfg.Files, nssConfigFiles) {
		t.Errorf("%v, %v", cfg, err)
	}
	cfg, err = NSS(tree{"/usr/etc/nsswitch.conf": "hosts: x\n", "/etc/nsswitch.conf": "hosts: y\n"}.read)
	if err != nil || !slices.Equal(cfg.Files, nssConfigFiles[:1]) || !slices.Equal(cfg.Services("hosts"), []string{"y"}) {
		t.Errorf("%v, %v", cfg, err)
	}
	cfg, err = NSS(tree{"/usr/etc/nsswitch.conf": "hosts: x\n"}.read)
	if err != nil || !slices.Equal(cfg.Services("hosts"), []string{"x"}) {
		t.Errorf("%v, %v", cfg, err)
	}
}

func TestNSSModules(t *testing.T) {
	cfg, err := NSS(tree{"/etc/nsswitch.conf": "passwd: files sss\nhosts: files my dns\ngroup: compat\n"}.read)
	if err != nil {
		t.Fatal(err)
	}
	live := func(names ...string) func(string) bool {
		return func(s string) bool { return slices.Contains(names, s) }
	}
	for _, c := range []struct {
		live []string
		want string
	}{
		{nil, ""},
		{[]string{"getpwnam_r", "printf"}, `
nss files libnss_files.so.2 _nss_files_getpwnam_r /etc/nsswitch.conf:1 (passwd)
nss sss libnss_sss.so.2 _nss_sss_getpwnam_r /etc/nsswitch.conf:1 (passwd)
`},
		{[]string{"gethostent", "getpwuid"}, `
nss files libnss_files.so.2 _nss_files_gethostent_r,_nss_files_getpwuid_r,_nss_files_sethostent /etc/nsswitch.conf:1 (passwd), /etc/nsswitch.conf:2 (hosts)
nss sss libnss_sss.so.2 _nss_sss_getpwuid_r /etc/nsswitch.conf:1 (passwd)
nss my libnss_my.so.2 _nss_my_gethostent_r,_nss_my_sethostent /etc/nsswitch.conf:2 (hosts)
nss dns libnss_dns.so.2 _nss_dns_gethostent_r,_nss_dns_sethostent /etc/nsswitch.conf:2 (hosts)
`},
		{[]string{"getgrnam"}, `
nss compat libnss_compat.so.2 _nss_compat_getgrnam_r /etc/nsswitch.conf:3 (group)
nss nis libnss_nis.so.2 _nss_nis_endgrent,_nss_nis_getgrent_r,_nss_nis_getgrgid_r,_nss_nis_getgrnam_r,_nss_nis_setgrent default (group)
`},
		{[]string{"__nss_disable_nscd"}, `
nss files libnss_files.so.2 _nss_files_init /etc/nsswitch.conf:1 (passwd), /etc/nsswitch.conf:2 (hosts), default (services)
nss sss libnss_sss.so.2 _nss_sss_init /etc/nsswitch.conf:1 (passwd)
nss compat libnss_compat.so.2 _nss_compat_init /etc/nsswitch.conf:3 (group)
nss nis libnss_nis.so.2 _nss_nis_endgrent,_nss_nis_getgrent_r,_nss_nis_getgrgid_r,_nss_nis_getgrnam_r,_nss_nis_init,_nss_nis_setgrent default (group)
nss my libnss_my.so.2 _nss_my_init /etc/nsswitch.conf:2 (hosts)
nss dns libnss_dns.so.2 _nss_dns_init /etc/nsswitch.conf:2 (hosts)
`},
	} {
		if got := summary(cfg.Modules(live(c.live...))); got != strings.TrimPrefix(c.want, "\n") {
			t.Errorf("%q: got\n%swant\n%s", c.live, got, c.want)
		}
	}
	for _, m := range cfg.Modules(live("getaddrinfo")) {
		if m.Builtin != (m.Name == "files" || m.Name == "dns") {
			t.Errorf("%s: Builtin is %v", m.Name, m.Builtin)
		}
		if !slices.Contains(m.Entries, "_nss_"+m.Name+"_getservbyname_r") && m.Name == "files" {
			t.Errorf("%s: getaddrinfo does not look up services: %q", m.Name, m.Entries)
		}
	}
	// A program that configures services itself.
	var names []string
	for _, m := range cfg.Modules(live("__nss_configure_lookup")) {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	if want := []string{"compat", "dns", "files", "my", "nis", "nisplus", "sss"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
}

// glibcNSSFunctions is the list of nss/function.def: nothing else is ever looked up.
const glibcNSSFunctions = `endaliasent endetherent endgrent endhostent endnetent endnetgrent endprotoent endpwent endrpcent
	endservent endsgent endspent getaliasbyname_r getaliasent_r getcanonname_r getetherent_r getgrent_r getgrgid_r getgrnam_r
	gethostbyaddr2_r gethostbyaddr_r gethostbyname2_r gethostbyname3_r gethostbyname4_r gethostbyname_r gethostent_r gethostton_r
	getnetbyaddr_r getnetbyname_r getnetent_r getnetgrent_r getntohost_r getprotobyname_r getprotobynumber_r getprotoent_r getpublickey
	getpwent_r getpwnam_r getpwuid_r getrpcbyname_r getrpcbynumber_r getrpcent_r getsecretkey getservbyname_r getservbyport_r getservent_r
	getsgent_r getsgnam_r getspent_r getspnam_r initgroups_dyn netname2user setaliasent setetherent setgrent sethostent setnetent setnetgrent
	setprotoent setpwent setrpcent setservent setsgent setspent`

func TestNSSFunctions(t *testing.T) {
	known := strings.Fields(glibcNSSFunctions)
	used := map[string]bool{"init": true}
	for _, f := range NSSFunctions() {
		if len(f.Entries) == 0 {
			t.Errorf("%s: no entries", f.Symbol)
		}
		for _, e := range f.Entries {
			used[e] = true
			if !slices.Contains(known, e) && e != "init" {
				t.Errorf("%s: %s is not in function.def", f.Symbol, e)
			}
		}
	}
	for _, e := range known {
		// Only enumeration of ethers is never asked for by libc.
		if !used[e] && !strings.HasSuffix(e, "etherent") && e != "getetherent_r" {
			t.Errorf("no function uses %s", e)
		}
	}
	if _, err := parseNSSFunctions("f", "x\tpasswords\ty\tz\n"); err == nil || err.Error() != `f:1: unknown database "passwords"` {
		t.Error(err)
	}
}

func TestNSSHost(t *testing.T) {
	cfg, err := NSS(hostRead)
	if err != nil {
		t.Skip(err)
	}
	for _, db := range cfg.Databases() {
		t.Logf("%s: %q", db, cfg.Services(db))
	}
	if len(cfg.Services("passwd")) == 0 {
		t.Error("no service for passwd")
	}
}

func FuzzNSS(f *testing.F) {
	f.Add("passwd: files systemd\nhosts: files [NOTFOUND=return] dns # x\n")
	f.Add("passwd files[!SUCCESS=continue]x\n\x00:\nshadow: compat")
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := NSS(tree{"/etc/nsswitch.conf": text}.read)
		if err != nil {
			t.Fatal(err)
		}
		for _, db := range cfg.Databases() {
			for i, s := range cfg.Services(db) {
				if s == "" || strings.ContainsAny(s, " \t\n\v\f\r[\x00") || slices.Contains(cfg.Services(db)[:i], s) {
					t.Errorf("%s: service %q", db, s)
				}
			}
		}
		if len(cfg.Errors) > 0 {
			return
		}
		// A last newline changes at most the last line's effect: never removes a service.
		more, err := NSS(tree{"/etc/nsswitch.conf": text + "\n"}.read)
		if err != nil {
			t.Fatal(err)
		}
		for _, db := range cfg.Databases() {
			for _, s := range more.Services(db) {
				if !slices.Contains(cfg.Services(db), s) && !strings.HasSuffix(text, "\n") {
					t.Errorf("%s: %s only with a newline at the end", db, s)
				}
			}
		}
		cfg.Modules(func(string) bool { return true })
	})
}
