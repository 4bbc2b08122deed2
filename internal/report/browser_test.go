package report

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofind-dev/gofind"
)

// browser is chromium without a window and without a network: every name is unknown, and everything goes through a proxy that is not there.
type browser struct {
	t       *testing.T
	program string
	dir     string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			return &browser{t, p, t.TempDir()}
		}
	}
	t.Skip("no chromium is installed: the page was not shown by a browser")
	return nil
}

// run loads a page, and returns what the browser writes, and what the page wrote on the console.
func (b *browser) run(page string, args ...string) (out string, console []string) {
	b.t.Helper()
	file := filepath.Join(b.dir, "page.html")
	if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, b.program, append(append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=" + filepath.Join(b.dir, "profile"),
		"--enable-logging=stderr", "--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9"}, args...), "file://"+file)...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		b.t.Fatalf("%s: %v\n%s", b.program, err, stderr.String())
	}
	for line := range strings.Lines(stderr.String()) {
		if strings.Contains(line, ":CONSOLE") {
			console = append(console, strings.TrimSpace(line))
		}
	}
	return stdout.String(), console
}

// measure adds to a page a script that does something and leaves a value, as JSON.
func (b *browser) measure(page, script string, value any) {
	b.t.Helper()
	script = "<script>document.documentElement.dataset.measured = JSON.stringify((() => {" + script + "})());</script></body>"
	out, console := b.run(strings.Replace(page, "</body>", script, 1), "--window-size=1200,900", "--dump-dom")
	m := regexp.MustCompile(`data-measured="([^"]*)"`).FindStringSubmatch(out)
	if m == nil {
		b.t.Fatalf("the script did not end; console: %s", console)
	}
	if err := json.Unmarshal([]byte(strings.ReplaceAll(m[1], "&quot;", `"`)), value); err != nil {
		b.t.Fatal(err)
	}
}

// aLargeSuggestion has compartments enough for arrows to cross.
func aLargeSuggestion() *gofind.SplitSuggestion {
	s := &gofind.SplitSuggestion{Schema: "gofind.suggest/v1", Image: "/b/image", Complete: true, Most: 6, Search: gofind.SplitSearch{Exact: true, Agrees: true}}
	for n := range 120 {
		s.Calls = append(s.Calls, fmt.Sprintf("call%d", n))
	}
	for c := range 6 {
		name := fmt.Sprintf("comp%d", c)
		needs := s.Calls[:20*c+10]
		s.Pieces = append(s.Pieces, gofind.SplitPiece{Name: "lib" + name, Libraries: []string{"lib" + name}, Movable: c > 0, CodeBytes: uint64(1) << (4 * c), Current: name, Suggested: name, Needs: needs, Executes: needs[:5]})
		k := gofind.SplitCompartment{Name: name, Default: c == 0, Pieces: []string{"lib" + name}, CodeBytes: uint64(1) << (4 * c), Needs: needs}
		s.Current.Compartments = append(s.Current.Compartments, k)
		for d := range 6 {
			if c != d {
				s.Edges = append(s.Edges, gofind.SplitEdge{From: "lib" + name, To: fmt.Sprintf("libcomp%d", d), Functions: c*d + 1})
			}
		}
		if c > 0 {
			s.Moves = append(s.Moves, gofind.SplitMove{Piece: "lib" + name, From: name, To: "comp0", Loses: needs, Policy: needs, Gains: []string{}, Cost: 1000 * (c - 3), Privilege: 1000 * (c - 3)})
		}
	}
	s.Suggestion = s.Current
	return s
}

