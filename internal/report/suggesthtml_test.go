package report

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind"
)

// aSuggestion has names that are HTML.
func aSuggestion() *gofind.SplitSuggestion {
	bad := `</script><img src=x onerror="document.title='bad'">`
	return &gofind.SplitSuggestion{
		Schema: "gofind.suggest/v1", Image: "/b/" + bad, Complete: true, Most: 2, Price: 3, Calls: []string{"read", "write", "getpid"},
		Pieces: []gofind.SplitPiece{
			{Name: "libkernel", Libraries: []string{"libkernel"}, CodeBytes: 1000, Current: "kernel", Suggested: "kernel", Executes: []string{"read"}, Needs: []string{"read", "write", "getpid"}},
			{Name: bad, Libraries: []string{"liba"}, Movable: true, CodeBytes: 100, Current: "kernel", Suggested: "comp1", Needs: []string{"write"}},
		},
		Edges:      []gofind.SplitEdge{{From: bad, To: "libkernel", Functions: 12}, {From: "libkernel", To: bad, Functions: 1}},
		Current:    gofind.Split{Compartments: []gofind.SplitCompartment{{Name: "kernel", Default: true, Pieces: []string{"libkernel", bad}, CodeBytes: 1100, Needs: []string{"read", "write", "getpid"}}}, Privilege: 3300, Cost: 3300},
		Suggestion: gofind.Split{Compartments: []gofind.SplitCompartment{{Name: "kernel", Default: true, Pieces: []string{"libkernel"}, CodeBytes: 1000, Needs: []string{"read", "write", "getpid"}}, {Name: "comp1", Pieces: []string{bad}, CodeBytes: 100, Needs: []string{"write"}}}, Privilege: 3100, Crossings: 13, Cost: 3139},
		Search:     gofind.SplitSearch{Exact: true, Bound: 3139, Nodes: 4, Agrees: true},
		Moves:      []gofind.SplitMove{{Piece: bad, From: "kernel", Loses: []string{}, Gains: []string{"write"}, Policy: []string{"write"}, Crossings: 13, Privilege: -200, Cost: -161}},
		Overlay:    "compartments:\n  - {name: kernel, default: true}\n",
	}
}

func TestSuggestHTML(t *testing.T) {
	var b bytes.Buffer
	if err := SuggestHTML(&b, aSuggestion()); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if strings.Contains(page, "<img") || strings.Count(page, "</script>") != 1 {
		t.Error("a name became HTML")
	}
	if m := regexp.MustCompile(`(?i)(https?:)?//[a-z]|<link|<script src|@import|url\([^#]`).FindString(page); m != "" {
		t.Errorf("the page refers to something outside: %q", m)
	}
	for _, cell := range regexp.MustCompile(`<table[^>]*>`).FindAllStringIndex(page, -1) {
		if !strings.HasPrefix(page[cell[1]:], "<caption>") {
			t.Errorf("a table has no caption: %.80s", page[cell[0]:])
		}
	}
	for _, th := range regexp.MustCompile(`<th[ >][^>]*`).FindAllString(page, -1) {
		if !strings.Contains(th, `scope="`) {
			t.Errorf("a header without a scope: %s", th)
		}
	}
	got, _ := newBrowser(t).run(page, "--dump-dom")
	for _, want := range []string{
		`data-ready="3"`, // the script ran, and saw a row for each call
		`class="scroll matrix movable" id="libraries"`, // only libraries that may move are shown at first
		`<text class="count"`, `>12</text>`,
		`<title>Split of `,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the browser's document lacks %s", want)
		}
	}
	if strings.Contains(got, "<img") || strings.Contains(got, "<title>bad") {
		t.Error("a name became HTML in the browser")
	}
}

func TestSuggestLines(t *testing.T) {
	var b bytes.Buffer
	if err := SuggestLines(&b, aSuggestion()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"libkernel\tno\t1000\t3\tkernel\tkernel\n", "# search: exact, no split costs less; 4 nodes\n", "to (new): cost -161, privilege -200, crossings +13, loses -, gains write\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	b.Reset()
	if err := SuggestPage(&b, aSuggestion(), Style{Width: 100}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "Suggestion: 3100 call-bytes, 13 crossings, cost 3139\n") {
		t.Error(b.String())
	}
}
