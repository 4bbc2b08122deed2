package qemu

import (
	"cmp"
	"context"
	"debug/dwarf"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"
)

// For images that are not part of the tests:
//
//	go test ./internal/qemu -run TestImage -count 1 -v -args -spec spec.json -out trace.json
var (
	specPath = flag.String("spec", "", "`file` that says which image TestImage boots and traces")
	outPath  = flag.String("out", "", "`file` that TestImage writes the trace to")
)

// spec is an image and a workload.
type spec struct {
	Name    string
	Kernel  string // image that boots
	Debug   string // the same with symbols
	Initrd  string
	Append  string
	Memory  int
	Port    uint16
	Seconds int    // at most
	Steps   []step // in order; then the machine is stopped, if it has not ended
}

// step is one of these.
type step struct {
	Await string // text on the console
	Type  string // text to type at the console
	Get   string // path to ask for at Port, until it answers
	Ask   string // text to send to Port, until something is answered
	Wait  int    // milliseconds
	End   bool   // wait for the machine's end
}

// trace is what is written.
type trace struct {
	Image   string   `json:"image"`
	Points  int      `json:"points"`
	Hits    int      `json:"hits"`
	Calls   []string `json:"calls"`
	Records []Record `json:"records"`
	Console string   `json:"console"`
}

