package gofind

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gofind-dev/gofind/internal/bpf"
	"github.com/gofind-dev/gofind/internal/profile"
)

// ProfileFormat is a form that a policy can be written in.
type ProfileFormat struct {
	Name string
	Says string // what it is, for people
}

// jsonFormat is the form that loses nothing.
var jsonFormat = ProfileFormat{"json", "gofind's own: nothing is lost, and it says why each call is allowed (" + PolicySchema + ")"}

// ProfileFormats lists the forms that a policy can be written in and read from.
func ProfileFormats() []ProfileFormat {
	var out []ProfileFormat
	for _, f := range profile.Formats {
		out = append(out, ProfileFormat{f.Name, f.Says})
	}
	return append(out, jsonFormat)
}

// formatNames lists the forms for an error.
func formatNames() string {
	var names []string
	for _, f := range ProfileFormats() {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

// Write writes the policy in a form. The notes say what the form cannot express; the
// file never refuses what the policy allows.
func (p *Policy) Write(w io.Writer, format string) (notes []string, err error) {
	if format == jsonFormat.Name {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return nil, enc.Encode(p)
	}
	f, err := p.filter()
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	info := &profile.Info{Notes: p.Notes}
	for _, prog := range p.Programs {
		info.Programs = append(info.Programs, prog.Path)
	}
	data, notes, err := profile.Write(format, f, info)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(data)
	return notes, err
}

// FilterCost is what the filter of a policy costs.
type FilterCost struct {
	Instructions int     // its length; the kernel takes 4096
	Mean         float64 // instructions that run for a call that is allowed, each call counting once
	Calls        int     // that are allowed, with some arguments
	Constant     int     // of these, which the kernel answers without running the filter (Linux 5.11)
}

// Cost returns what the filter of the policy costs. The error is that of a malformed policy or
// of one that is too large for a filter.
func (p *Policy) Cost() (*FilterCost, error) {
	f, err := p.filter()
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	program, err := bpf.Compile(f)
	if err != nil {
		return nil, err
	}
	c := program.Cost(f)
	return &FilterCost{c.Instructions, c.Mean, c.Calls, c.Constant}, nil
}

// ParseProfile reads a profile in any form, which it recognises. Notes of the policy
// say what it cannot express. Errors name the file and, where the form has lines, the line;
// one that wraps ErrNoProfile says that the file is in none of the forms.
func ParseProfile(file string, data []byte) (p *Policy, format string, err error) {
	if isPolicy(data) {
		p, err := parsePolicy(file, data)
		return p, jsonFormat.Name, err
	}
	f, format, notes, err := profile.Parse(file, data)
	if errors.Is(err, profile.ErrUnknown) {
		err = fmt.Errorf("%s: %w: it reads what `gofind profile` writes in the forms %s", file, ErrNoProfile, formatNames())
	}
	if err != nil {
		return nil, format, err
	}
	p = &Policy{
		Schema: PolicySchema, Programs: []PolicyProgram{}, Complete: true, Exec: PolicyExec{ExecAny, []string{}, []string{}},
		Notes: append([]string{}, notes...), Assumptions: []Assumption{}, Inputs: []Input{},
	}
	p.setFilter(f, nil)
	p.Dangerous = dangers(f, nil, nil)
	return p, format, nil
}

// ErrNoProfile says that a file is no profile in any form.
var ErrNoProfile = errors.New("no profile in any form that gofind knows")

func isPolicy(data []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) && bytes.Contains(data, []byte(`"`+PolicySchema+`"`))
}

func parsePolicy(file string, data []byte) (*Policy, error) {
	var p Policy
	if err := profile.Unmarshal(file, data, &p); err != nil {
		return nil, err
	}
	_, err := p.filter()
	if rule := (*ruleError)(nil); errors.As(err, &rule) {
		return nil, profile.At(file, data, rule.err, "rules", rule.index)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &p, nil
}
