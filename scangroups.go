package gofind

import (
	"context"
	"slices"

	"github.com/gofind-dev/gofind/internal/groups"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// GroupsResult is the answer of ScanGroups. docs/json.md describes it.
type GroupsResult struct {
	Schema      string        `json:"schema"` // gofind.groups/v1
	Program     string        `json:"program"`
	SHA256      string        `json:"sha256"`
	Since       string        `json:"since"`
	Complete    bool          `json:"complete"`
	Groups      []GroupAnswer `json:"groups"`
	Transparent []string      `json:"transparent"` // paths of files that act for their callers alone
	Unresolved  []Unresolved  `json:"unresolved"`  // of the scan
	Assumptions []Assumption  `json:"assumptions"`
}

// GroupAnswer is what is known of one group of files.
type GroupAnswer struct {
	Name         string          `json:"name"`
	Default      bool            `json:"default"`
	Transparent  bool            `json:"transparent"`
	Files        []string        `json:"files"`
	Functions    int             `json:"functions"`
	Reach        int             `json:"reach"` // functions that control can come to from it
	Executes     []GroupCall     `json:"executes"`
	Needs        []GroupNeed     `json:"needs"`
	UnknownSites int             `json:"unknown_sites"`
	Crossings    []GroupCrossing `json:"crossings"`
	Visible      int             `json:"visible"` // functions that anybody may call who has their address
}

// GroupCrossing is a function of a group that code of others calls directly.
type GroupCrossing struct {
	Image    string   `json:"image"`
	Address  string   `json:"address"`
	Function string   `json:"function"`
	From     []string `json:"from"` // groups, "(transparent)" for transparent files
}

// GroupCall is a system call.
type GroupCall struct {
	Name   string `json:"name"`
	Number int    `json:"number"`
	ABI    string `json:"abi"`
}

// GroupNeed is a call that may happen on behalf of a group.
type GroupNeed struct {
	GroupCall
	Direct bool   `json:"direct"` // direct calls alone lead to it, no pointer
	Via    []Step `json:"via"`    // a shortest way from the group's code to the call
}

// GroupsError says what is wrong in a file of groups, and where.
type GroupsError struct {
	File         string
	Line, Column int
	Problem      string
	err          error
}

func (e *GroupsError) Error() string { return e.err.Error() }

func groupsError(err error) error {
	if e, ok := err.(*groups.Error); ok {
		return &GroupsError{e.Pos.File, e.Pos.Line, e.Pos.Column, e.Problem, e}
	}
	return err
}

// ScanGroups finds for each group of files of a process which calls it executes and needs. file says which groups
// there are; package internal/groups defines the words. The union of all needs is what Scan finds, but for
// what only the kernel starts.
//
// Errors are those of Scan, and *GroupsError.
func ScanGroups(ctx context.Context, program, file string, opts Options) (*GroupsResult, error) {
	f, err := groups.Read(file)
	if err != nil {
		return nil, groupsError(err)
	}
	a, err := solve(ctx, program, opts)
	if err != nil {
		return nil, err
	}
	defer a.p.Close()
	in, err := f.Assign(a.p)
	if err != nil {
		return nil, groupsError(err)
	}
	r := a.result()
	out := &GroupsResult{Schema: "gofind.groups/v1", Program: r.Program, SHA256: r.SHA256, Since: r.Since, Complete: r.Complete,
		Groups: []GroupAnswer{}, Transparent: []string{}, Unresolved: r.Unresolved, Assumptions: slices.Clone(r.Assumptions)}
	out.Assumptions = append(out.Assumptions, groupAssumptions...)
	for c, x := range groups.Find(a.g, a.ans, in, len(f.Groups), a.keepers()) {
		y := GroupAnswer{Name: f.Groups[c].Name, Default: f.Groups[c].Default, Transparent: x.Clear, Files: []string{}, Functions: x.Functions, Reach: x.Reached,
			Executes: []GroupCall{}, Needs: []GroupNeed{}, UnknownSites: x.Unknown, Crossings: []GroupCrossing{}, Visible: x.Visible}
		for i, m := range a.p.Images {
			if in.Group[i] == c {
				y.Files = append(y.Files, m.Path)
			}
		}
		slices.Sort(y.Files)
		for _, k := range x.Executes {
			y.Executes = append(y.Executes, groupCall(k))
		}
		for _, k := range x.Needs {
			y.Needs = append(y.Needs, GroupNeed{groupCall(k.Call), k.Direct, a.groupVia(k.Via)})
		}
		for _, k := range x.Crossings {
			s := a.step(k.Unit, "")
			z := GroupCrossing{s.Image, s.Address, s.Function, []string{}}
			for _, from := range k.From {
				if from < 0 {
					z.From = append(z.From, "(transparent)")
				} else {
					z.From = append(z.From, f.Groups[from].Name)
				}
			}
			y.Crossings = append(y.Crossings, z)
		}
		out.Groups = append(out.Groups, y)
	}
	for i, m := range a.p.Images {
		if in.Transparent[i] {
			out.Transparent = append(out.Transparent, m.Path)
		}
	}
	slices.Sort(out.Transparent)
	return out, nil
}

// groupVia names the functions of a chain. Stubs of procedure linkage tables are left out, and so are further entries into the same function.
func (a *assembly) groupVia(via []groups.Step) []Step {
	out := []Step{}
	how := ""
	for i, x := range via {
		if how == "" || x.How != "call" {
			how = x.How
		}
		if a.isStub(x.Unit) && i > 0 && i < len(via)-1 {
			continue
		}
		s := a.step(x.Unit, how)
		if i == 0 {
			s.How = "group"
		}
		how = ""
		if n := len(out); n > 0 && s.How == "call" && out[n-1].Function == s.Function && out[n-1].Image == s.Image {
			continue
		}
		out = append(out, s)
	}
	return out
}

func groupCall(k groups.Call) GroupCall {
	name, _ := sysno.Name(k.ABI, k.Nr)
	return GroupCall{name, k.Nr, k.ABI.String()}
}

// groupAssumptions are what an answer takes for granted besides those of the scan.
var groupAssumptions = []Assumption{
	{Name: "handlers", Detail: "What the kernel starts (signal handlers, the entries of the program and of its loader) acts for no group: it is in no chain of calls that begins in one, unless code refers to it by a pointer."},
}
