package hostconf

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gofind-dev/gofind/internal/facts"
)

// nssDatabases are glibc's databases (nss/databases.def) with their defaults: what
// nss_database_select_default gives them when no line is for them, in a glibc that was
// configured without the obsolete NIS modules, as it is by default since 2.26.
var nssDatabases = map[string]string{
	"aliases":       "files",
	"ethers":        "files",
	"group":         "files",
	"group_compat":  "nis",
	"gshadow":       "files",
	"hosts":         "files dns",
	"initgroups":    "", // falls back on group
	"netgroup":      "files",
	"networks":      "files dns",
	"passwd":        "files",
	"passwd_compat": "nis",
	"protocols":     "files",
	"publickey":     "nis nisplus",
	"rpc":           "files",
	"services":      "files",
	"shadow":        "files",
	"shadow_compat": "nis",
}

// nssConfigFiles are tried in this order; the second is where some distributions keep
// the default of the first.
var nssConfigFiles = []string{"/etc/nsswitch.conf", "/usr/etc/nsswitch.conf"}

// maxNSSServices limits the services of a line.
const maxNSSServices = 256

// nssList is the setting of one database.
type nssList struct {
	services []string
	source   string
}

// NSSConfig is the name service switch of a system.
type NSSConfig struct {
	Files  []string // files that were looked for, whether they exist or not
	Errors []string // what was wrong, as "file:line: problem"

	lists map[string]nssList
}

// NSS reads the configuration of the name service switch. A missing file is no error:
// glibc then uses its defaults.
//
// It differs from glibc in what a broken file means. When a line for a known database
// cannot be parsed, glibc 2.34 and later fail all lookups, and earlier ones use the
// services before the error; here the services that were recognised count. glibc 2.34 and
// later ignore a last line that does not end in a newline; here it counts together with
// what would hold without it.
func NSS(read ReadFile) (*NSSConfig, error) {
	c := &NSSConfig{}
	var source, text string
	for _, file := range nssConfigFiles {
		c.Files = append(c.Files, file)
		data, err := read(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("name service switch: %w", err)
		}
		if len(data) > MaxFile {
			return nil, fmt.Errorf("name service switch: %s: longer than %d bytes", file, MaxFile)
		}
		text = string(data)
		source = file
		break
	}
	c.lists = c.parse(source, text)
	if last := strings.LastIndexByte(text, '\n') + 1; last < len(text) {
		for database, list := range c.parse(source, text[:last]) {
			c.lists[database] = list.union(c.lists[database])
		}
	}
	return c, nil
}

// union is l followed by what other has more.
func (l nssList) union(other nssList) nssList {
	if slices.Equal(l.services, other.services) {
		return other
	}
	source := l.source
	if other.source != source {
		source += ", " + other.source
	}
	return nssList{distinct(slices.Concat(l.services, other.services)), source}
}

// distinct returns the first of each of equal strings, in order.
func distinct(list []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool {
		defer func() { seen[s] = true }()
		return seen[s]
	})
}

// parse is nss_database_reload: the lists of all databases.
func (c *NSSConfig) parse(file, text string) map[string]nssList {
	lists := map[string]nssList{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		where := file + ":" + strconv.Itoa(n)
		database, rest, ok := nssLine(cString(line))
		if _, known := nssDatabases[database]; !ok || !known {
			continue
		}
		list := nssList{source: where}
		var err error
		list.services, err = nssActions(rest)
		if err != nil {
			if problem := fmt.Sprintf("%s: %s: %v", where, database, err); !slices.Contains(c.Errors, problem) {
				c.Errors = append(c.Errors, problem)
			}
		}
		if list.services = distinct(list.services); len(list.services) > maxNSSServices {
			list.services = list.services[:maxNSSServices]
			c.Errors = append(c.Errors, fmt.Sprintf("%s: %s: more than %d services, the rest is ignored", where, database, maxNSSServices))
		}
		lists[database] = list
	}

	// Databases without a line.
	inherit := func(to, from string) {
		if _, ok := lists[to]; ok {
			return
		}
		if l, ok := lists[from]; ok {
			lists[to] = l
		}
	}
	inherit("shadow_compat", "passwd_compat")
	inherit("shadow", "passwd")
	inherit("gshadow", "group")
	for database, services := range nssDatabases {
		if _, ok := lists[database]; !ok && database != "initgroups" {
			lists[database] = nssList{strings.Fields(services), "default"}
		}
	}
	inherit("initgroups", "group")
	return lists
}

// nssLine splits a line into the name of a database and the rest, as process_line does.
// A '#' has no meaning of its own: it makes the name of a database that does not exist.
func nssLine(line string) (database, rest string, ok bool) {
	line = strings.TrimLeftFunc(line, isSpaceRune)
	end := strings.IndexFunc(line, func(c rune) bool { return isSpaceRune(c) || c == ':' })
	if end <= 0 {
		return "", "", false
	}
	rest = strings.TrimLeftFunc(line[end:], func(c rune) bool { return isSpaceRune(c) || c == ':' })
	return line[:end], rest, true
}

var errNSSAction = errors.New("bad action in [...]")

