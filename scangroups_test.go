package gofind

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/trace"
)

// groupsFile writes a file of groups.
func groupsFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "groups.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// One group of everything needs what the scan finds, and no group needs more.
func TestGroupsAgainstScan(t *testing.T) {
	const program = "/usr/bin/env"
	if _, err := os.Stat(program); err != nil {
		t.Skip(program + " is not there")
	}
	opts := Options{HostNone: true}
	scan, err := Scan(context.Background(), program, opts)
	if err != nil {
		t.Fatal(err)
	}
	var want []GroupCall
	for _, s := range scan.Syscalls {
		want = append(want, GroupCall{s.Name, s.Number, s.ABI})
	}
	calls := func(g GroupAnswer) []GroupCall {
		var out []GroupCall
		for _, n := range g.Needs {
			out = append(out, n.GroupCall)
		}
		return out
	}
	r, err := ScanGroups(context.Background(), program, groupsFile(t, "compartments: [{name: all, default: true}]\ntransparent: []\n"), opts)
	if err != nil {
		t.Fatal(err)
	}
	if got := calls(r.Groups[0]); !slices.Equal(got, want) || len(want) == 0 {
		t.Errorf("one group needs %v, the scan finds %v", got, want)
	}
	r, err = ScanGroups(context.Background(), program, groupsFile(t, "compartments: [{name: own, default: true}, {name: libc, libraries: [libc.so.6]}]\n"), opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Transparent) != 2 || !r.Groups[1].Transparent || r.Groups[0].Transparent {
		t.Errorf("transparent: %v, %v, %v", r.Transparent, r.Groups[0].Transparent, r.Groups[1].Transparent)
	}
	for _, g := range r.Groups {
		got := calls(g)
		if len(got) == 0 || slices.ContainsFunc(got, func(c GroupCall) bool { return !slices.Contains(want, c) }) {
			t.Errorf("%s needs %v, the scan finds %v", g.Name, got, want)
		}
		for _, e := range g.Executes {
			if !slices.Contains(want, e) {
				t.Errorf("%s executes %v", g.Name, e)
			}
		}
	}
	if len(r.Groups[1].Executes) <= len(r.Groups[0].Executes) { // libc has nearly all instructions
		t.Errorf("libc executes %d calls, the others %d", len(r.Groups[1].Executes), len(r.Groups[0].Executes))
	}
}

