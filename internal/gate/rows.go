package gate

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gofind-dev/gofind/internal/assume"
	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/x86"
)

//go:embed gates.txt
var text string

// row is one line of gates.txt.
type row struct {
	images   []string   // sonames, or the beginnings of some with a * behind
	function []function // it is all that these say
	held     []string   // calls by name, with syscall: only the syscall of that name; empty: the whole function
	numbers  []int64    // of calls that it passes to functions that make them
	words    []int64    // numbers that variables keep which it loads them from
	needs    []need
	name     string
}

// in reports whether a row is about the image of a soname.
func (r *row) in(soname string) bool {
	return slices.ContainsFunc(r.images, func(i string) bool {
		prefix, open := strings.CutSuffix(i, "*")
		return i == soname || open && strings.HasPrefix(soname, prefix)
	})
}

// function says which functions a row is about.
type function struct {
	how   string   // "name", "own", "local", "file", "passes", "calls", "imports", "numbers", "text", "files", or a prefix and "*"
	names []string // sorted
}

// need is a function whose being live lets the code go, an assumption that is
// not made, or calls of other images.
type need struct {
	name    string
	without string     // an assumption
	calls   []string   // of syscall instructions of other images
	env     string     // an environment variable that other images name
	symbol  string     // that another image refers to
	text    string     // that a live function of the image refers to
	runs    bool       // and that does not wait for another row
	but     string     // that another than functions which refer to this text calls what waits; of calls and of what is called from outside: the functions, with commas, that may make them, or call it
	byWay   []function // that what waits is called otherwise than by way of a function that is all this
	opens   bool       // that the program itself may be taken to call dlopen
	paths   bool       // relative ones by which images are found
	tokens  bool       // ones with a token

	shares    bool    // memory that other programs may have, too
	unless    string  // an assumption under which that does not count
	libraries bool    // files other than the program and the C library
	tls       bool    // thread-local variables of the program
	mask      int64   // if not 0, only if it may get a second argument with a bit of it
	first     []int64 // if not empty, only if it may get one of these as its first argument
	table     bool    // or code of its image refers to what it returns
	outside   bool    // only if other code than that of its own image calls it

	lacks  bool   // that the image has no function of this name
	goType string // of a struct, with a field behind ~: code but that of functions of these names may have values of it

	called    []string // functions of the image that others than those in but may call
	pointed   string   // and reflection can find pointers to this struct of Go, with a field behind ~,
	referrers []string // in types that others than these functions refer to

	bits     []bits // only if one call of it, or of what waits if it has no name, may pass all of these
	path     bool   // only if it may get a first argument that is a relative path with a directory
	charset  bool   // only if it may get a second argument that is no text, or one that names a character set
	relative bool   // only if it may get a second argument that is no absolute path and not null
}

// bits are what is asked of an argument: that one of a mask is set (or clear), or that it is a number.
type bits struct {
	reg   x86.Reg
	mask  int64
	clear bool
	n     int64 // if mask is 0
}

var rows = parse(text)

func parse(text string) []row {
	lines := strings.Split(text, "\n")
	out := make([]row, 0, len(lines))
	for i, l := range lines {
		if l == "" || l[0] == '#' {
			continue
		}
		f := strings.Split(l, "\t")
		if len(f) != 6 {
			panic(fmt.Sprintf("gates.txt: line %d: want 6 columns", i+1))
		}
		r := row{images: strings.Split(f[0], " "), name: f[4]}
		for c := range strings.SplitSeq(f[1], ";") {
			r.function = append(r.function, parseFunction(c))
		}
		if f[2] != "all" {
			r.held = strings.Fields(f[2])
		}
		for _, h := range r.held {
			kind, name, _ := strings.Cut(h, ":")
			n, known := sysno.Number(sysno.X86_64, name)
			switch {
			case kind != "number" && kind != "word":
			case !known:
				panic(fmt.Sprintf("gates.txt: line %d: no call %q", i+1, name))
			case kind == "number":
				r.numbers = append(r.numbers, int64(n))
			default:
				r.words = append(r.words, int64(n))
			}
		}
		needs := strings.Fields(f[3])
		r.needs = make([]need, 0, len(needs))
		for _, n := range needs {
			x, err := parseNeed(n)
			if err != nil {
				panic(fmt.Sprintf("gates.txt: line %d: %v", i+1, err))
			}
			r.needs = append(r.needs, x)
		}
		out = append(out, r)
	}
	return out
}

func parseFunction(s string) function {
	how, names, ok := strings.Cut(s, ":")
	if !ok {
		how, names = "name", s
	}
	fn := function{how, strings.Fields(names)}
	if how == "text" {
		fn.names = []string{names}
	}
	slices.Sort(fn.names)
	return fn
}

func parseNeed(s string) (n need, err error) {
	s, unless, _ := strings.Cut(s, "~without-")
	n, err = parseOne(s)
	if n.unless = unless; unless != "" && assume.Find(unless) == nil {
		err = fmt.Errorf("no assumption %q", unless)
	}
	return n, err
}

