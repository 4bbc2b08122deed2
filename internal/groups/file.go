// Package groups divides the files of a process into groups, and finds what each executes and needs: compartments
// of an ordinary program, for analysis alone.
//
// # Definitions
//
// A group is named in a file and has shared libraries, by soname, by file name or by path; one is the default group and has all
// else, the program too. A group *executes* a call if a syscall instruction of its code makes it, or if the number of the call is
// known in its code, which calls a wrapper (syscall(3)) with it. It *needs* a call if the call may be made while
// a function of the group is on the chain of calls: control comes to the instruction, and to where its number is known, from any live
// function of the group. That is the definition for compartments of a unikernel (docs/compartments.md).
//
// Control comes from a unit to those that it calls or jumps to directly, and if it calls or jumps through pointers (or slots that the loader may bind late), to every live unit whose
// address is visible to code or data of the process, whoever shows it: a library may call back what the program left with
// another one. Not visible are functions that one place alone takes the address of, if that is known to be called before any group
// begins (main, initialisers) or for that place alone (callbacks.go). A call that direct calls alone lead to is marked as such (Need.Direct). A number that code keeps in
// memory counts wherever it is used (the same as with --since main).
//
// A *transparent* file (the C library and the loader unless the file says otherwise) is no root: what it does is
// done for who calls it. A group of transparent files alone has its own code as roots.
//
// # When it is sound
//
// If packages reach and number are, and but for what the kernel starts: signal handlers act for nobody, and the
// entries of the program and of its loader have no caller. What a scan does not know (unresolved) may be needed by any group.
package groups

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"go.yaml.in/yaml/v4"
)

// maxSize is the largest file that is read, in bytes.
const maxSize = 1 << 20

// Max is how many groups there can be.
const Max = 64

// Pos is a place in a file: line and column from 1.
type Pos struct {
	File         string
	Line, Column int
}

// Error says what is wrong in a file, and where.
type Error struct {
	Pos     Pos
	Problem string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.Pos.File, e.Pos.Line, e.Pos.Column, e.Problem)
}

// Name is the name of a library in a file.
type Name struct {
	Text string
	Pos  Pos
}

// Group is an element of `compartments`.
type Group struct {
	Name      string
	Default   bool
	Libraries []Name
}

// File is a file of groups.
type File struct {
	Path        string
	Groups      []Group
	Transparent []Name
	Says        bool // whether it has the key `transparent`
}

