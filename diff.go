package gofind

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/profile"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// DiffSchema is the schema of a Diff.
const DiffSchema = "gofind.diff/v1"

// Diff is how two programs, two profiles, or a program and a profile differ: the
// gofind.diff/v1 JSON document (see docs/json.md). All slices are sorted and never nil.
type Diff struct {
	Schema  string     `json:"schema"`
	A       DiffSide   `json:"a"`
	B       DiffSide   `json:"b"`
	New     []DiffCall `json:"new"`     // two of a kind: B makes or allows it, A does not
	Gone    []DiffCall `json:"gone"`    // two of a kind: A makes or allows it, B does not
	Changed []DiffCall `json:"changed"` // two of a kind: with other arguments, or refused in another way
	Lacking []DiffCall `json:"lacking"` // the program needs it, the profile refuses it
	Partly  []DiffCall `json:"partly"`  // it depends: on arguments that are not known, or on what libraries do at ENOSYS
	Unused  []DiffCall `json:"unused"`  // the profile allows it, the program cannot make it
	Notes   []string   `json:"notes"`
}

// DiffSide is one of the two that are compared.
type DiffSide struct {
	Name     string `json:"name"`     // as given
	Kind     string `json:"kind"`     // program, scan (a gofind.scan/v1 document), profile
	Format   string `json:"format"`   // of a profile
	Complete bool   `json:"complete"` // false: the program may make calls that were not found
}

// DiffCall is a call in which the two differ.
type DiffCall struct {
	Name   string `json:"name"`
	Number int    `json:"number"`
	ABI    string `json:"abi"`
	Detail string `json:"detail"` // in words: which arguments, which action; "" if the kind of difference says it
	Via    []Step `json:"via"`    // how the program comes to it
}

// side is one of the two, opened.
type side struct {
	DiffSide
	result *Result        // of a program or a scan
	policy *policy.Policy // what it makes, or allows
	notes  []string
}

// NewDiff compares two sides. Each is a profile in any form, a gofind.scan/v1 document or else a
// program, which is scanned.
func NewDiff(ctx context.Context, a, b string, o Options) (*Diff, error) {
	x, err := openSide(ctx, a, o)
	if err != nil {
		return nil, err
	}
	y, err := openSide(ctx, b, o)
	if err != nil {
		return nil, err
	}
	d := &Diff{
		Schema: DiffSchema, A: x.DiffSide, B: y.DiffSide, New: []DiffCall{}, Gone: []DiffCall{}, Changed: []DiffCall{},
		Lacking: []DiffCall{}, Partly: []DiffCall{}, Unused: []DiffCall{}, Notes: []string{},
	}
	for _, s := range []*side{x, y} {
		if !s.Complete {
			d.Notes = append(d.Notes, s.Name+" may make calls that were not found")
		}
		for _, n := range s.notes {
			d.Notes = append(d.Notes, s.Name+": "+n)
		}
	}
	d.level(x, y)
	d.level(y, x)
	switch {
	case (x.result == nil) == (y.result == nil):
		d.compare(x, y)
	case x.result != nil:
		d.fit(x, y)
	default:
		d.fit(y, x)
	}
	return d, nil
}

// level leaves arguments out where a is a scan that was made without them: of a program that is as it was, all
// rules with tests would else have changed.
func (d *Diff) level(a, b *side) {
	tested := func(s *side) bool {
		return slices.ContainsFunc(s.policy.Rules, func(r policy.Rule) bool { return len(r.Clauses[0].Tests) > 0 })
	}
	if a.Kind != "scan" || b.result == nil || tested(a) || !tested(b) {
		return
	}
	for i := range b.policy.Rules {
		b.policy.Rules[i].Clauses[0].Tests = nil
	}
	d.Notes = append(d.Notes, a.Name+" has no arguments, so they are not compared; gofind scan --json --args has them")
}

