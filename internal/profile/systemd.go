package profile

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gofind-dev/gofind/internal/facts"
	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// Unit settings of systemd (systemd.exec(5); src/core/load-fragment.c and
// src/shared/seccomp-util.c of systemd 252).
//
// A list of allowed calls begins with @default; later lines with ~ take calls away again,
// or give them an error of their own (~name:errno). Without SystemCallArchitectures= the list holds for i386 and x32 too.
// Names stand for the calls of all those ABIs. There are no tests of arguments.
var systemd = &Format{
	Name: "systemd", Says: "a drop-in with SystemCallFilter= for a unit of systemd",
	write: writeSystemd, parse: parseSystemd, is: isSystemd,
}

//go:embed groups.txt
var textGroups string

// groups are the members of each group of calls, without further groups.
var groups = sync.OnceValue(func() map[string][]string {
	direct := map[string][]string{}
	facts.MustParse("groups.txt", textGroups, 2, func(f []string) error {
		if !strings.HasPrefix(f[0], "@") || slices.Contains(direct[f[0]], f[1]) {
			return fmt.Errorf("%s %s is no group or is there twice", f[0], f[1])
		}
		direct[f[0]] = append(direct[f[0]], f[1])
		return nil
	})
	out := map[string][]string{"@known": allNames()}
	var expand func(name string) []string
	expand = func(name string) (members []string) {
		for _, m := range direct[name] {
			if strings.HasPrefix(m, "@") {
				members = append(members, expand(m)...)
			} else {
				members = append(members, m)
			}
		}
		slices.Sort(members)
		return slices.Compact(members)
	}
	for name := range direct {
		out[name] = expand(name)
	}
	return out
})

