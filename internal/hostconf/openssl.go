package hostconf

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// opensslFiles are the default configuration files of builds of libcrypto
// (OPENSSLDIR/openssl.cnf).
var opensslFiles = []string{
	"/usr/lib/ssl/openssl.cnf",
	"/etc/ssl/openssl.cnf",
	"/etc/pki/tls/openssl.cnf",
	"/usr/local/ssl/openssl.cnf",
}

// Directories of builds of libcrypto: MODULESDIR and ENGINESDIR.
var (
	opensslModuleDirs = under("ossl-modules")
	opensslEngineDirs = slices.Concat(under("engines-3"), under("engines-1.1"))
)

// opensslEntries are the symbols that libcrypto looks up in a module, by kind:
// crypto/provider_core.c, crypto/engine/eng_dyn.c, crypto/conf/conf_mod.c.
var opensslEntries = map[Kind][]string{
	OpenSSLProvider: {"OSSL_provider_init"},
	OpenSSLEngine:   {"bind_engine", "v_check"},
	OpenSSLConf:     {"OPENSSL_finish", "OPENSSL_init"},
}

// Providers and engines that are code of libcrypto itself (crypto/provider_predefined.c,
// crypto/engine/eng_all.c), and the sections that it knows (crypto/conf/conf_mall.c, in
// its order).
var (
	opensslProviders = []string{"default", "base", "null"}
	opensslEngines   = []string{"dynamic", "rdrand", "openssl"}
	opensslSections  = []string{"oid_section", "stbl_section", "engines", "alg_section", "ssl_conf", "providers", "random"}
)

// OpenSSLConfig is what OpenSSL's configuration makes libcrypto load.
type OpenSSLConfig struct {
	// Modules are loaded when libcrypto initialises itself.
	Modules []Module

	// Optional modules are loaded only for programs that ask for a provider or engine by
	// its name: all that are installed in the default directories, and those that the
	// configuration describes without activating them.
	Optional []Module

	Files  []string // files and directories that were looked for, whether they exist or not
	Errors []string // what may hide a module: "file:line: problem"
}

// OpenSSL reads OpenSSL's default configuration files and lists the directories of its
// modules. Every default location that exists counts, as each build of libcrypto has one of
// its own.
//
// A setting of the default section makes libcrypto load modules if it is openssl_conf, or
// if it names a section that has providers or engines, as programs can ask for another name
// than openssl_conf. libcrypto gives a file up at the first error in it; here the rest
// of it counts.
func OpenSSL(read ReadFile, readdir ReadDir) *OpenSSLConfig {
	r := newReader(read, readdir)
	var active, optional moduleSet
	var contents []string
	for _, file := range opensslFiles {
		data, ok := r.file(file)
		if !ok || slices.Contains(contents, string(data)) {
			continue
		}
		contents = append(contents, string(data))
		p := &cnfParser{reader: &r, cnf: &cnf{sections: map[string]*cnfSection{}}}
		p.section("default")
		p.current = "default"
		p.parse(file, string(data), 0)
		l := opensslLoader{&r, p.cnf, &active, &optional}
		l.load()
	}
	for _, dirs := range []struct {
		kind Kind
		dirs []string
	}{{OpenSSLProvider, opensslModuleDirs}, {OpenSSLEngine, opensslEngineDirs}} {
		for _, dir := range dirs.dirs {
			names, _ := r.dir(dir)
			for _, name := range names {
				if base, ok := strings.CutSuffix(name, ".so"); ok && base != "" {
					optional.add(opensslModule(dirs.kind, base, []string{dir + "/" + name}, dir))
				}
			}
		}
	}
	return &OpenSSLConfig{active.list, optional.list, r.files, r.errs}
}

func opensslModule(kind Kind, name string, paths []string, source string) Module {
	return Module{Kind: kind, Name: name, Paths: paths, Entries: opensslEntries[kind], Source: source}
}

// inDirs returns file in each of dirs, or file itself if it is absolute (dlfcn_merger).
func inDirs(dirs []string, file string) []string {
	if strings.HasPrefix(file, "/") {
		return []string{file}
	}
	var paths []string
	for _, d := range dirs {
		paths = append(paths, path.Join(d, file))
	}
	return paths
}

// dsoName is what dlfcn_name_converter makes of a name: lib<name>.so, or just <name>.so.
// A name with a slash stays as it is.
func dsoName(name, prefix string) string {
	if strings.Contains(name, "/") {
		return name
	}
	return prefix + name + ".so"
}

// opensslLoader interprets one configuration.
type opensslLoader struct {
	*reader
	cnf              *cnf
	active, optional *moduleSet
}