// openSide opens a file as a profile, or scans it.
func openSide(ctx context.Context, name string, o Options) (*side, error) {
	data, err := readText(name)
	if err != nil {
		return nil, err
	}
	if data == nil {
		o.Arguments = true
		r, err := Scan(ctx, name, o)
		if err != nil {
			return nil, err
		}
		return scanned(name, "program", r)
	}
	if bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) && bytes.Contains(data, []byte(`"gofind.scan/v1"`)) {
		var r Result
		if err := profile.Unmarshal(name, data, &r); err != nil {
			return nil, err
		}
		return scanned(name, "scan", &r)
	}
	p, format, err := ParseProfile(name, data)
	if err != nil {
		return nil, err
	}
	f, err := p.filter()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &side{DiffSide: DiffSide{name, "profile", format, true}, policy: f, notes: p.Notes}, nil
}

// readText reads a file that may be a profile; nil stands for a program: an ELF file, a script, or
// a name that is no file here.
func readText(name string) ([]byte, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || st.IsDir() {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, profile.MaxSize+1))
	if err != nil || bytes.HasPrefix(data, []byte("\x7fELF")) || bytes.HasPrefix(data, []byte("#!")) {
		return nil, err
	}
	if len(data) == 0 {
		return nil, fmt.Errorf("%s: an empty file; neither a program nor a profile", name)
	}
	return data, nil
}

