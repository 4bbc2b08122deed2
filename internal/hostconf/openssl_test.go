package hostconf

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestOpenSSL(t *testing.T) {
	const cnf = "/etc/ssl/openssl.cnf"
	// start is what precedes most inputs.
	const start = "openssl_conf = init\n[init]\nproviders = prov\nengines = eng\n"
	for _, c := range []struct {
		name  string
		files tree
		want  string // active modules, "-" and optional modules, errors; directories shortened
	}{
		{"nothing", tree{}, ""},
		{"no configuration, modules installed", tree{"/usr/lib64/ossl-modules/legacy.so": "", "/usr/lib64/ossl-modules/x.txt": "", "/usr/lib64/engines-3/afalg.so": ""}, `
- openssl-provider legacy /usr/lib64/ossl-modules/legacy.so OSSL_provider_init /usr/lib64/ossl-modules
- openssl-engine afalg /usr/lib64/engines-3/afalg.so bind_engine,v_check /usr/lib64/engines-3
`},
		{"providers", tree{cnf: start + `
[prov]
default = d
legacy = l
named = n
1.dotted = n2
abs = a
off = o
described = de
[d]
activate = 1
[l]
activate = yes
[n]
identity = other
activate = 1
[n2]
module = sub/x.so
activate = on
[a]
module = /opt/a.so
activate = true
[o]
activate = 0
[de]
module = de.so
[eng]
`}, `
openssl-provider legacy $MODULES/legacy.so OSSL_provider_init :8
openssl-provider other $MODULES/other.so OSSL_provider_init :9
openssl-provider dotted $MODULES/sub/x.so OSSL_provider_init :10
openssl-provider abs /opt/a.so OSSL_provider_init :11
- openssl-provider described $MODULES/de.so OSSL_provider_init :13
`},
		{"engines", tree{cnf: start + `
[prov]
[eng]
pkcs11 = p
byname = b
two = t
rd = r
none = n
[p]
engine_id = pk
dynamic_path = /usr/lib/engines/pkcs11.so
MODULE_PATH = /usr/lib/token.so
init = 0
[b]
soft_load = 1
default_algorithms = ALL
[t]
dynamic_path = short
[r]
engine_id = rdrand
init = 1
[n]
`}, `
openssl-engine pk /usr/lib/engines/pkcs11.so bind_engine,v_check :15
pkcs11 token.so /usr/lib/token.so C_GetFunctionList,C_GetInterface,C_GetInterfaceList :16
openssl-engine byname $ENGINES/byname.so bind_engine,v_check :9
openssl-engine two libshort.so bind_engine,v_check :22
`},
		{"PKCS #11 provider", tree{cnf: "openssl_conf = i\n[i]\nproviders = p\n[p]\npkcs11 = s\n[s]\npkcs11-module-path = /t.so\nactivate = 1\n"}, `
pkcs11 t.so /t.so C_GetFunctionList,C_GetInterface,C_GetInterfaceList :7
openssl-provider pkcs11 $MODULES/pkcs11.so OSSL_provider_init :5
`},
		{"unknown sections are modules, abbreviated names are known", tree{cnf: "openssl_conf = i\npath = fallback\n[i]\nssl_conf = s\nprov.x = none\nfoo = f\nbar = s\n[f]\npath = /lib/foo.so\n[s]\n"}, `
openssl-conf foo /lib/foo.so OPENSSL_finish,OPENSSL_init :6
openssl-conf bar libfallback.so OPENSSL_finish,OPENSSL_init :7
! :5: no section "none"
`},
		{"another program's name", tree{cnf: "nodejs_conf = n\nother = o\n[n]\nproviders = p\n[p]\nlegacy = l\n[l]\nactivate = 1\n[o]\nfoo = bar\n"}, `
openssl-provider legacy $MODULES/legacy.so OSSL_provider_init :6
`},
		{"variables, quotes, escapes, comments, continuation", tree{cnf: `d = /opt # comment
openssl_conf = "in"'it'
[ sect ]
name = pr\
ov
[ init ]
providers = ${sect::name}
[prov]
a = \
  l
[l]
b = x
module = $default::d/$b$(c)\#\n".so # no comment"  # comment
c = late
sect::more = 1
activate = 1
`}, "openssl-provider a /opt/x#\n.so # no comment OSSL_provider_init :10\n! :13: variable l::c has no known value\n"},
		{"last setting wins", tree{cnf: "openssl_conf = i\n[i]\nproviders = q\nproviders = p\n[p]\nlegacy = l\n[l]\nactivate = 1\n[x]\n[l]\nactivate = 0\n"}, ""},
		{"includes", tree{
			cnf:                    ".include /etc/ssl/d\n.include = /none\n.pragma includedir:/etc/inc\n.include rest.cnf\n",
			"/etc/ssl/d/a.cnf":     "openssl_conf = i\n[i]\n",
			"/etc/ssl/d/b.CONF":    "providers = p\n[p]\n",
			"/etc/ssl/d/c.txt":     "legacy = wrong\n",
			"/etc/inc/rest.cnf":    "legacy = l\n[l]\nactivate = 1\n",
			"/etc/ssl/d/.conf":     "legacy = wrong\n",
			"/usr/lib/ssl/private": "",
		}, `
openssl-provider legacy $MODULES/legacy.so OSSL_provider_init /etc/inc/rest.cnf:1
`},
		{"include of itself", tree{cnf: "openssl_conf = i\n.include /etc/ssl/openssl.cnf\n[i]\nproviders = p\n[p]\nlegacy = l\n[l]\nactivate = 1\n"}, `
openssl-provider legacy $MODULES/legacy.so OSSL_provider_init :6
! :2: includes are more than 32 deep
`},
		{"broken lines", tree{cnf: "\xef\xbb\xbf[x\nnovalue\n.pragma foo\n.pragma dollarid:maybe\n.include rel.cnf\n.include\na = ${b\nopenssl_conf = none\n"}, `
! :1: missing ]
! :2: missing equals sign
! :3: bad .pragma
! :4: bad .pragma
! :5: include of rel.cnf, relative to the working directory of the program
! :6: missing equals sign
! :7: variable without }
! :8: no section "none"
`},
		{"dollarid", tree{cnf: ".pragma dollarid:on\nopenssl_conf = a$b\n[a$b]\nproviders = p\n[p]\nlegacy = l\n[l]\nactivate = ${x$y}1\nx$y = z\n"}, `
openssl-provider legacy $MODULES/legacy.so OSSL_provider_init :6
! :8: variable l::x$y has no known value
`},
		{"the same file under two names", tree{cnf: "openssl_conf = none\n", "/usr/lib/ssl/openssl.cnf": "openssl_conf = none\n"}, "! /usr/lib/ssl/openssl.cnf:1: no section \"none\"\n"},
	} {
		got := OpenSSL(c.files.read, c.files.dir)
		s := summary(got.Modules)
		for line := range strings.Lines(summary(got.Optional)) {
			s += "- " + line
		}
		for _, e := range got.Errors {
			s += "! " + e + "\n"
		}
		s = shorten(s, opensslModuleDirs, "$MODULES")
		s = shorten(s, opensslEngineDirs, "$ENGINES")
		s = strings.ReplaceAll(s, cnf, "")
		if s != strings.TrimPrefix(c.want, "\n") {
			t.Errorf("%s: got\n%swant\n%s", c.name, s, c.want)
		}
	}
}