// TestImage boots a given image with a workload, writes which calls it made, and checks the trace against itself.
func TestImage(t *testing.T) {
	if *specPath == "" {
		t.Skip("no -spec: which image?")
	}
	data, err := os.ReadFile(*specPath)
	if err != nil {
		t.Fatal(err)
	}
	var s spec
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatalf("%s: %v", *specPath, err)
	}
	if s.Seconds == 0 {
		s.Seconds = 120
	}
	sym := readSymbols(t, s.Debug)
	points := append(Points(sym.funcs), inDWARF(t, sym)...)
	ctx := within(t, time.Duration(s.Seconds)*time.Second)
	m := launch(t, ctx, Config{Kernel: s.Kernel, Initrd: s.Initrd, Append: s.Append, Memory: s.Memory, Port: s.Port, Debug: true})
	d, err := m.Debugger(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	tr, err := NewTracer(d, points, sym.funcs, sym.frames, sym.base, sym.text)
	if err != nil {
		t.Fatal(err)
	}
	run, stop := context.WithCancel(ctx)
	defer stop()
	failed := make(chan error, 1)
	go func() {
		failed <- steps(ctx, m, s.Steps)
		stop()
	}()
	if err := tr.Run(run); err != nil {
		t.Fatal(err)
	}
	out := trace{Image: s.Name, Points: len(points), Records: tr.Records(), Console: m.Console()}
	if err := <-failed; err != nil {
		t.Error(err)
	}
	for _, r := range out.Records {
		out.Hits += r.Count
		if i, found := slices.BinarySearch(out.Calls, r.Call); !found {
			out.Calls = slices.Insert(out.Calls, i, r.Call)
		}
	}
	guesses := 0
	for _, r := range out.Records {
		if slices.ContainsFunc(r.Chain, func(f Frame) bool { return f.How == Guess }) {
			guesses++
		}
	}
	t.Logf("%s: %d points, %d hits, %d different (%d with guesses), %d calls: %v", s.Name, out.Points, out.Hits, len(out.Records), guesses, len(out.Calls), out.Calls)
	if *outPath != "" {
		b, err := json.MarshalIndent(out, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(*outPath, append(b, '\n'), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func steps(ctx context.Context, m *Machine, steps []step) error {
	for i, s := range steps {
		var err error
		switch {
		case s.Await != "":
			err = m.Await(ctx, s.Await)
		case s.Type != "":
			err = m.Type(s.Type)
		case s.Get != "":
			err = until(ctx, m, func() error { return get(m, s.Get) })
		case s.Ask != "":
			err = until(ctx, m, func() error { return ask(m, s.Ask) })
		case s.Wait != 0:
			time.Sleep(time.Duration(s.Wait) * time.Millisecond)
		case s.End:
			_, err = m.Wait(ctx)
		}
		if err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

// until does something as often as the server needs to come up.
func until(ctx context.Context, m *Machine, do func() error) error {
	for {
		err := do()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w%s", err, m.tail())
		case <-m.done:
			return fmt.Errorf("%w (%w)%s", ErrEnded, err, m.tail())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// get asks an HTTP server.
func get(m *Machine, path string) error {
	client := http.Client{
		Timeout: 20 * time.Second,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp4", m.Addr)
			},
		},
	}
	resp, err := client.Get("http://guest" + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// ask sends a text over a connection of its own and waits for the beginning of an answer.
func ask(m *Machine, text string) error {
	c, err := net.Dial("tcp4", m.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, text); err != nil {
		return err
	}
	_, err = io.ReadAtLeast(c, make([]byte, 4096), 1)
	return err
}

// inDWARF returns the places where a call is made that symbols do not tell, from DWARF: the body as part of a function
// that is no entry of it (of access in faccessat), and libc's name as an entry with the body in it, which stands in the
// source file of the other two (in images whose libc does not define it).
func inDWARF(t *testing.T, sym *symbols) []Point {
	t.Helper()
	data, err := sym.file.DWARF()
	if err != nil {
		t.Logf("no DWARF, so only what symbols say: %v", err)
		return nil
	}
	names := map[dwarf.Offset]string{} // of functions
	type place struct {
		origin dwarf.Offset
		addr   uint64
	}
	var places []place
	var ps []Point
	type function struct {
		name   string
		origin dwarf.Offset // has the name, if name is ""
		addr   uint64
	}
	var unit []function
	endUnit := func() {
		entries := map[string]bool{}
		for i, f := range unit {
			if f.name == "" {
				unit[i].name = names[f.origin]
			}
			if call, kind, ok := callOf(unit[i].name); ok && kind == "entry" {
				entries[call] = true
			}
		}
		for _, f := range unit {
			if entries[f.name] {
				ps = append(ps, Point{f.addr, f.name, f.name, "wrapper"})
			}
		}
		unit = unit[:0]
	}
	for r := data.Reader(); ; {
		e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if e == nil {
			break
		}
		name, _ := e.Val(dwarf.AttrName).(string)
		origin, hasOrigin := e.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset)
		switch e.Tag {
		case dwarf.TagCompileUnit:
			endUnit()
		case dwarf.TagSubprogram:
			if name != "" {
				names[e.Offset] = name
			}
			if low, ok := e.Val(dwarf.AttrLowpc).(uint64); ok {
				unit = append(unit, function{name, origin, low})
			}
		case dwarf.TagInlinedSubroutine:
			if !hasOrigin {
				continue
			}
			addr, ok := e.Val(dwarf.AttrEntrypc).(uint64)
			if !ok {
				ranges, err := data.Ranges(e)
				if err != nil || len(ranges) == 0 {
					continue
				}
				addr = ranges[0][0]
			}
			places = append(places, place{origin, addr})
		}
	}
	endUnit()
	wrapper := map[string]bool{}
	for _, p := range ps {
		wrapper[p.Func] = true
	}
	tr := &Tracer{funcs: slices.Clone(sym.funcs)}
	slices.SortStableFunc(tr.funcs, func(a, b Func) int { return cmp.Compare(a.Addr, b.Addr) })
	for _, p := range places {
		name := names[p.origin]
		call, kind, ok := callOf(name)
		if !ok || kind != "body" {
			continue
		}
		in, _ := tr.name(p.addr)
		if own, _, ok := callOf(in); ok && own == call || in == call && wrapper[in] {
			continue
		}
		ps = append(ps, Point{p.addr, call, name + " in " + in, "inline"})
	}
	return ps
}