// allNames returns the names of all calls.
func allNames() []string {
	var out []string
	for _, abi := range policy.ABIs {
		for nr := range sysno.Max(abi) + 1 {
			if name, ok := sysno.Name(abi, nr); ok {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func isSystemd(data []byte) bool {
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		if bytes.HasPrefix(line, []byte("SystemCallFilter")) || bytes.HasPrefix(line, []byte("SystemCallLog")) {
			return true
		}
	}
	return false
}

func writeSystemd(p *policy.Policy, info *Info) ([]byte, []string, error) {
	u := &unitWriter{p: p, abis: []sysno.ABI{sysno.X86_64}}
	for _, abi := range policy.ABIs[1:] {
		if p.Has(abi) || p.Default.Passes() {
			u.abis = append(u.abis, abi)
		}
	}
	if err := u.collect(); err != nil {
		return nil, nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n", comment(info.title()))
	b.WriteString("# A drop-in, for example /etc/systemd/system/NAME.service.d/seccomp.conf.\n")
	b.WriteString("# Groups (@default, @io-event ...) are those of systemd 252: an older one may allow less by the same name.\n")
	for _, n := range unique(slices.Concat(info.Notes, u.notes)) {
		fmt.Fprintf(&b, "# %s\n", comment(n))
	}
	b.WriteString("\n[Service]\n")
	switch p.Default {
	case policy.Log:
		list(&b, "SystemCallLog=~", u.allowed)
		if len(u.refused) == 0 {
			break
		}
		fallthrough
	case policy.Allow:
		list(&b, "SystemCallFilter=~", u.refused)
	default:
		b.WriteString("SystemCallArchitectures=native")
		for _, abi := range u.abis[1:] {
			b.WriteString(" " + unitArch[abi])
		}
		b.WriteString("\n")
		if n, ok := p.Default.Errno(); ok && n > 0 {
			fmt.Fprintf(&b, "SystemCallErrorNumber=%d\n", n)
		}
		list(&b, "SystemCallFilter=", append([]string{"@default"}, u.grouped()...))
		if len(u.refused) > 0 {
			list(&b, "SystemCallFilter=~", u.refused)
		}
	}
	return b.Bytes(), u.notes, nil
}

var unitArch = map[sysno.ABI]string{sysno.X86_64: "x86-64", sysno.I386: "x86", sysno.X32: "x32"}

// unitWriter collects what a unit says of calls.
type unitWriter struct {
	p       *policy.Policy
	abis    []sysno.ABI
	allowed []string
	refused []string // "name" or "name:errno"
	notes   []string
}

func (u *unitWriter) note(format string, args ...any) {
	u.notes = append(u.notes, fmt.Sprintf(format, args...))
}

// negative returns how a unit says a refusal, and whether it can.
func negative(a policy.Action) (string, bool) {
	n, ok := a.Errno()
	switch {
	case ok && n > 0:
		return strconv.Itoa(int(n)), true
	case a == policy.KillProcess:
		return "kill", true
	}
	return "kill", false
}

func (u *unitWriter) collect() error {
	merged, notes := byName(u.p, u.abis)
	u.notes = append(u.notes, notes...)
	def, exact := negative(u.p.Default)
	if !u.p.Default.Passes() && !exact {
		u.note("units refuse by killing the process or with an error number; they cannot say %s, so calls kill", u.p.Default)
	}
	var tested []string
	for _, r := range merged.Rules {
		name, ok := sysno.Name(r.Call.ABI, r.Call.Nr)
		if !ok {
			if r.Allows() && !u.p.Default.Passes() {
				return fmt.Errorf("the call %s has no name, and units know calls by name only", r.Call)
			}
			u.note("%s has no name, and gets the default action", r.Call)
			continue
		}
		clauses, _ := unordered(&r, u.p.Default)
		if len(clauses) == 0 {
			continue
		}
		if len(clauses[0].Tests) > 0 {
			tested = append(tested, name)
		}
		switch a := clauses[0].Action; {
		case a == policy.Allow:
			u.allowed = append(u.allowed, name)
		case a.Passes():
			u.note("%s is allowed, and not logged", name)
			u.allowed = append(u.allowed, name)
		case len(clauses[0].Tests) > 0: // refused for some arguments, and else as by default
		default:
			how, exact := negative(a)
			if !exact {
				u.note("%s: a unit cannot say %s, so it kills", name, a)
			}
			if how != def || u.p.Default.Passes() { // systemd fails at an entry that says what the default does
				u.refused = append(u.refused, name+":"+how)
			}
		}
	}
	if len(tested) > 0 {
		u.note("units have no tests of arguments; whatever the arguments, allowed or as the default says: %s", strings.Join(tested, ", "))
	}
	if u.p.Unknown != u.p.Default {
		u.note("numbers that no table names get the default action, not %s", u.p.Unknown)
	}
	if u.p.Default.Passes() {
		return nil
	}
	u.withoutDefault()
	return nil
}

// withoutDefault takes away the calls of @default that the policy does not allow. execve
// has to stay: it starts the program.
func (u *unitWriter) withoutDefault() {
	var refused []string
	for _, name := range groups()["@default"] {
		switch {
		case !u.has(name) || slices.Contains(u.allowed, name):
		case name == "execve":
			u.note("systemd executes the program under the filter, so execve cannot be refused")
			u.refused = slices.DeleteFunc(u.refused, func(s string) bool { return strings.HasPrefix(s, "execve:") })
		case !slices.ContainsFunc(u.refused, func(s string) bool { return strings.HasPrefix(s, name+":") }):
			refused = append(refused, name)
		}
	}
	u.refused = append(refused, u.refused...)
}

// has reports whether one of the ABIs has a call.
func (u *unitWriter) has(name string) bool {
	return slices.ContainsFunc(u.abis, func(abi sysno.ABI) bool {
		_, ok := sysno.Number(abi, name)
		return ok
	})
}

// grouped returns the allowed calls, those of a group as the group if all of its members
// are allowed. @default is there anyway.
func (u *unitWriter) grouped() []string {
	left := map[string]bool{}
	for _, name := range u.allowed {
		left[name] = true
	}
	for _, name := range groups()["@default"] {
		delete(left, name)
	}
	var names []string
	for name := range groups() {
		if name != "@known" && name != "@default" {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { // the largest first
		if d := len(groups()[b]) - len(groups()[a]); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	var out []string
	for _, g := range names {
		whole, n := true, 0
		for _, m := range groups()[g] {
			if u.has(m) {
				whole = whole && slices.Contains(u.allowed, m)
				if left[m] {
					n++
				}
			}
		}
		if !whole || n < 2 {
			continue
		}
		out = append(out, g)
		for _, m := range groups()[g] {
			delete(left, m)
		}
	}
	slices.Sort(out)
	for _, name := range u.allowed {
		if left[name] {
			out = append(out, name)
		}
	}
	return out
}

// list writes a setting with a list of words, in lines of at most 100 columns.
func list(b *bytes.Buffer, key string, words []string) {
	for first := true; first || len(words) > 0; first = false {
		line := key
		for n := 0; len(words) > 0 && (n == 0 || len(line)+1+len(words[0]) <= 100); n++ {
			if n > 0 {
				line += " "
			}
			line += words[0]
			words = words[1:]
		}
		b.WriteString(line + "\n")
	}
}

// callList is the value of SystemCallFilter= or SystemCallLog=: for each name the action that
// it has instead of the usual one, "" for that.
type callList struct {
	set   bool
	allow bool // lists what is allowed, or logged
	names map[string]string
}

// assign takes one line.
func (l *callList) assign(value string, filter bool) error {
	if value == "" {
		*l = callList{}
		return nil
	}
	rest, invert := strings.CutPrefix(value, "~")
	if !l.set {
		*l = callList{set: true, allow: !invert, names: map[string]string{}}
		if filter && l.allow {
			for _, name := range groups()["@default"] {
				l.names[name] = ""
			}
		}
	}
	for _, word := range strings.Fields(rest) {
		name, how, colon := strings.Cut(word, ":")
		if colon {
			if !invert {
				return fmt.Errorf("%s: calls that are allowed take no error number", word)
			}
			if _, err := unitAction(how); err != nil {
				return fmt.Errorf("%s: %w", word, err)
			}
		}
		members := []string{name}
		if strings.HasPrefix(name, "@") {
			var ok bool
			if members, ok = groups()[name]; !ok {
				return fmt.Errorf("there is no group %q", name)
			}
		} else if !foreign(name) && !slices.ContainsFunc(policy.ABIs, func(abi sysno.ABI) bool { _, ok := sysno.Number(abi, name); return ok }) {
			return fmt.Errorf("there is no system call %q", name)
		}
		for _, m := range members {
			if !invert == l.allow || invert && l.allow && colon {
				l.names[m] = how
			} else {
				delete(l.names, m)
			}
		}
	}
	return nil
}

// unitAction reads the value of SystemCallErrorNumber=.
func unitAction(s string) (policy.Action, error) {
	if s == "kill" {
		return policy.KillProcess, nil
	}
	if n, err := strconv.ParseUint(s, 10, 16); err == nil && n <= policy.MaxErrno {
		return policy.Errno(uint16(n)), nil
	}
	if n, ok := errnos()[s]; ok {
		return policy.Errno(n), nil
	}
	return 0, fmt.Errorf("%q is no error number: a name such as EPERM, a number, or kill", s)
}

func parseSystemd(data []byte) (*policy.Policy, []string, error) {
	var filter, logged callList
	var notes, archs []string
	refusal := policy.KillProcess
	start, value := 0, ""
	for n, line := range strings.Split(string(data)+"\n", "\n") {
		line = strings.TrimSpace(line)
		if line == "" && value == "" || line != "" && (line[0] == '#' || line[0] == ';') {
			continue
		}
		if value == "" {
			start = n + 1
		}
		if cut, ok := strings.CutSuffix(line, `\`); ok {
			value += cut + " "
			continue
		}
		value += line
		key, v, _ := strings.Cut(value, "=")
		key, v, value = strings.TrimSpace(key), strings.TrimSpace(v), ""
		var err error
		switch key {
		case "SystemCallFilter":
			err = filter.assign(v, true)
		case "SystemCallLog":
			err = logged.assign(v, false)
		case "SystemCallErrorNumber":
			if refusal = policy.KillProcess; v != "" {
				refusal, err = unitAction(v)
			}
		case "SystemCallArchitectures":
			if archs = append(archs, strings.Fields(v)...); v == "" {
				archs = nil
			}
		case "RestrictNamespaces", "RestrictAddressFamilies", "RestrictRealtime", "RestrictSUIDSGID", "MemoryDenyWriteExecute",
			"LockPersonality", "PrivateDevices", "ProtectClock", "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables":
			notes = append(notes, key+"= refuses calls too, and is not read")
		}
		if err != nil {
			return nil, nil, &lineError{start, err}
		}
	}
	if !filter.set && !logged.set {
		return nil, nil, errors.New("a unit without SystemCallFilter=; nothing is filtered")
	}
	p, err := unitPolicy(&filter, &logged, archs, refusal)
	return p, notes, err
}

// unitPolicy returns what the settings mean together: of two filters, the kernel takes the
// stricter answer.
func unitPolicy(filter, logged *callList, archs []string, refusal policy.Action) (*policy.Policy, error) {
	of := func(name string) (policy.Action, error) { // "" stands for calls that nobody names
		action := policy.Allow
		how, listed := filter.names[name]
		switch {
		case filter.set && listed && how != "":
			return unitAction(how)
		case filter.set && listed != filter.allow:
			return refusal, nil
		}
		if _, listed := logged.names[name]; logged.set && listed == logged.allow {
			action = policy.Log
		}
		return action, nil
	}
	def, err := of("")
	if err != nil {
		return nil, err
	}
	p := &policy.Policy{Default: def, Unknown: def}
	for _, abi := range policy.ABIs {
		blocked := len(archs) > 0 && abi != sysno.X86_64 && !slices.Contains(archs, unitArch[abi])
		for nr := range sysno.Max(abi) + 1 {
			name, ok := sysno.Name(abi, nr)
			if !ok {
				continue
			}
			action, err := of(name)
			if blocked {
				action, err = policy.KillThread, nil // libseccomp's answer to other architectures
				if !def.Passes() {
					continue // an ABI without rules is refused
				}
			}
			if err != nil {
				return nil, err
			}
			if action != def {
				p.Rules = append(p.Rules, policy.Rule{Call: sysno.Call{ABI: abi, Nr: nr}, Clauses: []policy.Clause{{Action: action}}})
			}
		}
	}
	return p, p.Sort()
}