// nssActions returns the services of a line, as nss_action_parse does, and those
// before the error if there is one. Actions are checked but do not change the result.
// Here too '#' is a character like any other.
func nssActions(s string) (services []string, err error) {
	skip := func() { s = strings.TrimLeftFunc(s, isSpaceRune) }
	// word cuts a word off that ends before a space or one of stop.
	word := func(stop string) string {
		n := 0
		for n < len(s) && !isSpace(s[n]) && strings.IndexByte(stop, s[n]) < 0 {
			n++
		}
		w := s[:n]
		s = s[n:]
		return w
	}
	for {
		skip()
		name := word("[")
		if name == "" {
			return services, nil
		}
		services = append(services, name)
		skip()
		if !strings.HasPrefix(s, "[") {
			continue
		}
		s = s[1:]
		skip()
		for {
			s = strings.TrimPrefix(s, "!")
			switch upper(word("=]")) {
			case "SUCCESS", "UNAVAIL", "NOTFOUND", "TRYAGAIN":
			default:
				return services, errNSSAction
			}
			skip()
			if !strings.HasPrefix(s, "=") {
				return services, errNSSAction
			}
			s = s[1:]
			skip()
			switch upper(word("=]")) {
			case "RETURN", "CONTINUE", "MERGE":
			default:
				return services, errNSSAction
			}
			skip()
			if strings.HasPrefix(s, "]") {
				s = s[1:]
				break
			}
		}
	}
}

// Databases returns the names of all databases, sorted.
func (c *NSSConfig) Databases() []string {
	var names []string
	for name := range nssDatabases {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Services returns the services that a lookup in the database can use, in order, without
// repetitions. The service "compat" brings in those of the database's _compat companion.
// For a database that glibc does not have it returns nil.
func (c *NSSConfig) Services(database string) []string {
	var names []string
	for _, s := range c.services(database) {
		names = append(names, s.name)
	}
	return names
}

// nssService is a service that a database uses.
type nssService struct {
	name      string
	viaCompat bool // used by libnss_compat, which calls any function of the database
	source    string
}

func (c *NSSConfig) services(database string) []nssService {
	var found []nssService
	index := map[string]int{}
	add := func(l nssList, viaCompat bool) {
		for _, name := range l.services {
			if i, ok := index[name]; ok {
				found[i].viaCompat = found[i].viaCompat || viaCompat
				continue
			}
			index[name] = len(found)
			found = append(found, nssService{name, viaCompat, l.source})
		}
	}
	list := c.lists[database]
	add(list, false)
	if slices.Contains(list.services, "compat") {
		companion := database + "_compat"
		if database == "initgroups" {
			companion = "group_compat"
		}
		add(c.lists[companion], true)
	}
	return found
}

// NSSFunction is a function of libc that looks a database up.
type NSSFunction struct {
	Symbol   string   // of libc: "getpwnam_r"
	Database string   // "*" is any
	Entries  []string // without the prefix _nss_<service>_; for "*" all of the database
}

//go:embed nss-databases.txt
var textNSSDatabases string

// nssTable is nss-databases.txt, with "*" entries resolved.
type nssTable struct {
	functions []NSSFunction
	all       map[string][]string // by database: what lookups call; "*" is that of all
}

var nssFunctions = sync.OnceValue(func() *nssTable {
	t, err := parseNSSFunctions("nss-databases.txt", textNSSDatabases)
	if err != nil {
		panic("hostconf: " + err.Error())
	}
	return t
})

func parseNSSFunctions(file, text string) (*nssTable, error) {
	t := &nssTable{all: map[string][]string{}}
	err := facts.Parse(file, text, 4, func(f []string) error {
		if _, known := nssDatabases[f[1]]; !known && f[1] != "*" {
			return fmt.Errorf("unknown database %q", f[1])
		}
		fn := NSSFunction{Symbol: f[0], Database: f[1]}
		if f[2] != "*" {
			fn.Entries = union(nil, strings.Fields(f[2]))
			if f[2] != "init" { // the initialiser is not a lookup
				t.all[f[1]] = union(t.all[f[1]], fn.Entries)
				t.all["*"] = union(t.all["*"], fn.Entries)
			}
		}
		t.functions = append(t.functions, fn)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range t.functions {
		if f := &t.functions[i]; f.Entries == nil {
			f.Entries = t.all[f.Database]
		}
	}
	return t, nil
}

// NSSFunctions returns the functions of libc that look databases up (nss-databases.txt).
// A function can have several rows.
func NSSFunctions() []NSSFunction { return slices.Clone(nssFunctions().functions) }

// NSSFile returns the name that glibc gives to dlopen for a service.
func NSSFile(service string) string { return "libnss_" + service + ".so.2" }

// Modules returns the service modules that a program can load whose libc functions are
// live as live says, with the entries that those functions call. A module may itself make
// further functions live (libnss_compat does), so a caller repeats the call until the
// answer no longer grows.
func (c *NSSConfig) Modules(live func(symbol string) bool) []Module {
	var mods moduleSet
	table := nssFunctions()
	for _, fn := range table.functions {
		if !live(fn.Symbol) {
			continue
		}
		databases := []string{fn.Database}
		if fn.Database == "*" {
			databases = c.Databases()
		}
		for _, database := range databases {
			for _, s := range c.services(database) {
				entries := fn.Entries
				if s.viaCompat {
					entries = union(entries, table.all[database])
					if database == "initgroups" {
						entries = union(entries, table.all["group"])
					}
				}
				m := Module{
					Kind:    NSSModule,
					Name:    s.name,
					Paths:   []string{NSSFile(s.name)},
					Builtin: s.name == "files" || s.name == "dns",
					Source:  s.source + " (" + database + ")",
				}
				for _, e := range entries {
					m.Entries = append(m.Entries, "_nss_"+s.name+"_"+e)
				}
				mods.add(m)
			}
		}
	}
	return mods.list
}
