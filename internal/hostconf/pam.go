package hostconf

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// pamDirs hold one file for each service; the first that has a file for it wins. The
// last two are vendor directories of some distributions.
var pamDirs = []string{"/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d", "/usr/share/pam.d"}

// pamConf is the single file that older systems have instead.
const pamConf = "/etc/pam.conf"

// pamModuleDirs are where distributions install modules (DEFAULT_MODULE_PATH).
var pamModuleDirs = []string{
	"/lib/x86_64-linux-gnu/security",
	"/usr/lib/x86_64-linux-gnu/security",
	"/lib64/security",
	"/usr/lib64/security",
	"/lib/security",
	"/usr/lib/security",
	"/usr/local/lib64/security",
	"/usr/local/lib/security",
}

// pamISA are the values that builds give to $ISA in a module's path (_PAM_ISA).
var pamISA = []string{".", "../../lib64/security"}

// pamEntries are the symbols that libpam looks up, by module type (pam_handlers.c:
// _pam_add_handler).
var pamEntries = map[string][]string{
	"auth":     {"pam_sm_authenticate", "pam_sm_setcred"},
	"account":  {"pam_sm_acct_mgmt"},
	"session":  {"pam_sm_close_session", "pam_sm_open_session"},
	"password": {"pam_sm_chauthtok"},
}

// PAMLine is a line of configuration that names a module.
type PAMLine struct {
	Module          // Entries by the line's type; none if the function can never be called
	Type   string   // auth, account, session or password
	Args   []string // arguments of the module
	Other  bool     // comes from the fallback service "other"
}

// PAMConfig is what libpam loads for one service.
type PAMConfig struct {
	Service string
	Lines   []PAMLine
	Files   []string // files that were looked for, whether they exist or not
	Errors  []string // what may hide a module: "file:line: problem"
}

// Modules returns the modules of all lines, each once.
func (c *PAMConfig) Modules() []Module {
	var mods moduleSet
	for _, l := range c.Lines {
		mods.add(l.Module)
	}
	return mods.list
}

// PAM reads the configuration of one service as libpam does for pam_start: the name is
// made lower case and stripped of directories.
//
// libpam loads the modules of the service "other" in any case, but calls them only for a
// type that the service itself has no module for; other lines then have no Entries.
// A line marked with "-" is like any other, as the mark only silences libpam.
func PAM(read ReadFile, readdir ReadDir, service string) *PAMConfig {
	service = lower(service[strings.LastIndexByte(service, '/')+1:])
	p := &pamParser{
		reader:  newReader(read, readdir),
		config:  &PAMConfig{Service: service},
		seen:    map[pamInclude]bool{},
		handled: map[string]bool{},
	}
	p.load()
	for i := range p.config.Lines {
		if l := &p.config.Lines[i]; l.Other && p.handled[l.Type] {
			l.Entries = nil
		}
	}
	p.config.Files = p.files
	p.config.Errors = p.errs
	return p.config
}

// PAMServices returns the names of all configured services, sorted, without "other".
func PAMServices(read ReadFile, readdir ReadDir) []string {
	r := newReader(read, readdir)
	var names []string
	for _, dir := range pamDirs {
		entries, _ := r.dir(dir)
		for _, name := range entries {
			// A name that pam_start cannot ask for is a file of another purpose.
			if name == lower(name) && !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, "~") {
				names = append(names, name)
			}
		}
	}
	if data, ok := r.file(pamConf); ok {
		for _, line := range pamLines(string(data)) {
			name, _, _ := pamToken(line.text)
			names = append(names, lower(name))
		}
	}
	names = union(nil, names)
	return slices.DeleteFunc(names, func(s string) bool { return s == "other" || s == "" })
}

type pamParser struct {
	reader
	config  *PAMConfig
	seen    map[pamInclude]bool
	handled map[string]bool // types for which the service itself has a module
	depth   int             // of includes
}

// maxPAMDepth limits the depth of includes, far above libpam's own limit of 16. (libpam's
// limit alone would not do: a file that is first seen too deep may be in reach elsewhere.)
const maxPAMDepth = 1000

// pamInclude is one way of reading a file: reading it again in the same way adds nothing,
// which also ends cycles.
type pamInclude struct {
	file  string
	kind  string // only lines of this type, "" is any
	other bool
}

// load is _pam_init_handlers.
func (p *pamParser) load() {
	if p.config.Service == "" {
		p.errorf("empty service name")
		return
	}
	haveDir := slices.ContainsFunc(pamDirs, func(dir string) bool { _, ok := p.dir(dir); return ok })
	if !haveDir {
		p.parseConf()
		return
	}
	// Without a file for the service, builds with PAM_READ_BOTH_CONFS read pam.conf.
	if !p.include(p.config.Service, "", false) {
		p.parseConf()
	}
	p.include("other", "", true)
}

// parseConf reads pam.conf, whose lines begin with the name of a service.
func (p *pamParser) parseConf() {
	data, ok := p.file(pamConf)
	if !ok {
		return
	}
	for _, line := range pamLines(string(data)) {
		name, rest, _ := pamToken(line.text)
		switch lower(name) {
		case p.config.Service:
			p.line(pamConf, line.n, rest, "", false)
		case "other":
			p.line(pamConf, line.n, rest, "", true)
		}
	}
}

