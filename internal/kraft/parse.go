package kraft

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// top reads what is used of the whole file.
func (p *parser) top(d *doc, f *File, m *yaml.Node) {
	f.Name = p.text(d, m, "name")
	f.OutDir = p.text(d, m, "outdir")
	p.targets(d, f, m)
	p.compartments(d, f, m)
	p.libraries(d, f, m, false)
}

// targets reads `targets`: texts plat/arch, or mappings. A mapping may be the
// whole list, of names (the schema before v0.6).
func (p *parser) targets(d *doc, f *File, m *yaml.Node) {
	_, n := p.get(d, m, "targets")
	if n == nil || isNull(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		p.fail(d, n, "`targets` must be a list, not %s", kind(n))
		return
	}
	for _, e := range n.Content {
		switch e = real(e); {
		case e.Kind == yaml.ScalarNode && !isNull(e):
			plat, arch, found := strings.Cut(e.Value, "/")
			if !found {
				p.fail(d, e, "a target is platform/architecture, not %s", kind(e))
				continue
			}
			f.Targets = append(f.Targets, Target{Plat: plat, Arch: arch})
		case e.Kind == yaml.MappingNode:
			p.keys(d, e)
			t := Target{Name: p.text(d, e, "name"), Kernel: p.text(d, e, "kernel")}
			t.Arch = first(p.text(d, e, "architecture"), p.text(d, e, "arch"))
			if t.Plat = p.platform(d, e, "platform"); t.Plat == "" {
				t.Plat = p.platform(d, e, "plat")
			}
			f.Targets = append(f.Targets, t)
		default:
			p.fail(d, e, "a target is a text or a mapping, not %s", kind(e))
		}
	}
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// platform is a text, or a mapping with a name.
func (p *parser) platform(d *doc, m *yaml.Node, key string) string {
	_, n := p.get(d, m, key)
	if n != nil && n.Kind == yaml.MappingNode {
		return p.text(d, n, "name")
	}
	return p.text(d, m, key)
}

// compartments reads the list of them.
func (p *parser) compartments(d *doc, f *File, m *yaml.Node) {
	key, n := p.get(d, m, "compartments")
	if n == nil || isNull(n) {
		return
	}
	f.At = Pos{d.path, key.Line, key.Column}
	if n.Kind != yaml.SequenceNode {
		p.fail(d, n, "`compartments` must be a list of mappings (- name: ...), not %s", kind(n))
		return
	}
	if len(n.Content) > MaxCompartments {
		p.fail(d, n.Content[MaxCompartments], "there can be %d compartments at most", MaxCompartments)
		return
	}
	driver, def := "", 0 // who had it first: the line
	driverLine := 0
	for _, e := range n.Content {
		e = real(e)
		c := Compartment{Pos: Pos{d.path, e.Line, e.Column}}
		if e.Kind != yaml.MappingNode {
			p.fail(d, e, "a compartment is a mapping with a name, not %s", kind(e))
			continue
		}
		p.keys(d, e)
		nameKey, name := p.get(d, e, "name")
		c.Name = p.text(d, e, "name")
		switch i := slices.IndexFunc(f.Compartments, func(o Compartment) bool { return o.Name == c.Name }); {
		case name == nil || c.Name == "":
			p.fail(d, e, "a compartment needs a name")
		case !valid(c.Name):
			p.fail(d, name, "a compartment's name is made of letters, digits, '_', '-' and '.': %q is not", c.Name)
		case i >= 0:
			p.fail(d, first2(name, nameKey), "there is already a compartment %q, in line %d", c.Name, f.Compartments[i].Pos.Line)
		}
		node := p.mechanism(d, e, &c)
		if c.Driver != "" {
			switch {
			case driver == "":
				driver, driverLine = c.Driver, node.Line
			case driver != c.Driver:
				p.fail(d, node, "all compartments share one driver: this is %s, line %d has %s", c.Driver, driverLine, driver)
			}
		}
		if c.Default = p.flag(d, e, "default"); c.Default {
			if def > 0 { // as in FlexOS: the first one takes the libraries
				k, _ := p.get(d, e, "default")
				p.fail(d, k, "line %d is already the default compartment", def)
			}
			def = e.Line
		}
		f.Compartments = append(f.Compartments, c)
	}
	f.Driver = driver
	switch {
	case len(n.Content) == 0:
		p.fail(d, key, "`compartments` is empty; leave it out, or list one")
	case def == 0 && len(f.Compartments) > 0:
		p.fail(d, key, "no compartment has `default: true`, so that libraries that name none would be in none")
	}
}

func first2(a, b *yaml.Node) *yaml.Node {
	if a != nil {
		return a
	}
	return b
}

// valid reports whether a name can stand in every form of output.
func valid(name string) bool {
	return len(name) <= 64 && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.')
	})
}