// load is CONF_modules_load.
func (l *opensslLoader) load() {
	for _, start := range l.cnf.sections["default"].values {
		s := l.cnf.sections[start.value]
		if s == nil {
			if start.name == "openssl_conf" {
				l.errorf("%s: no section %q", start.where, start.value)
			}
			continue
		}
		if start.name != "openssl_conf" && !slices.ContainsFunc(s.values, func(v cnfValue) bool {
			kind := opensslSection(v.name)
			return (kind == "providers" || kind == "engines") && l.cnf.sections[v.value] != nil
		}) {
			continue
		}
		for _, v := range s.values {
			l.run(v)
		}
	}
}

// opensslSection returns the section that libcrypto takes a name for: module_find
// compares the name, without a last part after a dot, with the beginning of its own names.
func opensslSection(name string) string {
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		name = name[:dot]
	}
	for _, s := range opensslSections {
		if strings.HasPrefix(s, name) {
			return s
		}
	}
	return ""
}

// run is module_run.
func (l *opensslLoader) run(v cnfValue) {
	switch kind := opensslSection(v.name); kind {
	case "":
		// module_load_dso
		file := v.name
		if p, ok := l.cnf.get(v.value, "path"); ok {
			file = p.value
		}
		l.active.add(opensslModule(OpenSSLConf, v.name, []string{dsoName(file, "lib")}, v.where))
	case "providers", "engines":
		s := l.cnf.sections[v.value]
		if s == nil {
			l.errorf("%s: no section %q", v.where, v.value)
			return
		}
		for _, item := range s.values {
			settings := l.cnf.sections[item.value]
			if settings == nil {
				l.errorf("%s: no section %q", item.where, item.value)
			} else if kind == "providers" {
				l.provider(afterDot(item.name), item.where, settings)
			} else {
				l.engine(afterDot(item.name), item.where, settings)
			}
		}
	}
}

// afterDot is skip_dot.
func afterDot(name string) string {
	if _, after, ok := strings.Cut(name, "."); ok {
		return after
	}
	return name
}

// provider is provider_conf_load.
func (l *opensslLoader) provider(name, where string, settings *cnfSection) {
	file, activate := "", false
	for _, v := range settings.values {
		switch afterDot(v.name) {
		case "identity":
			name = v.value
		case "module":
			file = v.value
		case "pkcs11-module-path": // a parameter of the PKCS #11 provider
			l.pkcs11(v)
		case "activate":
			switch v.value {
			case "0", "no", "NO", "false", "FALSE", "off", "OFF":
				activate = false
			default:
				// 1, yes ...; OpenSSL 3.0 took any value, later ones reject others.
				activate = true
			}
		}
	}
	if slices.Contains(opensslProviders, name) {
		return
	}
	if file == "" {
		file = dsoName(name, "")
		if !activate {
			return // says no more than that the name exists
		}
	}
	m := opensslModule(OpenSSLProvider, name, inDirs(opensslModuleDirs, file), where)
	if activate {
		l.active.add(m)
	} else {
		l.optional.add(m)
	}
}

// pkcs11 handles a setting that names the module of a PKCS #11 token.
func (l *opensslLoader) pkcs11(v cnfValue) {
	l.active.add(Module{
		Kind:    PKCS11Module,
		Name:    path.Base(v.value),
		Paths:   []string{v.value},
		Entries: []string{"C_GetFunctionList", "C_GetInterface", "C_GetInterfaceList"},
		Source:  v.where,
	})
}

// engine is int_engine_configure.
func (l *opensslLoader) engine(name, where string, settings *cnfSection) {
	byPath := false
	for _, v := range settings.values {
		switch afterDot(v.name) {
		case "engine_id":
			name = v.value
		case "soft_load":
		case "dynamic_path":
			byPath = true
			l.active.add(opensslModule(OpenSSLEngine, name, []string{dsoName(v.value, "lib")}, v.where))
		case "MODULE_PATH": // a control of the PKCS #11 engine (libp11)
			l.pkcs11(v)
			fallthrough
		default:
			// The first other command needs the engine: ENGINE_by_id.
			if !byPath && !slices.Contains(opensslEngines, name) {
				l.active.add(opensslModule(OpenSSLEngine, name, inDirs(opensslEngineDirs, dsoName(name, "")), where))
			}
			byPath = true
		}
	}
}

// cnf is a parsed configuration file.
type cnf struct {
	sections map[string]*cnfSection
}

// cnfSection holds the settings of a section; a later one replaces an earlier one of the
// same name and goes to the end, as in _CONF_add_string.
type cnfSection struct {
	values []cnfValue
	index  map[string]int
}

type cnfValue struct {
	name, value string
	where       string // "file:line"
}