// Each file on the stack of a call that a program was seen to make needs the call: each library is a group of its own.
func TestGroupsNeedWhatIsTraced(t *testing.T) {
	if testing.Short() {
		t.Skip("scans and traces programs")
	}
	ran := false
	for _, argv := range [][]string{{"/usr/bin/curl", "-s", "http://127.0.0.1:9/"}, {"/usr/bin/openssl", "version"}, {"/usr/bin/ssh", "-V"},
		{"/usr/bin/sqlite3", ":memory:", "create table t(a); insert into t values(1); select hex(a) from t order by a"},
		{"/usr/bin/xz", "-T2", "-k", "-c", "go.mod"}, {"/usr/sbin/haproxy", "-vv"}} {
		program, err := filepath.EvalSymlinks(argv[0])
		if err != nil {
			continue
		}
		ran = true
		scan, err := Scan(t.Context(), program, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		b.WriteString("compartments:\n- {name: main, default: true}\n")
		for i, m := range scan.Images {
			if i > 0 && m.Origin == "needed" {
				fmt.Fprintf(&b, "- {name: g%d, libraries: [%q]}\n", i, m.Path)
			}
		}
		r, err := ScanGroups(t.Context(), program, groupsFile(t, b.String()), Options{})
		if err != nil {
			t.Fatal(err)
		}
		run, err := trace.Run(t.Context(), trace.Options{Path: program, Argv: argv, Env: os.Environ()})
		if err != nil {
			t.Fatal(err)
		}
		check := newStackCheck(t, r)
		for _, c := range run.Programs[0].Calls() {
			check.stack(argv[0], c.Call, c.Stack)
		}
		run.Close()
		t.Logf("%s: %d frames of %d groups checked", argv[0], check.frames, len(check.seen))
		if check.frames == 0 {
			t.Errorf("%s: nothing was checked", argv[0])
		}
	}
	if !ran {
		t.Skip("none of the programs is installed")
	}
}

// Functions that are called through pointers: those that only their own group may call are left out of the needs of others, and nothing else is.
func TestGroupCallbacks(t *testing.T) {
	for _, tool := range []string{"gcc", "strace"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"mark.h": "#include <sys/syscall.h>\n#define MARK(nr) __asm__ volatile(\"syscall\" : : \"a\"((long)(nr)), \"D\"(-1L), \"S\"(-1L), \"d\"(0L) : \"rcx\", \"r11\", \"memory\")\n",
		"a.c": `#include "mark.h"
#include <stdlib.h>
static int own(const void *a, const void *b) { MARK(SYS_getppid); return 0; }
static int kept(const void *a, const void *b) { MARK(SYS_getpgrp); return 0; }
int (*a_kept)(const void *, const void *);
static int words[2];
void a_sort(void) { qsort(words, 2, 4, own); a_kept = kept; qsort(words, 2, 4, kept); }
__attribute__((constructor)) static void begin(void) { MARK(SYS_getegid); }
__attribute__((destructor)) static void end(void) { MARK(SYS_sysinfo); }
`,
		"b.c": `#include "mark.h"
#include <stdlib.h>
void b_run(void (*f)(void)) { f(); }
void b_end(void) { exit(0); }
`,
		"main.c": `#include "mark.h"
#include <pthread.h>
void a_sort(void); void b_run(void (*)(void)); void b_end(void);
static void called(void) { MARK(SYS_getuid); }
static void *thread(void *p) { MARK(SYS_getgid); return p; }
int main(void)
{
	pthread_t t;
	MARK(SYS_geteuid);
	pthread_create(&t, 0, thread, 0);
	pthread_join(t, 0);
	a_sort();
	b_run(called);
	b_end();
}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, script := range []string{
		"gcc -O1 -shared -fPIC -o liba.so a.c && gcc -O1 -shared -fPIC -o libb.so b.c",
		"gcc -O1 -o prog main.c -L. -Wl,-rpath,$PWD -la -lb -pthread",
		"strace -f -o log ./prog",
	} {
		c := bounded.Command(t, "sh", "-c", script)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", script, err, out)
		}
	}
	r, err := ScanGroups(t.Context(), filepath.Join(dir, "prog"), groupsFile(t, "compartments:\n- {name: main, default: true}\n- {name: a, libraries: [liba.so]}\n- {name: b, libraries: [libb.so]}\n"), Options{HostNone: true})
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	needs, _ := groupNeeds(r)
	for call, want := range map[string]string{
		"getppid": "main a",   // a's own comparison, which qsort borrows; main calls a
		"getpgrp": "main a b", // one that is kept as well
		"getegid": "a",        // before all; a group needs what its own functions make, whoever calls them
		"sysinfo": "main a b", // exit runs it
		"getuid":  "main a b", // what b was given
		"getgid":  "main",     // the thread that main begins
		"geteuid": "main",     // main itself
	} {
		if !bytes.Contains(log, []byte(call+"(")) {
			t.Errorf("%s was not made", call)
		}
		var got []string
		for _, g := range []string{"main", "a", "b"} {
			if needs[g][call] {
				got = append(got, g)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s is needed by %q, want %q", call, got, want)
		}
	}
}

// groupNeeds returns the calls that each group needs, and the group of each file that is not transparent.
func groupNeeds(r *GroupsResult) (needs map[string]map[string]bool, in map[string]string) {
	needs, in = map[string]map[string]bool{}, map[string]string{}
	for _, g := range r.Groups {
		needs[g.Name] = map[string]bool{}
		for _, n := range g.Needs {
			needs[g.Name][n.Name] = true
		}
		for _, f := range g.Files {
			if real, err := filepath.EvalSymlinks(f); err == nil && !slices.Contains(r.Transparent, f) {
				in[real] = g.Name
			}
		}
	}
	return needs, in
}

// stackCheck checks that each file on the stack of a call needs it.
type stackCheck struct {
	t      *testing.T
	needs  map[string]map[string]bool
	in     map[string]string
	locate *trace.Locator
	frames int
	calls  map[[2]string]bool // group and call
	seen   map[string]bool    // groups
}

func (k *stackCheck) stack(path string, c sysno.Call, stack *trace.Stack) {
	if stack == nil {
		return
	}
	name, _ := sysno.Name(c.ABI, c.Nr)
	for _, f := range stack.Frames(k.locate) {
		g := k.in[f.Image]
		if g == "" {
			continue
		}
		if f.How == "guess" && f.Address == entryPoint(k.t, f.Image) {
			continue // where the loader will go, which nobody returns to
		}
		k.frames++
		k.calls[[2]string{g, name}], k.seen[g] = true, true
		if !k.needs[g][name] {
			k.t.Errorf("%s: %s was made with %s %s on the stack, which does not need it", path, name, f.Image, f.Function)
		}
	}
}

// entryPoint is the address at which the kernel or the loader enters a file.
func entryPoint(t *testing.T, path string) uint64 {
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return f.Entry
}

func newStackCheck(t *testing.T, r *GroupsResult) *stackCheck {
	k := &stackCheck{t: t, locate: trace.NewLocator(), calls: map[[2]string]bool{}, seen: map[string]bool{}}
	k.needs, k.in = groupNeeds(r)
	return k
}

const nginxGroups = `compartments:
- {name: main, default: true}
- {name: tls, libraries: [libssl.so.3, libcrypto.so.3]}
- {name: z, libraries: [libz.so.1]}
- {name: pcre, libraries: [libpcre2-8.so.0]}
`

const nginxConfig = `pcre_jit on; daemon off; master_process off; user root; pid DIR/pid; error_log DIR/error.log;
events {}
http {
  access_log DIR/access.log; gzip on; gzip_min_length 1; gzip_types *;
  client_body_temp_path DIR/t1; proxy_temp_path DIR/t2; fastcgi_temp_path DIR/t3; uwsgi_temp_path DIR/t4; scgi_temp_path DIR/t5;
  server { listen 127.0.0.1:PORT ssl; ssl_certificate DIR/cert.pem; ssl_certificate_key DIR/key.pem; root DIR/www;
    location ~ ^/(a+)\\.html$ { add_header X-A $1; } }
}
`

// nginx at work, with TLS, compression and regular expressions, each library a group: each needs what it is on the stack of.
func TestGroupsOfNginx(t *testing.T) {
	if testing.Short() {
		t.Skip("scans and traces nginx")
	}
	for _, tool := range []string{"nginx", "openssl", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip(err)
	}
	r, err := ScanGroups(t.Context(), nginx, groupsFile(t, nginxGroups), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range r.Groups {
		direct := 0
		for _, n := range g.Needs {
			if n.Direct {
				direct++
			}
			if len(n.Via) == 0 || !slices.Contains(g.Files, n.Via[0].Image) {
				t.Errorf("%s: the chain to %s is %v", g.Name, n.Name, n.Via)
			}
		}
		t.Logf("%s: executes %d, needs %d, %d of them by direct calls; %d crossings, %d visible functions", g.Name, len(g.Executes), len(g.Needs), direct, len(g.Crossings), g.Visible)
		for _, f := range map[string][]string{"tls": {"SSL_new", "SSL_read", "SSL_write"}, "z": {"deflate", "deflateEnd"}, "pcre": {"pcre2_compile_8", "pcre2_match_8"}}[g.Name] {
			if !slices.ContainsFunc(g.Crossings, func(c GroupCrossing) bool { return c.Function == f && slices.Contains(c.From, "main") }) {
				t.Errorf("%s: main calls %s, which is no crossing", g.Name, f)
			}
		}
	}
	dir := t.TempDir()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	config := strings.NewReplacer("DIR", dir, "PORT", port, `\\`, `\`).Replace(nginxConfig)
	if err := errors.Join(os.Mkdir(dir+"/www", 0o755), os.WriteFile(dir+"/www/aaa.html", bytes.Repeat([]byte("page "), 2000), 0o644), os.WriteFile(dir+"/conf", []byte(config), 0o644)); err != nil {
		t.Fatal(err)
	}
	script := `openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=test -keyout key.pem -out cert.pem 2>/dev/null || exit 9
nginx -c "$PWD/conf" & pid=$!
for i in $(seq 100); do curl -sk --compressed "https://127.0.0.1:$1/aaa.html" >got && break; sleep 0.1; done
kill -QUIT $pid; wait $pid; cmp got www/aaa.html`
	check := newStackCheck(t, r)
	run, err := trace.Run(t.Context(), trace.Options{Path: "/bin/sh", Argv: []string{"sh", "-c", "cd " + dir + "\n" + script, "sh", port}, Env: append(os.Environ(), "PATH=/usr/sbin:/usr/bin:/sbin:/bin"),
		Stacks: true, Call: func(p *trace.Program, e *trace.Entry) {
			if filepath.Base(p.Path) == "nginx" {
				check.stack(p.Path, e.Call, e.Stack)
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	if data, err := os.ReadFile(dir + "/got"); err != nil || len(data) != 10000 {
		log, _ := os.ReadFile(dir + "/error.log")
		t.Fatalf("nginx did not answer: %v\n%s", err, log)
	}
	t.Logf("%d frames, %d calls of groups", check.frames, len(check.calls))
	for _, g := range []string{"main", "tls", "pcre"} { // zlib has memory from nginx, and asks for none itself
		if !check.seen[g] {
			t.Errorf("nothing was made on behalf of %s", g)
		}
	}
}
