package gofind

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/gofind-dev/gofind/internal/compartment"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// ImagePlan says what there is to enforce in the image of a unikernel: its
// compartments with the calls that each needs, the functions where control comes into
// them, and the functions that make system calls. It marshals to a gofind.plan/v1 document.
type ImagePlan struct {
	Schema       string            `json:"schema"`
	Compartments []PlanCompartment `json:"compartments"` // by number
	Gates        []PlanFunction    `json:"gates"`
	Entries      []PlanEntry       `json:"entries"`
	Alone        bool              `json:"alone,omitempty"`   // the image is one compartment by itself: what it does not need is refused outright
	Exports      []PlanExport      `json:"exports,omitempty"` // with Alone: the functions that other images may have called
	Servers      []PlanServer      `json:"servers,omitempty"` // with Alone: the instructions that call what they ask for
}

// PlanExport is a function that other images may have called.
type PlanExport struct {
	Function string `json:"function"`
	Address  string `json:"address"`
}

// PlanServer is an instruction that calls what other images ask for.
type PlanServer struct {
	Function string `json:"function"` // that it is in
	Address  string `json:"address"`
	Size     uint64 `json:"size"`     // bytes from there to the end of the function
	Register int    `json:"register"` // that has the address of what is called, as the hardware numbers them; -1 if none has
}

// PlanCompartment is a compartment of an ImagePlan.
type PlanCompartment struct {
	Name        string   `json:"name"`
	Default     bool     `json:"default"`     // takes all code that nothing assigns; the image starts in it
	Transparent bool     `json:"transparent"` // its rules are not enforced: a C library, which acts for its callers
	Executes    []string `json:"executes"`    // calls that its own code makes
	Needs       []string `json:"needs"`       // calls that may happen on its behalf: all others are denied
}

// PlanFunction is where control comes into a compartment.
type PlanFunction struct {
	Function    string `json:"function"`
	Address     string `json:"address"` // hexadecimal, with 0x
	Size        uint64 `json:"size"`    // in bytes; 0 if it is not known
	Compartment string `json:"compartment"`
	Inside      bool   `json:"inside,omitempty"` // no function, but a place within one where control comes in directly: no gate can be there
}

// PlanEntry is a function that makes a system call.
type PlanEntry struct {
	Function string `json:"function"`
	Address  string `json:"address"`
	Size     uint64 `json:"size"`
	Call     string `json:"call"`             // the kernel's name
	Errno    bool   `json:"errno"`            // it sets errno and returns -1, and not -errno
	Body     bool   `json:"body"`             // a body of an entry, or a part of one: its arguments and result may be passed in ways of the compiler's own
	Inline   bool   `json:"inline,omitempty"` // a function that has the body of an entry inlined, and is none itself
}

const planSchema = "gofind.plan/v1"

// maxPlan is the largest plan that is read, in bytes.
const maxPlan = 64 << 20

// ReadImagePlan reads a gofind.plan/v1 document. Errors say which value is wrong.
func ReadImagePlan(r io.Reader) (*ImagePlan, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxPlan+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxPlan {
		return nil, fmt.Errorf("the plan is larger than %d bytes", maxPlan)
	}
	var p ImagePlan
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return nil, fmt.Errorf("the plan is no %s document: %w", planSchema, err)
	}
	if _, err := p.internal(); err != nil {
		return nil, err
	}
	return &p, nil
}