func (s *cnfSection) set(v cnfValue) {
	if i, ok := s.index[v.name]; ok {
		s.values[i].name = "" // compacted at the end
	}
	s.index[v.name] = len(s.values)
	s.values = append(s.values, v)
}

// get is _CONF_get_string without the environment.
func (c *cnf) get(section, name string) (cnfValue, bool) {
	for _, s := range []string{section, "default"} {
		if s := c.sections[s]; s != nil {
			if i, ok := s.index[name]; ok {
				return s.values[i], true
			}
		}
	}
	return cnfValue{}, false
}

// cnfParser is the state of def_load_bio.
type cnfParser struct {
	*reader
	cnf        *cnf
	current    string // section
	dollarID   bool   // .pragma dollarid
	includeDir string // .pragma includedir
	expanded   int    // bytes of values after expansion
}

// Limits of the parser. OpenSSL allows 64 KiB a value and includes without limit.
const (
	maxCNFDepth = 32
	maxCNFValue = 1 << 16
)

func (p *cnfParser) section(name string) *cnfSection {
	s := p.cnf.sections[name]
	if s == nil {
		s = &cnfSection{index: map[string]int{}}
		p.cnf.sections[name] = s
	}
	return s
}

// parse reads the lines of one file; depth counts includes.
func (p *cnfParser) parse(file, text string, depth int) {
	text = strings.TrimPrefix(text, "\xef\xbb\xbf")
	var logical []byte
	n := 0
	for line := range strings.Lines(text) {
		n++
		logical = append(logical, strings.TrimRight(cString(line), "\r\n")...)
		if k := len(logical); k > 0 && logical[k-1] == '\\' && (k == 1 || logical[k-2] != '\\') {
			logical = logical[:k-1]
			continue
		}
		p.line(file+":"+strconv.Itoa(n), string(logical), depth)
		logical = logical[:0]
	}
	p.line(file+":"+strconv.Itoa(n), string(logical), depth)
	if depth > 0 {
		return
	}
	for _, s := range p.cnf.sections {
		s.values = slices.DeleteFunc(s.values, func(v cnfValue) bool { return v.name == "" })
		for i, v := range s.values {
			s.index[v.name] = i
		}
	}
}

func cnfBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func trimBlanks(s string) string { return strings.Trim(s, " \t\r\n") }

// line handles one logical line.
func (p *cnfParser) line(where, line string, depth int) {
	line = trimBlanks(clearComment(line))
	if line == "" {
		return
	}
	if line[0] == '[' {
		start := strings.TrimLeft(line[1:], " \t\r\n")
		end := 0 // of the name, which may have blanks inside
		for at := 0; ; {
			end = p.word(start, at)
			next := end
			for next < len(start) && cnfBlank(start[next]) {
				next++
			}
			if next < len(start) && start[next] == ']' {
				break
			}
			if next == len(start) || next == at {
				p.errorf("%s: missing ]", where)
				return
			}
			at = next
		}
		name, ok := p.expand(where, "", start[:end])
		if !ok {
			return
		}
		p.current = name
		p.section(name)
		return
	}

	end := p.word(line, 0)
	section, name, rest := p.current, line[:end], line[end:]
	if strings.HasPrefix(rest, "::") {
		section = name
		end = p.word(rest, 2)
		name, rest = rest[2:end], rest[end:]
	}
	rest = strings.TrimLeft(rest, " \t\r\n")
	// A directive is followed by a blank or an equals sign.
	if value, ok := strings.CutPrefix(name, ".pragma"); ok && (value != "" || rest != "") {
		p.pragma(where, trimBlanks(strings.TrimPrefix(rest, "=")))
		return
	}
	if value, ok := strings.CutPrefix(name, ".include"); ok && (value != "" || rest != "") {
		if target, ok := p.expand(where, section, trimBlanks(strings.TrimPrefix(rest, "="))); ok {
			p.include(where, target, depth)
		}
		return
	}
	if !strings.HasPrefix(rest, "=") {
		p.errorf("%s: missing equals sign", where)
		return
	}
	value, ok := p.expand(where, section, trimBlanks(rest[1:]))
	if ok && name != "" {
		p.section(section).set(cnfValue{name, value, where})
	}
}

func (p *cnfParser) pragma(where, text string) {
	key, value, ok := strings.Cut(text, ":")
	if !ok || key == "" || value == "" {
		p.errorf("%s: bad .pragma", where)
		return
	}
	switch value = trimBlanks(value); trimBlanks(key) {
	case "dollarid":
		switch lower(value) {
		case "on", "true":
			p.dollarID = true
		case "off", "false":
			p.dollarID = false
		default:
			p.errorf("%s: bad .pragma", where)
		}
	case "includedir":
		p.includeDir = value
	}
}

