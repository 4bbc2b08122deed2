// Package kraft reads kraft.yaml: which libraries a unikernel is made of, and
// which compartment each is in.
//
// The form is kraftkit's (schema v0.6, and the ones before it) with what FlexOS
// adds: a list `compartments` and a key `compartment` in a library. Plain
// Unikraft's tools ignore unknown keys at the top and in a library, so the same
// keys serve for it too; a second file with only these keys can be laid over one
// that must not be changed (Overlay). FlexOS's schema names `mechanisms`, its code
// and its examples `mechanism`: this follows the code.
//
// What is not about compartments is checked for its shape only as far as it is
// used (name, outdir, targets, libraries); other keys are left alone, as upstream
// leaves them. A compartment that no library is in is kept: its number is its
// place in the list. Errors have a line, a column and an excerpt; all that are found are
// reported, not only the first.
//
// Parse reads at most maxSize bytes and does not expand aliases, so its cost is linear in the file.
package kraft

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Names are those of the file, in the order in which kraft looks for them.
var Names = []string{"kraft.yaml", "kraft.yml", "Kraftfile.yml", "Kraftfile.yaml", "Kraftfile"}

// Drivers are FlexOS's isolation mechanisms.
var Drivers = []string{"intel-pku", "vmept", "fcalls"}

// maxSize is the largest file that is read, in bytes; real ones have some hundred.
const maxSize = 1 << 20

// MaxCompartments is how many compartments there can be.
const MaxCompartments = 32

// Pos is a place in a file: line and column from 1, columns in characters.
type Pos struct {
	File         string
	Line, Column int
}

func (p Pos) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Compartment is an element of `compartments`. Its number is its place in the list.
type Compartment struct {
	Name        string
	Driver      string // one of Drivers, "" if the file names none
	NoIsolStack bool
	Default     bool // takes what no library says otherwise of; exactly one has it
	Pos         Pos
}

// Library is a key of `libraries`.
type Library struct {
	Name        string
	Compartment int  // its own, or the default one; -1 if the file has no compartments
	Named       bool // it names its compartment itself
	Pos         Pos
}

// Target is an element of `targets`.
type Target struct {
	Name, Arch, Plat string
	Kernel           string
}

// File is a kraft.yaml.
type File struct {
	Path         string
	Name         string // of the application
	OutDir       string
	Targets      []Target
	Libraries    []Library     // in the order of the file
	Compartments []Compartment // by number
	Driver       string        // that all compartments share

	At   Pos    // of the list of compartments, of the file if it has none
	docs []*doc // that it was read from
}

// Default returns the number of the default compartment, -1 without compartments.
func (f *File) Default() int {
	return slices.IndexFunc(f.Compartments, func(c Compartment) bool { return c.Default })
}

// Problem is one thing that is wrong in a file.
type Problem struct {
	Pos     Pos
	What    string
	Excerpt string // the line, and below it a caret at the column; "" if the file has no such line
}

// Problem is one at a place of the file, which only who uses the file finds.
func (f *File) Problem(at Pos, what string) Problem {
	p := &parser{}
	for _, d := range f.docs {
		if d.path == at.File {
			p.at(d, at.Line, at.Column, "%s", what)
			return p.problems[0]
		}
	}
	return Problem{Pos: at, What: what}
}

// Error is all that is wrong in a file.
type Error struct{ Problems []Problem }

// Error has a line for each problem, and the excerpts.
func (e *Error) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s: %s", p.Pos, p.What)
		if p.Excerpt != "" {
			b.WriteString("\n" + p.Excerpt)
		}
	}
	return b.String()
}

// NotFoundError says that a directory has no such file.
type NotFoundError struct{ Dir string }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("%s has no kraft.yaml; a file of another name must be named itself; looked for %s", e.Dir, strings.Join(Names, ", "))
}

func (e *NotFoundError) Unwrap() error { return fs.ErrNotExist }

