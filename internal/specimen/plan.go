package specimen

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/gofind-dev/gofind/internal/bounded"
	"github.com/gofind-dev/gofind/internal/compartment"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// What the compartments net and plugin need, from reading their source. What they call back counts,
// and what a function does that they enter.
const (
	NetNeeds    = "socket bind getpid clock_gettime getuid open write close clone futex sched_yield exit"
	PluginNeeds = "open read close getuid clone futex sched_yield exit getpid getppid"
)

// Calls makes a set from names, which must be those of calls.
func Calls(names string) (c compartment.Calls) {
	for _, n := range strings.Fields(names) {
		nr, ok := sysno.Number(sysno.X86_64, n)
		if !ok {
			panic(n)
		}
		c.Add(nr)
	}
	return c
}

// static functions of compartments that others come to through pointers.
var static = map[string]compartment.ID{"op_open": 1, "op_stat": 1, "op_tail": 1, "net_timer": 1, "work": 2, "plugin_compare": 2}

// Plan returns a plan for the image, made by hand: core may make all calls, net and plugin what they
// need. Gates are at all their functions, also those that nobody else can reach.
func (img *Image) Plan() (*compartment.Plan, error) {
	ctx, cancel := context.WithTimeout(context.Background(), bounded.Limit)
	defer cancel()
	out, err := exec.CommandContext(ctx, "nm", "-n", "-S", img.Debug).Output()
	if err != nil {
		return nil, fmt.Errorf("nm %s: %w", img.Debug, err)
	}
	plan := &compartment.Plan{Compartments: []compartment.Compartment{
		{Name: "core", Default: true},
		{Name: "net", Needs: Calls(NetNeeds), Executes: Calls(NetExecutes)},
		{Name: "plugin", Needs: Calls(PluginNeeds), Executes: Calls(PluginExecutes)},
	}}
	if img.PKU {
		plan.Compartments[1].Needs = Calls(PKUNetNeeds)
	}
	for line := range strings.Lines(string(out)) {
		w := strings.Fields(line)
		if len(w) != 4 || !strings.ContainsAny(w[2], "tT") {
			continue
		}
		name := w[3]
		addr, err := strconv.ParseUint(w[0], 16, 64)
		if err != nil {
			return nil, err
		}
		size, err := strconv.ParseUint(w[1], 16, 64)
		if err != nil {
			return nil, err
		}
		for _, prefix := range []string{"uk_syscall_r_", "uk_syscall_e_", "__uk_syscall_r_"} {
			if call, ok := strings.CutPrefix(name, prefix); ok {
				nr, ok := sysno.Number(sysno.X86_64, call)
				if !ok {
					return nil, fmt.Errorf("%s is no call", name)
				}
				plan.Entries = append(plan.Entries, compartment.Entry{Func: name, Addr: addr, Size: size, Number: nr, Errno: prefix == "uk_syscall_e_"})
				plan.Compartments[0].Needs.Add(nr)
				plan.Compartments[0].Executes.Add(nr)
			}
		}
		if name == "euidunlink" {
			plan.Entries = append(plan.Entries, compartment.Entry{Func: name, Addr: addr, Size: size, Number: 87, Inline: true})
		}
		to, ok := static[name]
		switch {
		case strings.HasPrefix(name, "net_"):
			to, ok = 1, true
		case strings.HasPrefix(name, "plugin_"):
			to, ok = 2, true
		}
		if ok {
			plan.Gates = append(plan.Gates, compartment.Gate{Func: name, Addr: addr, Size: size, To: to})
		}
	}
	return plan, nil
}

// WritePlan writes the plan as a gofind.plan/v1 document.
func (img *Image) WritePlan(path string) error {
	p, err := img.Plan()
	if err != nil {
		return err
	}
	names := func(c *compartment.Calls) []string {
		list := []string{}
		for n := range 512 {
			if name, ok := sysno.Name(sysno.X86_64, n); ok && c.Has(n) {
				list = append(list, name)
			}
		}
		return list
	}
	compartments, gates, entries := []any{}, []any{}, []any{}
	for i := range p.Compartments {
		c := &p.Compartments[i]
		compartments = append(compartments, map[string]any{"name": c.Name, "default": c.Default, "transparent": false, "executes": names(&c.Executes), "needs": names(&c.Needs)})
	}
	for _, g := range p.Gates {
		gates = append(gates, map[string]any{"function": g.Func, "address": fmt.Sprintf("%#x", g.Addr), "size": g.Size, "compartment": p.Compartments[g.To].Name})
	}
	for _, e := range p.Entries {
		name, _ := sysno.Name(sysno.X86_64, e.Number)
		entries = append(entries, map[string]any{"function": e.Func, "address": fmt.Sprintf("%#x", e.Addr), "size": e.Size, "call": name, "errno": e.Errno, "body": e.Body, "inline": e.Inline})
	}
	b, err := json.MarshalIndent(map[string]any{"schema": "gofind.plan/v1", "compartments": compartments, "gates": gates, "entries": entries}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o666)
}