// include is process_include: a file, or all *.cnf and *.conf of a directory. That there
// is nothing to include is no error.
func (p *cnfParser) include(where, target string, depth int) {
	if target == "" {
		return
	}
	if !strings.HasPrefix(target, "/") && p.includeDir != "" {
		target = p.includeDir + "/" + target
	}
	if !strings.HasPrefix(target, "/") {
		p.errorf("%s: include of %s, relative to the working directory of the program", where, target)
		return
	}
	if depth >= maxCNFDepth {
		p.errorf("%s: includes are more than %d deep", where, maxCNFDepth)
		return
	}
	target = path.Clean(target)
	if names, err := p.readDir(target); err == nil {
		p.note(target + "/")
		names = slices.Sorted(slices.Values(names))
		for _, name := range names {
			if ext := lower(path.Ext(name)); (ext == ".cnf" || ext == ".conf") && ext != lower(name) {
				if data, ok := p.file(target + "/" + name); ok {
					p.parse(target+"/"+name, string(data), depth+1)
				}
			}
		}
		return
	}
	if data, ok := p.file(target); ok {
		p.parse(target, string(data), depth+1)
	}
}

// word returns the end of the word in s that begins at i (eat_alpha_numeric).
func (p *cnfParser) word(s string, i int) int {
	for i < len(s) {
		switch {
		case s[i] == '\\':
			i = min(i+2, len(s))
		case cnfAlnum(s[i]) || strings.IndexByte("!.%&*+,/;?@^~|-", s[i]) >= 0 || p.dollarID && s[i] == '$':
			i++
		default:
			return i
		}
	}
	return i
}

func cnfAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

// skipQuoted returns the index after the quoted text that begins at i (scan_quote).
func skipQuoted(s string, i int) int {
	q := s[i]
	for i++; i < len(s) && s[i] != q; i++ {
		if s[i] == '\\' {
			i++
		}
	}
	return min(i+1, len(s))
}

func cnfQuote(c byte) bool { return c == '"' || c == '\'' || c == '`' }

// clearComment cuts a line at a '#' that is neither quoted nor escaped (clear_comments).
func clearComment(s string) string {
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '#':
			return s[:i]
		case cnfQuote(c):
			i = skipQuoted(s, i)
		case c == '\\':
			i += 2
		default:
			i++
		}
	}
	return s
}

// expand resolves quotes, escapes and variables of a value (str_copy). An unknown
// variable, which for OpenSSL is an error in the file, is reported and stands for nothing.
func (p *cnfParser) expand(where, section, s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s) && b.Len() <= maxCNFValue; {
		c := s[i]
		switch {
		case cnfQuote(c):
			end := skipQuoted(s, i)
			for i++; i < len(s) && s[i] != c; i++ {
				if s[i] == '\\' {
					if i++; i == len(s) {
						break
					}
				}
				b.WriteByte(s[i])
			}
			i = end
		case c == '\\':
			if i+1 < len(s) {
				c = s[i+1]
				if at := strings.IndexByte("rnbt", c); at >= 0 {
					c = "\r\n\b\t"[at]
				}
				b.WriteByte(c)
			}
			i += 2
		case c == '$' && (!p.dollarID || i+1 < len(s) && (s[i+1] == '{' || s[i+1] == '(')):
			i = p.variable(&b, where, section, s, i+1)
		default:
			b.WriteByte(c)
			i++
		}
	}
	if b.Len() > maxCNFValue {
		p.errorf("%s: value longer than %d bytes", where, maxCNFValue)
		return "", false
	}
	if p.expanded += b.Len(); p.expanded > MaxTotal {
		p.errorf("%s: more than %d bytes of values, the rest is ignored", where, MaxTotal)
		return "", false
	}
	return b.String(), true
}

// variable writes the value of the variable whose name begins at s[i], behind the
// dollar sign, and returns the index after it.
func (p *cnfParser) variable(b *strings.Builder, where, section, s string, i int) int {
	var closing byte
	if i < len(s) && (s[i] == '{' || s[i] == '(') {
		closing = '}'
		if s[i] == '(' {
			closing = ')'
		}
		i++
	}
	name := func() string {
		start := i
		for i < len(s) && (cnfAlnum(s[i]) || p.dollarID && s[i] == '$') {
			i++
		}
		return s[start:i]
	}
	n := name()
	if strings.HasPrefix(s[i:], "::") {
		section = n
		i += 2
		n = name()
	}
	if closing != 0 {
		if i == len(s) || s[i] != closing {
			p.errorf("%s: variable without %c", where, closing)
			return len(s)
		}
		i++
	}
	if v, ok := p.cnf.get(section, n); ok {
		b.WriteString(v.value)
	} else {
		p.errorf("%s: variable %s::%s has no known value", where, section, n)
	}
	return i
}