// Find returns the file for a path: the path itself, or if that is a directory,
// the first of Names in it.
func Find(path string) (string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !st.IsDir() {
		return path, nil
	}
	for _, n := range Names {
		p := filepath.Join(path, n)
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() {
			return p, nil
		}
	}
	return "", &NotFoundError{path}
}

// Read reads the file at path and, unless overlay is "", lays the file at overlay
// over it. Errors are *Error, or the system's.
func Read(path, overlay string) (*File, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	if overlay == "" {
		return Parse(path, data)
	}
	over, err := readFile(overlay)
	if err != nil {
		return nil, err
	}
	return ParseWith(path, data, overlay, over)
}

func readFile(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("is not a regular file")}
	}
	if st.Size() > maxSize {
		return nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("has %d bytes, more than the %d that are read", st.Size(), maxSize)}
	}
	return os.ReadFile(path)
}

// Parse reads a file from its bytes. After an error the file is nil.
func Parse(path string, data []byte) (*File, error) {
	p := &parser{}
	f := &File{Path: path, At: Pos{path, 1, 1}}
	if m, d := p.document(path, data); m != nil {
		f.docs = append(f.docs, d)
		p.top(d, f, m)
	}
	return p.finish(f)
}

// ParseWith is Parse with a second file laid over the first: its `compartments`
// replace those of the first, and what it says of the compartment of a library
// replaces what the first says.
func ParseWith(path string, data []byte, overlay string, over []byte) (*File, error) {
	p := &parser{}
	f := &File{Path: path, At: Pos{path, 1, 1}}
	if m, d := p.document(path, data); m != nil {
		f.docs = append(f.docs, d)
		p.top(d, f, m)
	}
	if m, d := p.document(overlay, over); m != nil {
		f.docs = append(f.docs, d)
		if _, n := p.get(d, m, "compartments"); n == nil {
			p.fail(d, m, "there is no list `compartments`")
		}
		f.Compartments = nil
		p.members = nil
		p.compartments(d, f, m)
		p.libraries(d, f, m, true)
	}
	return p.finish(f)
}

// doc is a file that is being read.
type doc struct {
	path  string
	lines [][]byte
}

// end is the place behind the last text of the file.
func (d *doc) end() Pos {
	for i := len(d.lines) - 1; i >= 0; i-- {
		if text := bytes.TrimRight(d.lines[i], " \t\r"); len(text) > 0 {
			return Pos{d.path, i + 1, utf8.RuneCount(text) + 1}
		}
	}
	return Pos{d.path, 1, 1}
}

type parser struct {
	problems []Problem
	members  []member
}

// member is what the file says of a library's compartment.
type member struct {
	lib  int
	name string
	doc  *doc
	node *yaml.Node
}

// maxProblems is how many problems are reported.
const maxProblems = 20

func (p *parser) at(d *doc, line, column int, format string, args ...any) {
	if len(p.problems) >= maxProblems {
		return
	}
	pr := Problem{Pos: Pos{d.path, max(line, 1), max(column, 1)}, What: fmt.Sprintf(format, args...)}
	if line >= 1 && line <= len(d.lines) {
		pr.Excerpt = excerpt(d.lines[line-1], line, max(column, 1))
	}
	p.problems = append(p.problems, pr)
}

func (p *parser) fail(d *doc, n *yaml.Node, format string, args ...any) {
	p.at(d, n.Line, n.Column, format, args...)
}

// excerpt shows a line with a caret under a column; of a long line, the part around it.
func excerpt(line []byte, number, column int) string {
	const before, after = 60, 40
	text := []rune(strings.ToValidUTF8(strings.ReplaceAll(strings.TrimRight(string(line), "\r"), "\t", " "), "?"))
	for i, r := range text {
		if r < ' ' || r == 0x7f {
			text[i] = '?'
		}
	}
	at := min(column-1, len(text))
	from, to := 0, len(text)
	if at > before {
		from = at - before
	}
	to = min(to, at+after)
	gutter := fmt.Sprintf("%5d | ", number)
	return gutter + string(text[from:to]) + "\n" + strings.Repeat(" ", len(gutter)-2) + "| " + strings.Repeat(" ", at-from) + "^"
}