// scanned returns the side of a scan.
func scanned(name, kind string, r *Result) (*side, error) {
	needs, err := needsOf(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p := &policy.Policy{}
	for _, n := range needs {
		p.Rules = append(p.Rules, policy.Rule{Call: n.Call, Clauses: []policy.Clause{{Tests: n.Tests, Action: policy.Allow}}})
	}
	if err := p.Sort(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &side{DiffSide: DiffSide{Name: name, Kind: kind, Complete: r.Complete}, result: r, policy: p}, nil
}

// call makes an entry.
func (s *side) call(c sysno.Call, detail string) DiffCall {
	name, _ := sysno.Name(c.ABI, c.Nr)
	d := DiffCall{Name: name, Number: c.Nr, ABI: c.ABI.String(), Detail: detail, Via: []Step{}}
	if s.result != nil {
		if found := s.result.find(c); found != nil && found.Via != nil {
			d.Via = found.Via
		}
	}
	return d
}

// every calls f for each call that one of some policies has a rule for or that has a name, in order.
func every(f func(c sysno.Call), policies ...*policy.Policy) {
	for _, abi := range policy.ABIs {
		for nr := range sysno.SetSize {
			c := sysno.Call{ABI: abi, Nr: nr}
			_, named := sysno.Name(abi, nr)
			if named || slices.ContainsFunc(policies, func(p *policy.Policy) bool { return p.Rule(c) != nil }) {
				f(c)
			}
		}
	}
	var far []sysno.Call // numbers beyond the tables
	for _, p := range policies {
		for _, r := range p.Rules {
			if r.Call.Nr >= sysno.SetSize && !slices.Contains(far, r.Call) {
				far = append(far, r.Call)
			}
		}
	}
	for _, c := range far {
		f(c)
	}
}

// clauses returns what a policy says of a call, its defaults included.
func clauses(p *policy.Policy, c sysno.Call) []policy.Clause {
	rest := policy.Clause{Action: p.Default}
	r := p.Rule(c)
	if r == nil {
		if _, named := sysno.Name(c.ABI, c.Nr); !named && p.Has(c.ABI) {
			rest.Action = p.Unknown
		}
		return []policy.Clause{rest}
	}
	return append(slices.Clone(r.Clauses), rest)
}

// compare fills in how two of a kind differ.
func (d *Diff) compare(a, b *side) {
	every(func(c sysno.Call) {
		x, y := clauses(a.policy, c), clauses(b.policy, c)
		inA, inB := passes(x), passes(y)
		switch {
		case inB && !inA:
			d.New = append(d.New, b.call(c, b.detail(y)))
		case inA && !inB:
			detail := ""
			if b.result == nil {
				detail = "then " + describe(y)
			}
			d.Gone = append(d.Gone, a.call(c, detail))
		case differ(x, y):
			d.Changed = append(d.Changed, b.call(c, "from "+a.describe(x)+" to "+b.describe(y)))
		}
	}, a.policy, b.policy)
}

// describe says in words what a side does with a call.
func (s *side) describe(list []policy.Clause) string {
	if s.result != nil {
		list = list[:1] // a program makes no others
	}
	return describe(list)
}

// detail describes what a side does with a call, if that is more than that it passes.
func (s *side) detail(list []policy.Clause) string {
	if len(list[0].Tests) == 0 && list[0].Action == policy.Allow {
		return ""
	}
	return s.describe(list)
}

// passes reports whether a call passes with some arguments.
func passes(list []policy.Clause) bool {
	for _, c := range list {
		if c.Action.Passes() {
			return true
		}
		if len(c.Tests) == 0 {
			return false
		}
	}
	return false
}

// fit fills in what a program lacks under a profile, and what that allows for nothing.
func (d *Diff) fit(program, profile *side) {
	every(func(c sysno.Call) {
		allowed := clauses(profile.policy, c)
		need := program.policy.Rule(c)
		switch {
		case need == nil:
			always := slices.ContainsFunc(policy.Always(), func(n policy.Need) bool { return n.Call == c })
			if !always && passes(allowed) && (profile.policy.Rule(c) != nil || !profile.policy.Default.Passes()) {
				d.Unused = append(d.Unused, profile.call(c, ""))
			}
		case !passes(allowed):
			if instead := without(c); instead != "" && allowed[0].Action == policy.Errno(policy.ENOSYS) {
				d.Partly = append(d.Partly, program.call(c, "errno:38, on which libraries do this instead: "+instead))
			} else {
				d.Lacking = append(d.Lacking, program.call(c, describe(allowed)))
			}
		default:
			refused, sure := refuses(allowed, need.Clauses[0].Tests)
			if len(refused) == 0 && (!program.Complete || program.result.unknownFile()) {
				_, sure = refuses(allowed, nil) // code that is not known may pass other arguments
			}
			switch {
			case len(refused) > 0:
				d.Lacking = append(d.Lacking, program.call(c, strings.Join(refused, "; ")))
			case !sure:
				d.Partly = append(d.Partly, program.call(c, describe(allowed)))
			}
		}
	}, program.policy, profile.policy)
	if !profile.policy.Default.Passes() {
		return
	}
	d.Notes = append(d.Notes, fmt.Sprintf("%s lets calls pass that it does not name (%s)", profile.Name, profile.policy.Default))
}

// without returns what libraries do where there is no such call, "" if they need it.
func without(c sysno.Call) string {
	for _, p := range policy.Probed() {
		if p.Call == c {
			return p.Else
		}
	}
	return ""
}

// describe says in words what clauses do with a call.
func describe(list []policy.Clause) string {
	var out []string
	for i, c := range list {
		s := c.Action.String()
		if len(c.Tests) > 0 {
			var tests []string
			for _, t := range c.Tests {
				tests = append(tests, t.String())
			}
			s += " if " + strings.Join(tests, " and ")
		} else if i > 0 {
			s = "else " + s
		}
		out = append(out, s)
		if len(c.Tests) == 0 {
			break
		}
	}
	const most = 6
	if len(out) > most {
		out = append(append(out[:most-1:most-1], fmt.Sprintf("%d more", len(out)-most)), out[len(out)-1])
	}
	return strings.Join(out, ", ")
}

// unknownFile reports whether a program may load a file that the scan does not know: it
// may pass other arguments to calls that others make too. Modules of gconv make none.
func (r *Result) unknownFile() bool {
	return slices.ContainsFunc(r.Dlopen, func(d Dlopen) bool { return d.Kind == "unknown" })
}