// Read reads a file. Errors are *Error, or the system's.
func Read(path string) (*File, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.Mode().IsRegular() && st.Size() > maxSize {
		return nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("has %d bytes, more than the %d that are read", st.Size(), maxSize)}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

// Parse reads a file from its bytes. After an error the file is nil.
func Parse(path string, data []byte) (*File, error) {
	p := &parser{File{Path: path}}
	if err := p.parse(data); err != nil {
		return nil, err
	}
	return &p.f, nil
}

type parser struct{ f File }

func (p *parser) pos(n *yaml.Node) Pos { return Pos{p.f.Path, max(n.Line, 1), max(n.Column, 1)} }

func (p *parser) fail(n *yaml.Node, format string, args ...any) error {
	return &Error{p.pos(n), fmt.Sprintf(format, args...)}
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

func (p *parser) parse(data []byte) error {
	if len(data) > maxSize {
		return &Error{Pos{p.f.Path, 1, 1}, fmt.Sprintf("%d bytes are more than the %d that are read", len(data), maxSize)}
	}
	var root yaml.Node
	if err := load(data, &root); err != nil {
		e := &Error{Pos{p.f.Path, 1, 1}, "this is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
		if le := (*yaml.LoadError)(nil); errors.As(err, &le) {
			e.Pos.Line, e.Pos.Column, e.Problem = max(le.Mark.Line, 1), max(le.Mark.Column, 1), "this is not YAML: "+le.Message
		}
		return e
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) == 0 {
		return &Error{Pos{p.f.Path, 1, 1}, "the file is empty; it needs a list `compartments`"}
	}
	top := root.Content[0]
	if err := p.keys(top, "the file", func(k, v *yaml.Node) error {
		switch k.Value {
		case "compartments":
			return p.groups(v)
		case "transparent":
			var err error
			p.f.Says = true
			p.f.Transparent, err = p.names(v, "transparent")
			return err
		}
		return p.fail(k, "there is no key `%s` but compartments and transparent", k.Value)
	}); err != nil {
		return err
	}
	if len(p.f.Groups) == 0 {
		return p.fail(top, "there is no list `compartments`, or it is empty")
	}
	def := false
	for _, g := range p.f.Groups {
		def = def || g.Default
	}
	if !def {
		return p.fail(top, "no compartment has `default: true`, so that the program and libraries that no list has would be in none")
	}
	return nil
}

// keys calls f with the keys and values of a mapping.
func (p *parser) keys(m *yaml.Node, what string, f func(k, v *yaml.Node) error) error {
	if m.Kind != yaml.MappingNode {
		return p.fail(m, "%s must be a mapping (key: value)", what)
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(m.Content); i += 2 {
		k, v := m.Content[i], m.Content[i+1]
		if k.Kind != yaml.ScalarNode {
			return p.fail(k, "a key must be a text")
		}
		if line, twice := seen[k.Value]; twice {
			return p.fail(k, "key `%s` is already in line %d", k.Value, line)
		}
		seen[k.Value] = k.Line
		if err := f(k, v); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) groups(n *yaml.Node) error {
	if n.Kind != yaml.SequenceNode {
		return p.fail(n, "`compartments` must be a list of mappings (- name: ...)")
	}
	lists := map[string]string{} // the group that lists a library
	for _, e := range n.Content {
		if len(p.f.Groups) == Max {
			return p.fail(e, "there can be %d compartments at most", Max)
		}
		var g Group
		if err := p.keys(e, "a compartment", func(k, v *yaml.Node) error {
			switch k.Value {
			case "name":
				if v.Kind != yaml.ScalarNode || !valid(v.Value) {
					return p.fail(v, "a compartment's name is made of letters, digits, '_', '-' and '.'")
				}
				g.Name = v.Value
			case "default":
				if v.Kind != yaml.ScalarNode || v.Decode(&g.Default) != nil {
					return p.fail(v, "`default` must be true or false")
				}
			case "libraries":
				var err error
				g.Libraries, err = p.names(v, "libraries")
				return err
			default:
				return p.fail(k, "a compartment has no key `%s` but name, default and libraries", k.Value)
			}
			return nil
		}); err != nil {
			return err
		}
		if g.Name == "" {
			return p.fail(e, "a compartment needs a name")
		}
		for _, o := range p.f.Groups {
			if o.Name == g.Name {
				return p.fail(e, "there is already a compartment %q", g.Name)
			}
			if o.Default && g.Default {
				return p.fail(e, "%q is already the default compartment", o.Name)
			}
		}
		for _, l := range g.Libraries {
			if other, twice := lists[l.Text]; twice {
				return &Error{l.Pos, fmt.Sprintf("library %q is already in compartment %q", l.Text, other)}
			}
			lists[l.Text] = g.Name
		}
		p.f.Groups = append(p.f.Groups, g)
	}
	return nil
}

func (p *parser) names(n *yaml.Node, key string) ([]Name, error) {
	if n.Kind != yaml.SequenceNode {
		return nil, p.fail(n, "`%s` must be a list of names of libraries", key)
	}
	var out []Name
	for _, e := range n.Content {
		if e.Kind != yaml.ScalarNode || e.Value == "" {
			return nil, p.fail(e, "the name of a library must be a text")
		}
		out = append(out, Name{e.Value, p.pos(e)})
	}
	return out, nil
}

// valid reports whether a name can stand in every form of output.
func valid(name string) bool {
	return name != "" && len(name) <= 64 && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.')
	})
}