// include is _pam_load_conf_file: it reads the file for a name, or at an absolute path,
// and reports whether there is one.
func (p *pamParser) include(name, kind string, other bool) bool {
	candidates := []string{name}
	if !strings.HasPrefix(name, "/") {
		candidates = nil
		for _, dir := range pamDirs {
			candidates = append(candidates, path.Join(dir, name))
		}
	}
	for _, file := range candidates {
		way := pamInclude{file, kind, other}
		if p.seen[way] {
			return true
		}
		data, ok := p.file(file)
		if !ok {
			continue
		}
		if p.depth >= maxPAMDepth {
			p.errorf("%s: includes are more than %d deep", file, maxPAMDepth)
			return true
		}
		p.seen[way] = true
		p.depth++
		defer func() { p.depth-- }()
		for _, line := range pamLines(string(data)) {
			p.line(file, line.n, line.text, kind, other)
		}
		return true
	}
	return false
}

// line is the body of the loop of _pam_parse_conf_file, from the type on. kind is the
// type that an including line asked for.
func (p *pamParser) line(file string, n int, text, kind string, other bool) {
	where := file + ":" + strconv.Itoa(n)
	typ, rest, _ := pamToken(text)
	if typ == "@include" {
		name, _, ok := pamToken(rest)
		if !ok {
			p.errorf("%s: @include without a file", where)
		} else if !p.include(name, kind, other) {
			p.errorf("%s: no file for @include %s", where, name)
		}
		return
	}
	typ = lower(strings.TrimPrefix(typ, "-"))
	if _, known := pamEntries[typ]; !known {
		// libpam installs a handler that fails, and does not load the module.
		p.errorf("%s: unknown module type %q, libpam ignores the module", where, typ)
		return
	}
	if kind != "" && typ != kind {
		return
	}
	control, rest, ok := pamToken(rest)
	if !ok {
		p.errorf("%s: no control", where)
		return
	}
	module, rest, ok := pamToken(rest)
	if !ok {
		p.errorf("%s: no module", where)
		return
	}
	switch lower(control) {
	case "include", "substack":
		if !p.include(module, typ, other) {
			p.errorf("%s: no file for %s %s", where, control, module)
		}
		return
	}
	if !other {
		p.handled[typ] = true
	}
	var args []string
	for {
		var arg string
		if arg, rest, ok = pamToken(rest); !ok {
			break
		}
		args = append(args, arg)
	}
	p.config.Lines = append(p.config.Lines, PAMLine{
		Module: Module{
			Kind:    PAMModule,
			Name:    module,
			Paths:   pamPaths(module),
			Entries: slices.Clone(pamEntries[typ]),
			Source:  where,
		},
		Type:  typ,
		Args:  args,
		Other: other,
	})
}

// pamPaths returns the candidates for a module's path.
func pamPaths(module string) []string {
	var paths []string
	if strings.HasPrefix(module, "/") {
		paths = []string{module}
	} else {
		for _, dir := range pamModuleDirs {
			paths = append(paths, dir+"/"+module)
		}
	}
	if !strings.Contains(module, "$ISA") {
		return paths
	}
	// The dynamic loader does not know $ISA, so the path as it stands fails first.
	var expanded []string
	for _, isa := range pamISA {
		for _, p := range paths {
			expanded = append(expanded, path.Clean(strings.Replace(p, "$ISA", isa, 1)))
		}
	}
	return expanded
}

// pamLine is a logical line; n is the number of its first physical line.
type pamLine struct {
	n    int
	text string
}

// pamLines returns the non-empty logical lines of a file, as _pam_line_assemble does: a
// comment ends at the end of its physical line, and a backslash at the end of one without
// a comment continues it.
func pamLines(text string) []pamLine {
	var lines []pamLine
	var joined strings.Builder
	first, n := 0, 0
	flush := func() {
		if strings.Trim(joined.String(), " \t\n") != "" {
			lines = append(lines, pamLine{first, joined.String()})
		}
		joined.Reset()
		first = 0
	}
	for line := range strings.Lines(text) {
		n++
		if first == 0 {
			first = n
		}
		line = strings.TrimLeft(cString(line), " \t")
		body, _, comment := strings.Cut(line, "#")
		continued := false
		if !comment {
			if trimmed := strings.TrimRight(body, " \t\n"); strings.HasSuffix(trimmed, `\`) {
				body, continued = trimmed[:len(trimmed)-1]+" ", true
			}
		}
		joined.WriteString(body)
		if !continued {
			flush()
		}
	}
	flush() // libpam rejects a file that ends in a continued line
	return lines
}

// pamToken cuts the first token off s, as _pam_tokenize does: a word between blanks, or
// the text between brackets, where "\]" stands for a bracket.
func pamToken(s string) (token, rest string, ok bool) {
	const blanks = " \n\t"
	s = strings.TrimLeft(s, blanks)
	if s == "" {
		return "", "", false
	}
	if s[0] != '[' {
		end := strings.IndexAny(s, blanks)
		if end < 0 {
			return s, "", true
		}
		return s[:end], s[end+1:], true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == ']':
			return b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == ']':
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), "", true
}

// String describes a line for people.
func (l PAMLine) String() string {
	return fmt.Sprintf("%s: %s %s", l.Source, l.Type, l.Name)
}