func parseOne(s string) (n need, err error) {
	if name, ok := strings.CutPrefix(s, "-"); ok && name != "" {
		n.without = name
		if assume.Find(name) == nil {
			err = fmt.Errorf("no assumption %q", name)
		}
		return n, err
	}
	if names, ok := strings.CutPrefix(s, "%"); ok {
		names, n.but, _ = strings.Cut(names, "/")
		n.calls = strings.Split(names, ",")
		return n, nil
	}
	if name, ok := strings.CutPrefix(s, "$"); ok {
		n.env = name
		return n, nil
	}
	if s == "-" {
		return n, nil // nothing
	}
	if name, ok := strings.CutPrefix(s, "?"); ok {
		n.name, n.lacks = name, true
		return n, nil
	}
	if name, ok := strings.CutPrefix(s, "*"); ok {
		n.goType, n.but, _ = strings.Cut(name, "/")
		if !strings.Contains(n.goType, "~") || n.but == "" {
			err = fmt.Errorf("no field or no functions: %q", s)
		}
		return n, err
	}
	if names, ok := strings.CutPrefix(s, ">"); ok {
		f := strings.SplitN(names, "/", 4)
		if len(f) != 4 || !strings.Contains(f[2], "~") {
			return n, fmt.Errorf("no functions that may call, no type, or no functions that may refer: %q", s)
		}
		n.called, n.but, n.pointed, n.referrers = strings.Split(f[0], ","), f[1], f[2], strings.Split(f[3], ",")
		return n, nil
	}
	if s == "~dlopen" {
		n.opens = true
		return n, nil
	}
	if s == "~paths" {
		n.paths = true
		return n, nil
	}
	if s == "~libraries" {
		n.libraries = true
		return n, nil
	}
	if names, ok := strings.CutPrefix(s, "~shared"); ok {
		n.shares = true
		n.but = strings.TrimPrefix(names, "/")
		return n, nil
	}
	if s == "~tls" {
		n.tls = true
		return n, nil
	}
	if s == "~tokens" {
		n.tokens = true
		return n, nil
	}
	if symbol, ok := strings.CutPrefix(s, "^"); ok {
		n.symbol = symbol
		return n, nil
	}
	if text, ok := strings.CutPrefix(s, "#"); ok {
		n.text = text
		return n, nil
	}
	if text, ok := strings.CutPrefix(s, "+"); ok {
		n.text, n.runs = text, true
		return n, nil
	}
	if text, ok := strings.CutPrefix(s, "!"); ok {
		n.but = text
		return n, nil
	}
	if way, ok := strings.CutPrefix(s, "<"); ok {
		for c := range strings.SplitSeq(way, ";") {
			n.byWay = append(n.byWay, parseFunction(strings.ReplaceAll(c, ",", " ")))
		}
		return n, nil
	}
	if name, list, ok := strings.Cut(s, "["); ok {
		n.name = name
		list, n.but, _ = strings.Cut(list, "/")
		n.bits, err = parseBits(strings.TrimSuffix(list, "]"))
		return n, err
	}
	s, n.outside = strings.CutPrefix(s, "@")
	if n.outside {
		s, n.but, _ = strings.Cut(s, "/")
	}
	s, n.relative = strings.CutSuffix(s, "~relative")
	s, n.path = strings.CutSuffix(s, "~path")
	s, n.charset = strings.CutSuffix(s, "~ccs")
	s, n.table = strings.CutSuffix(s, "~table")
	name, mask, masked := strings.Cut(s, "&")
	if masked {
		n.mask, err = strconv.ParseInt(mask, 0, 32)
	}
	n.name, s, _ = strings.Cut(name, "=")
	for v := range strings.SplitSeq(s, ",") {
		if v != "" && err == nil {
			var x int64
			x, err = strconv.ParseInt(v, 0, 32)
			n.first = append(n.first, x)
		}
	}
	return n, err
}

// parseBits parses conditions on arguments by index, INDEX&MASK, INDEX!MASK or INDEX=N with commas between.
func parseBits(s string) (all []bits, err error) {
	for c := range strings.SplitSeq(s, ",") {
		index, n, masked := strings.Cut(c, "&")
		clear := false
		if !masked {
			index, n, clear = strings.Cut(c, "!")
			masked = clear
		}
		if !masked {
			index, n, _ = strings.Cut(c, "=")
		}
		i, e1 := strconv.Atoi(index)
		v, e2 := strconv.ParseInt(n, 0, 64)
		if e1 != nil || e2 != nil || i < 0 || i >= len(arguments) || masked && v == 0 {
			return nil, fmt.Errorf("no condition on an argument: %q", c)
		}
		b := bits{reg: arguments[i], n: v}
		if masked {
			b.mask, b.clear, b.n = v, clear, 0
		}
		all = append(all, b)
	}
	return all, nil
}

// arguments are the registers of arguments (psABI 3.2.3).
var arguments = []x86.Reg{x86.RDI, x86.RSI, x86.RDX, x86.RCX, x86.R8, x86.R9}

// Names lists the assumptions that rows rest on, but for those of package assume.
func Names() []string {
	var out []string
	for _, r := range rows {
		if assume.Find(r.name) == nil {
			out = append(out, r.name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