// document parses YAML and returns its top mapping, nil after an error.
func (p *parser) document(path string, data []byte) (*yaml.Node, *doc) {
	d := &doc{path, bytes.Split(data, []byte("\n"))}
	if len(data) > maxSize {
		p.at(d, 0, 0, "%d bytes are more than the %d that are read", len(data), maxSize)
		return nil, d
	}
	var root yaml.Node
	if err := load(data, &root); err != nil {
		line, column, what := place(err)
		if end := d.end(); line > end.Line { // of what begins and does not end: behind the last that there is
			line, column = end.Line, end.Column
		}
		p.at(d, line, column, "this is not YAML: %s", what)
		return nil, d
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) == 0 {
		p.at(d, 1, 1, "the file is empty")
		return nil, d
	}
	m := root.Content[0]
	if m.Kind != yaml.MappingNode {
		p.fail(d, m, "the file must be a mapping (key: value), not %s", kind(m))
		return nil, d
	}
	p.keys(d, m)
	return m, d
}

// load is yaml.Unmarshal, but that a panic of the library is an error.
func load(data []byte, n *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the parser gave up: %v", r)
		}
	}()
	return yaml.Unmarshal(data, n)
}

// place finds line and column in an error of the YAML library.
func place(err error) (line, column int, what string) {
	what = strings.TrimPrefix(err.Error(), "yaml: ")
	var le *yaml.LoadError
	if errors.As(err, &le) {
		return le.Mark.Line, le.Mark.Column, le.Message
	}
	return 1, 1, what
}

// kind names a node for people.
func kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return "nothing"
		}
		if text := []rune(n.Value); len(text) > 40 {
			return fmt.Sprintf("%q...", string(text[:40]))
		}
		return fmt.Sprintf("%q", n.Value)
	}
	return "something else"
}

// real follows an alias.
func real(n *yaml.Node) *yaml.Node {
	for i := 0; n != nil && n.Kind == yaml.AliasNode && i < 16; i++ {
		n = n.Alias
	}
	return n
}

// keys reports keys of a mapping that come twice, which hide one another.
func (p *parser) keys(d *doc, m *yaml.Node) {
	seen := map[string]int{}
	for i := 0; i+1 < len(m.Content); i += 2 {
		k := m.Content[i]
		if line, twice := seen[k.Value]; twice && k.Kind == yaml.ScalarNode {
			p.fail(d, k, "key %q is already in line %d", k.Value, line)
			continue
		}
		seen[k.Value] = k.Line
	}
}

// get returns the key and the value of a name in a mapping, nil if it is not there.
func (p *parser) get(d *doc, m *yaml.Node, name string) (key, value *yaml.Node) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if k := m.Content[i]; k.Kind == yaml.ScalarNode && k.Value == name {
			return k, real(m.Content[i+1])
		}
	}
	return nil, nil
}

// text returns the text of a key, "" if it is not there or no text.
func (p *parser) text(d *doc, m *yaml.Node, name string) string {
	_, n := p.get(d, m, name)
	if n == nil || isNull(n) {
		return ""
	}
	if n.Kind != yaml.ScalarNode {
		p.fail(d, n, "`%s` must be a text, not %s", name, kind(n))
		return ""
	}
	return n.Value
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// flag returns a boolean.
func (p *parser) flag(d *doc, m *yaml.Node, name string) bool {
	_, n := p.get(d, m, name)
	if n == nil || isNull(n) {
		return false
	}
	var b bool
	if n.Kind != yaml.ScalarNode || n.Decode(&b) != nil {
		p.fail(d, n, "`%s` must be true or false, not %s", name, kind(n))
	}
	return b
}
