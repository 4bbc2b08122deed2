package corpus

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// An input is one file of testdata, parsed.
type input struct {
	name       string // base name of the file
	path       string // absolute
	directives map[string][]string
	variants   []*variant
}

// A variant is an input built in one way. It is built once for all tests.
type variant struct {
	*input
	name    string
	command string // for the shell
	dir     string // where it is built
	program string // what is scanned: a path on this machine

	once  sync.Once
	err   error
	trace struct {
		once  sync.Once
		calls trace
		err   error
	}
}

// A directive is known by its name; those that are true take several words.
var directives = map[string]bool{
	"BUILD": false, "WANT": true, "ELSEWHERE": true, "COVER": true, "NOT": true, "UNRESOLVED": true, "EXEC": true, "DLOPEN": true, "NOTE": true,
	"IMAGE": true, "SITES": true, "ARGS": true, "UNLESS": true, "DOUBT": true, "MODULE": true, "PRELOAD": true, "LIBPATH": true, "ROOT": false, "HOST": false, "SINCE": false,
	"TRANSFORM": false, "STRIP": false, "RUN": false, "EXIT": false, "ENV": false, "NEEDS": true, "PITFALL": true, "TRAP": true,
}

var (
	directiveLine = regexp.MustCompile(`^\s*(?://|#|/?\*)\s*([A-Z]+):(?:\s+(.*))?$`)
	alternatives  = regexp.MustCompile(`\{\{([^{}]*\|[^{}]*)\}\}`)
	placeholder   = regexp.MustCompile(`\{\{(\w+)\}\}`)
)

// flags that BUILD lines share, by placeholder.
var flags = map[string]string{
	"free": "-nostdlib -ffreestanding -fno-stack-protector -static -fno-pie -no-pie -I{{testdata}}",
	"pie":  "-nostdlib -ffreestanding -fno-stack-protector -fPIE -pie -I{{testdata}}",
	"so":   "-nostdlib -ffreestanding -fno-stack-protector -fPIC -shared -I{{testdata}}",
}

// load parses every input of testdata.
func load(t *testing.T) []*input {
	t.Helper()
	loadOnce.Do(func() { loaded, loadErr = parseAll() })
	if loadErr != nil {
		t.Fatal(loadErr)
	}
	return loaded
}

var (
	loadOnce sync.Once
	loaded   []*input
	loadErr  error
)

func parseAll() ([]*input, error) {
	testdata, err := filepath.Abs("testdata")
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(testdata)
	if err != nil {
		return nil, err
	}
	var all []*input
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".h") || strings.HasSuffix(e.Name(), ".inc") || e.IsDir() {
			continue
		}
		in, err := parse(filepath.Join(testdata, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		all = append(all, in)
	}
	return all, nil
}

func parse(path string) (*input, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	in := &input{name: filepath.Base(path), path: path, directives: map[string][]string{}}
	for line := range strings.Lines(string(text)) {
		m := directiveLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil {
			continue
		}
		name, value := m[1], strings.TrimSpace(m[2])
		words, known := directives[name]
		switch {
		case !known:
			return nil, fmt.Errorf("unknown directive %s", name)
		case words:
			in.directives[name] = append(in.directives[name], strings.Fields(value)...)
		default:
			in.directives[name] = append(in.directives[name], value)
		}
	}
	if len(in.directives["BUILD"]) == 0 {
		return nil, errors.New("no BUILD line")
	}
	for _, line := range in.directives["BUILD"] {
		for _, alt := range expand(line) {
			if testing.Short() && len(in.variants) > 0 {
				return in, nil
			}
			v := &variant{input: in, name: variantName(alt.command, alt.chosen, len(in.variants))}
			v.dir = filepath.Join(workDir, in.name+"."+strconv.Itoa(len(in.variants)))
			v.command = v.fill(alt.command)
			v.program = filepath.Join(v.dir, "prog")
			in.variants = append(in.variants, v)
		}
	}
	return in, nil
}

// An alternative is a BUILD line with one choice made in each {{a|b}}.
type alternative struct {
	command string
	chosen  []string
}

func expand(line string) []alternative {
	all := []alternative{{command: line}}
	for {
		m := alternatives.FindStringSubmatchIndex(all[0].command)
		if m == nil {
			return all
		}
		var next []alternative
		for _, a := range all {
			m := alternatives.FindStringSubmatchIndex(a.command)
			for choice := range strings.SplitSeq(a.command[m[2]:m[3]], "|") {
				text := choice
				if _, ok := flags[choice]; ok {
					text = "{{" + choice + "}}"
				}
				next = append(next, alternative{
					command: a.command[:m[0]] + text + a.command[m[1]:],
					chosen:  append(slices.Clone(a.chosen), choice),
				})
			}
		}
		all = next
	}
}

// variantName names the nth variant by its compiler and the choices made.
func variantName(command string, chosen []string, n int) string {
	compiler, _, _ := strings.Cut(command, " ")
	for i, c := range chosen {
		if chosen[i] = strings.Map(fileSafe, c); chosen[i] == "" {
			chosen[i] = "none"
		}
	}
	return strings.Join(append([]string{strconv.Itoa(n), strings.Map(fileSafe, compiler)}, chosen...), "_")
}

func fileSafe(r rune) rune {
	if r == '/' || r == ' ' || r == '{' || r == '}' {
		return -1
	}
	return r
}

// fill replaces the placeholders of a directive.
func (v *variant) fill(text string) string {
	for range 2 { // flags hold placeholders
		text = placeholder.ReplaceAllStringFunc(text, func(s string) string {
			switch name := strings.Trim(s, "{}"); name {
			case "src":
				return v.path
			case "out":
				return filepath.Join(v.dir, "prog")
			case "dir":
				return v.dir
			case "testdata":
				return filepath.Dir(v.path)
			default:
				if f, ok := flags[name]; ok {
					return f
				}
				return s
			}
		})
	}
	return text
}

// one is the single value of a directive, or "".
func (v *variant) one(name string) string {
	if d := v.directives[name]; len(d) > 0 {
		return v.fill(d[0])
	}
	return ""
}

// all are the values of a directive.
func (v *variant) all(name string) []string {
	var out []string
	for _, d := range v.directives[name] {
		out = append(out, v.fill(d))
	}
	return out
}
