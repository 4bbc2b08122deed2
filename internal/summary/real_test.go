package summary_test

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gofind-dev/gofind/internal/dataflow"
	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/summary"
)

// realFile opens the first of the usual C libraries that is there.
func realFile(t testing.TB) *image.File {
	t.Helper()
	for _, p := range []string{"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/libc.so.6", "/usr/lib/libc.so.6", "/lib/ld-musl-x86_64.so.1"} {
		if _, err := os.Stat(p); err != nil {
			continue
		}
		f, err := image.Open(p)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	t.Skip("no C library")
	return nil
}

// entries are all function starts of f, or with -short every eighth.
func entries(f *image.File) []uint64 {
	l := slices.Compact(slices.Sorted(slices.Values(f.FuncStarts())))
	if testing.Short() {
		var some []uint64
		for i := 0; i < len(l); i += 8 {
			some = append(some, l[i])
		}
		return some
	}
	return l
}

func summarise(f *image.File) *summary.File {
	sum := sha256.Sum256(f.Data)
	out := &summary.File{SHA256: hex.EncodeToString(sum[:])}
	a := dataflow.New(f)
	for _, e := range entries(f) {
		out.Units = append(out.Units, a.Unit(e))
	}
	return out
}

func TestRealUnits(t *testing.T) {
	want := summarise(realFile(t))
	b, err := want.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var got summary.File
	if err := got.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(*want, got); d != "" {
		t.Fatalf("written and read back (-written +read):\n%s", d)
	}
	again, err := got.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if string(again) != string(b) {
		t.Error("written twice, the bytes differ")
	}
}

// A unit depends on the file alone: not on what was asked before, and not on
// other files that the analyser has seen.
func TestUnitsDependOnTheFileAlone(t *testing.T) {
	f := realFile(t)
	list := entries(f)
	want := map[uint64]*summary.Unit{}
	a := dataflow.New(f)
	for _, e := range list {
		want[e] = a.Unit(e)
	}
	same := func(how string, got *summary.Unit) {
		if d := cmp.Diff(want[got.Entry], got); d != "" {
			t.Errorf("unit %#x, %s (-ascending +here):\n%s", got.Entry, how, d)
		}
	}
	for _, e := range list[:min(len(list), 200)] {
		same("asked again", a.Unit(e))
	}

	back := slices.Clone(list)
	slices.Reverse(back)
	b := dataflow.New(f)
	for _, e := range back {
		same("descending", b.Unit(e))
	}

	r := rand.New(rand.NewPCG(1, 2))
	mixed := slices.Clone(list)
	r.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	twin, err := image.Parse(f.Path, f.Data)
	if err != nil {
		t.Fatal(err)
	}
	c := dataflow.New(twin)
	for i, e := range mixed {
		if i%5 == 0 { // another file in between
			c.SetFile(twin)
			c.Unit(mixed[len(mixed)-1-i])
		}
		c.SetFile(f)
		if i%7 == 0 {
			c.Query(mixed[len(mixed)-1-i], map[uint64][]dataflow.Param{})
		}
		same("in random order", c.Unit(e))
	}

	for _, e := range mixed[:min(len(mixed), 300)] {
		same("with a fresh analyser", dataflow.New(f).Unit(e))
	}
}

func BenchmarkEncode(b *testing.B) {
	f := summarise(realFile(b))
	buf, err := f.MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		if buf, err = f.AppendBinary(buf[:0]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(buf))/float64(len(f.Units)), "B/unit")
}

func BenchmarkDecode(b *testing.B) {
	f := summarise(realFile(b))
	buf, err := f.MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		var g summary.File
		if err := g.UnmarshalBinary(buf); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(buf))/float64(len(f.Units)), "B/unit")
}