// shorten replaces lists of candidates in all dirs by one.
func shorten(s string, dirs []string, name string) string {
	var out []string
	for field := range strings.SplitSeq(s, " ") {
		if paths := strings.Split(field, ":"); len(paths) == len(dirs) {
			if rest, ok := strings.CutPrefix(paths[0], dirs[0]); ok {
				field = name + rest
			}
		}
		out = append(out, field)
	}
	return strings.Join(out, " ")
}

// Variables that refer to each other must not blow up.
func TestOpenSSLExpansion(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0 = xxxxxxxxxxxxxxxx\n")
	for i := range 100 {
		fmt.Fprintf(&b, "a%d = $a%d$a%d\n", i+1, i, i)
	}
	c := OpenSSL(tree{"/etc/ssl/openssl.cnf": b.String()}.read, tree{}.dir)
	if len(c.Errors) == 0 || !strings.Contains(c.Errors[0], "longer than") {
		t.Errorf("%q", c.Errors)
	}
}

func TestOpenSSLHost(t *testing.T) {
	c := OpenSSL(hostRead, hostDir)
	t.Logf("active:\n%soptional:\n%s", summary(c.Modules), summary(c.Optional))
	if len(c.Errors) > 0 {
		t.Errorf("%q", c.Errors)
	}
	for _, m := range c.Optional {
		if _, ok := firstFile(m.Paths); !ok {
			t.Errorf("%s does not exist", m.Paths)
		}
	}
	for _, f := range opensslFiles {
		if _, err := os.Stat(f); err == nil && !slices.Contains(c.Files, f) {
			t.Errorf("%s was not read", f)
		}
	}
}

func FuzzOpenSSL(f *testing.F) {
	f.Add("openssl_conf = i\n[i]\nproviders = p\nengines=e\n[p]\nlegacy = l\n[l]\nactivate = 1\n", "")
	f.Add(".include /etc/x\n.pragma dollarid:on\na = \"$b${c::d}\\\n\" # x\n[ a b ]\nx::y=1", "[i]\n.include /etc\n")
	f.Fuzz(func(t *testing.T, text, included string) {
		files := tree{"/etc/ssl/openssl.cnf": text, "/etc/x": included, "/etc/y.cnf": included}
		c := OpenSSL(files.read, files.dir)
		for _, m := range slices.Concat(c.Modules, c.Optional) {
			if len(m.Paths) == 0 || len(m.Entries) == 0 || m.Source == "" {
				t.Errorf("%+v", m)
			}
		}
	})
}