// mechanism reads a compartment's mechanism, a text or a mapping, and returns where
// its driver stands.
func (p *parser) mechanism(d *doc, e *yaml.Node, c *Compartment) *yaml.Node {
	if k, _ := p.get(d, e, "mechanisms"); k != nil {
		p.fail(d, k, "the key is `mechanism`")
	}
	_, n := p.get(d, e, "mechanism")
	if n == nil || isNull(n) {
		return nil
	}
	node := n
	switch n.Kind {
	case yaml.ScalarNode:
		c.Driver = n.Value
	case yaml.MappingNode:
		p.keys(d, n)
		_, node = p.get(d, n, "driver")
		if node == nil || isNull(node) {
			p.fail(d, n, "a mechanism needs a driver: %s", strings.Join(Drivers, ", "))
			return nil
		}
		if node.Kind != yaml.ScalarNode {
			p.fail(d, node, "`driver` must be one of %s, not %s", strings.Join(Drivers, ", "), kind(node))
			return nil
		}
		c.Driver = node.Value
		c.NoIsolStack = p.flag(d, n, "noisolstack")
	default:
		p.fail(d, n, "`mechanism` must be a driver or a mapping with one, not %s", kind(n))
		return nil
	}
	if !slices.Contains(Drivers, c.Driver) {
		p.fail(d, node, "there is no driver %q; it is one of %s", c.Driver, strings.Join(Drivers, ", "))
		c.Driver = ""
	}
	return node
}

// libraries reads `libraries`. over: those of an overlay, of which only the compartment counts.
func (p *parser) libraries(d *doc, f *File, m *yaml.Node, over bool) {
	_, n := p.get(d, m, "libraries")
	if n == nil || isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		p.fail(d, n, "`libraries` must be a mapping (name: ...), not %s", kind(n))
		return
	}
	p.keys(d, n)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], real(n.Content[i+1])
		if k.Kind != yaml.ScalarNode || k.Value == "" {
			p.fail(d, k, "a library's name must be a text, not %s", kind(k))
			continue
		}
		at := slices.IndexFunc(f.Libraries, func(l Library) bool { return l.Name == k.Value })
		if at < 0 {
			at = len(f.Libraries)
			f.Libraries = append(f.Libraries, Library{Name: k.Value, Compartment: -1, Pos: Pos{d.path, k.Line, k.Column}})
		} else if !over {
			continue // reported by keys
		}
		switch v.Kind {
		case yaml.ScalarNode: // a version, or whether it is there at all
			if over && !isNull(v) { // in an overlay the compartment alone
				p.members = append(p.members, member{at, v.Value, d, v})
			}
		case yaml.MappingNode:
			p.keys(d, v)
			_, c := p.get(d, v, "compartment")
			if c == nil || isNull(c) {
				continue
			}
			if c.Kind != yaml.ScalarNode {
				p.fail(d, c, "`compartment` must be the name of one, not %s", kind(c))
				continue
			}
			p.members = append(p.members, member{at, c.Value, d, c})
		default:
			p.fail(d, v, "library %q must be a version or a mapping, not %s", k.Value, kind(v))
		}
	}
}

// finish puts the libraries into their compartments.
func (p *parser) finish(f *File) (*File, error) {
	def := f.Default()
	for i := range f.Libraries {
		f.Libraries[i].Compartment = def
	}
	for _, m := range p.members {
		i := slices.IndexFunc(f.Compartments, func(c Compartment) bool { return c.Name == m.name })
		if i < 0 {
			var names []string
			for _, c := range f.Compartments {
				names = append(names, c.Name)
			}
			what := "the file has no list `compartments`"
			if len(names) > 0 {
				what = "there are " + strings.Join(names, ", ")
			}
			p.fail(m.doc, m.node, "there is no compartment %q; %s", m.name, what)
			continue
		}
		l := &f.Libraries[m.lib]
		l.Compartment, l.Named = i, true
	}
	if len(p.problems) > 0 {
		slices.SortStableFunc(p.problems, func(a, b Problem) int {
			if a.Pos.File != b.Pos.File {
				return 0
			}
			return 1000*(a.Pos.Line-b.Pos.Line) + a.Pos.Column - b.Pos.Column
		})
		return nil, &Error{p.problems}
	}
	return f, nil
}

// String names a library for messages.
func (l Library) String() string { return fmt.Sprintf("%s (%s)", l.Name, l.Pos) }