func suggestionPage(t *testing.T, s *gofind.SplitSuggestion) string {
	t.Helper()
	var b bytes.Buffer
	if err := SuggestHTML(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The page has no error on the console, and one that had would be noticed: an exception, and something from outside.
func TestSuggestConsole(t *testing.T) {
	b := newBrowser(t)
	page := suggestionPage(t, aSuggestion())
	if _, console := b.run(page, "--dump-dom"); len(console) > 0 {
		t.Errorf("console: %s", console)
	}
	for _, wrong := range []string{"<script>nothing.there();</script>", `<img src="https://example.org/x.png">`, `<script src="https://example.org/x.js"></script>`} {
		if _, console := b.run(strings.Replace(page, "</body>", wrong+"</body>", 1), "--dump-dom"); len(console) == 0 {
			t.Errorf("%s was not noticed", wrong)
		}
	}
}

type box struct{ X, Y, Width, Height float64 }

func (a box) overlaps(b box) bool {
	return a.X < b.X+b.Width && b.X < a.X+a.Width && a.Y < b.Y+b.Height && b.Y < a.Y+a.Height
}

func (a box) contains(b box) bool {
	return b.X >= a.X && b.Y >= a.Y && b.X+b.Width <= a.X+a.Width && b.Y+b.Height <= a.Y+a.Height
}

// The graph is drawn: every compartment and arrow has its place on the page, no compartment lies on another, and texts are within theirs.
func TestSuggestGraphDrawn(t *testing.T) {
	b := newBrowser(t)
	for _, s := range []*gofind.SplitSuggestion{aSuggestion(), aLargeSuggestion()} {
		var got []struct {
			Frame box
			Nodes []box
			Texts [][]box
			Edges []float64
			Width float64
		}
		b.measure(suggestionPage(t, s), `
const rect = e => { const r = e.getBoundingClientRect(); return {X: r.x, Y: r.y, Width: r.width, Height: r.height}; };
return [...document.querySelectorAll("svg")].map(g => ({
  Frame: rect(g), Width: document.documentElement.scrollWidth,
  Nodes: [...g.querySelectorAll("g.node")].map(n => rect(n.querySelector("rect"))),
  Texts: [...g.querySelectorAll("g.node")].map(n => [...n.querySelectorAll("text")].map(rect)),
  Edges: [...g.querySelectorAll("path.edge")].map(e => e.getTotalLength()),
}));`, &got)
		if len(got) != 2 {
			t.Fatalf("%d graphs", len(got))
		}
		for i, split := range []gofind.Split{s.Current, s.Suggestion} {
			g := got[i]
			edges := 0
			if len(split.Compartments) == 6 {
				edges = 30
			} else if len(split.Compartments) == 2 {
				edges = 2
			}
			if len(g.Nodes) != len(split.Compartments) || len(g.Edges) != edges {
				t.Errorf("%d nodes, %d edges; want %d, %d", len(g.Nodes), len(g.Edges), len(split.Compartments), edges)
			}
			for k, n := range g.Nodes {
				if n.Width < 40 || n.Height < 20 || !g.Frame.contains(n) {
					t.Errorf("node %d is at %v, the graph at %v", k, n, g.Frame)
				}
				for j := range k {
					if n.overlaps(g.Nodes[j]) {
						t.Errorf("nodes %d and %d overlap: %v %v", j, k, g.Nodes[j], n)
					}
				}
				for _, text := range g.Texts[k] {
					if !strings.Contains(split.Compartments[k].Name, "<") && !n.contains(text) {
						t.Errorf("a text at %v is not within node %d at %v", text, k, n)
					}
				}
			}
			for _, length := range g.Edges {
				if length < 20 {
					t.Errorf("an arrow of length %v", length)
				}
			}
			if g.Width > 1200 {
				t.Errorf("the page is %v wide in a window of 1200", g.Width)
			}
		}
	}
}

// What can be clicked works.
func TestSuggestClicks(t *testing.T) {
	b := newBrowser(t)
	var got struct {
		Before, After, Opened, Marks int
		Colours                      []string
	}
	b.measure(suggestionPage(t, aLargeSuggestion()), `
const shown = () => [...document.querySelectorAll("#libraries thead th")].filter(e => e.offsetWidth > 0).length;
const before = shown(); document.getElementById("only").click(); const after = shown();
const details = document.querySelector("#moves details"); const height = details.offsetHeight; details.querySelector("summary").click();
const colour = c => getComputedStyle(document.querySelector("#libraries td." + c)).backgroundColor;
return {Before: before, After: after, Opened: details.offsetHeight - height, Marks: document.querySelectorAll("#libraries td.x, #libraries td.n").length,
  Colours: [colour("x"), colour("n"), getComputedStyle(document.body).backgroundColor]};`, &got)
	if got.Before != 6 || got.After != 7 || got.Opened <= 0 { // the column of calls, and a library more that stays
		t.Errorf("%+v", got)
	}
	if want := 10 + 30 + 50 + 70 + 90 + 110; got.Marks != want {
		t.Errorf("%d marks, want %d", got.Marks, want)
	}
	slices.Sort(got.Colours)
	if len(slices.Compact(got.Colours)) != 3 {
		t.Errorf("marks do not differ: %v", got.Colours)
	}
}

// The picture has the colours of the graph: it is not only in the document.
func TestSuggestPicture(t *testing.T) {
	b := newBrowser(t)
	file := filepath.Join(b.dir, "page.png")
	b.run(suggestionPage(t, aLargeSuggestion()), "--window-size=1200,1400", "--screenshot="+file)
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	heat, all := 0, map[[3]uint32]int{}
	for y := m.Bounds().Min.Y; y < m.Bounds().Max.Y; y++ {
		for x := m.Bounds().Min.X; x < m.Bounds().Max.X; x++ {
			r, g, bl, _ := m.At(x, y).RGBA()
			all[[3]uint32{r >> 8, g >> 8, bl >> 8}]++
		}
	}
	for c, n := range all {
		if c[0] > c[1]+40 && c[1] > c[2] {
			heat += n
		}
	}
	if pixels := m.Bounds().Dx() * m.Bounds().Dy(); heat < pixels/100 || len(all) < 50 {
		t.Errorf("%d of %d pixels have the colour of compartments, %d colours", heat, pixels, len(all))
	}
}