// internal turns the document into the plan that it stands for.
func (p *ImagePlan) internal() (*compartment.Plan, error) {
	if p.Schema != planSchema {
		return nil, fmt.Errorf("the plan's schema is %q, not %s", p.Schema, planSchema)
	}
	if len(p.Compartments) == 0 || len(p.Compartments) > compartment.MaxCompartments {
		return nil, fmt.Errorf("the plan has %d compartments; there must be 1 to %d", len(p.Compartments), compartment.MaxCompartments)
	}
	out := &compartment.Plan{}
	ids := map[string]compartment.ID{}
	for i, c := range p.Compartments {
		if _, twice := ids[c.Name]; twice || c.Name == "" {
			return nil, fmt.Errorf("compartments[%d]: the name %q is empty or not the first", i, c.Name)
		}
		ids[c.Name] = compartment.ID(i)
		q := compartment.Compartment{Name: c.Name, Default: c.Default, Transparent: c.Transparent}
		for _, set := range []struct {
			names []string
			calls *compartment.Calls
		}{{c.Executes, &q.Executes}, {c.Needs, &q.Needs}} {
			for _, name := range set.names {
				n, err := callNumber(name)
				if err != nil {
					return nil, fmt.Errorf("compartment %s: %w", c.Name, err)
				}
				set.calls.Add(n)
			}
		}
		out.Compartments = append(out.Compartments, q)
	}
	for i, g := range p.Gates {
		to, ok := ids[g.Compartment]
		if !ok {
			return nil, fmt.Errorf("gates[%d], %s: there is no compartment %q", i, g.Function, g.Compartment)
		}
		addr, err := parseAddress(g.Address)
		if err != nil {
			return nil, fmt.Errorf("gates[%d], %s: %w", i, g.Function, err)
		}
		out.Gates = append(out.Gates, compartment.Gate{Func: g.Function, Addr: addr, Size: g.Size, To: to, Inside: g.Inside})
	}
	for i, e := range p.Entries {
		addr, err := parseAddress(e.Address)
		if err != nil {
			return nil, fmt.Errorf("entries[%d], %s: %w", i, e.Function, err)
		}
		n, err := callNumber(e.Call)
		if err != nil {
			return nil, fmt.Errorf("entries[%d], %s: %w", i, e.Function, err)
		}
		out.Entries = append(out.Entries, compartment.Entry{Func: e.Function, Addr: addr, Size: e.Size, Number: n, Errno: e.Errno, Body: e.Body, Inline: e.Inline})
	}
	out.Alone = p.Alone
	if !p.Alone && len(p.Exports)+len(p.Servers) > 0 {
		return nil, fmt.Errorf("the plan has exports or servers, which only an image that is alone has")
	}
	if p.Alone && len(p.Compartments) != 1 {
		return nil, fmt.Errorf("the plan is of an image that is alone, and has %d compartments", len(p.Compartments))
	}
	for i, e := range p.Exports {
		addr, err := parseAddress(e.Address)
		if err != nil {
			return nil, fmt.Errorf("exports[%d], %s: %w", i, e.Function, err)
		}
		out.Exports = append(out.Exports, compartment.Gate{Func: e.Function, Addr: addr})
	}
	for i, v := range p.Servers {
		addr, err := parseAddress(v.Address)
		if err != nil || v.Register < -1 || v.Register > 15 {
			return nil, fmt.Errorf("servers[%d], %s: the address or the register is wrong", i, v.Function)
		}
		reg := uint8(compartment.NoReg)
		if v.Register >= 0 {
			reg = uint8(v.Register)
		}
		out.Servers = append(out.Servers, compartment.Server{Func: v.Function, Addr: addr, Size: v.Size, Reg: reg})
	}
	return out, nil
}

// newImagePlan is the document of a plan.
func newImagePlan(p *compartment.Plan) *ImagePlan {
	out := &ImagePlan{Schema: planSchema, Compartments: []PlanCompartment{}, Gates: []PlanFunction{}, Entries: []PlanEntry{}}
	for _, c := range p.Compartments {
		out.Compartments = append(out.Compartments, PlanCompartment{c.Name, c.Default, c.Transparent, setNames(&c.Executes), setNames(&c.Needs)})
	}
	for _, g := range p.Gates {
		out.Gates = append(out.Gates, PlanFunction{g.Func, hex(g.Addr), g.Size, p.Compartments[g.To].Name, g.Inside})
	}
	for _, e := range p.Entries {
		out.Entries = append(out.Entries, PlanEntry{e.Func, hex(e.Addr), e.Size, numberName(e.Number), e.Errno, e.Body, e.Inline})
	}
	out.Alone = p.Alone
	for _, e := range p.Exports {
		out.Exports = append(out.Exports, PlanExport{e.Func, hex(e.Addr)})
	}
	for _, v := range p.Servers {
		reg := int(v.Reg)
		if v.Reg == compartment.NoReg {
			reg = -1
		}
		out.Servers = append(out.Servers, PlanServer{v.Func, hex(v.Addr), v.Size, reg})
	}
	return out
}

// numberName is the kernel's name of a call of a unikernel, or its number where the kernel has none.
func numberName(n int) string {
	if name, ok := sysno.Name(sysno.X86_64, n); ok {
		return name
	}
	return strconv.Itoa(n)
}

// callNumber is the converse of numberName.
func callNumber(name string) (int, error) {
	if n, ok := sysno.Number(sysno.X86_64, name); ok && n < 512 {
		return n, nil
	}
	if n, err := strconv.ParseUint(name, 10, 16); err == nil && n < 512 {
		return int(n), nil
	}
	return 0, fmt.Errorf("there is no system call %q", name)
}

// setNames lists a set, sorted by name.
func setNames(c *compartment.Calls) []string {
	names := []string{}
	for n := range 512 {
		if c.Has(n) {
			names = append(names, numberName(n))
		}
	}
	slices.Sort(names)
	return names
}

func parseAddress(s string) (uint64, error) {
	digits, ok := strings.CutPrefix(s, "0x")
	a, err := strconv.ParseUint(digits, 16, 64)
	if !ok || err != nil {
		return 0, fmt.Errorf("%q is no address", s)
	}
	return a, nil
}
