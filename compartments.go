package gofind

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofind-dev/gofind/internal/kraft"
	"github.com/gofind-dev/gofind/internal/needs"
	"github.com/gofind-dev/gofind/internal/unikernel"
)

// KraftOptions say which unikernel is analysed.
type KraftOptions struct {
	Kraft        string   // a kraft.yaml, or a directory that has one; "": that whose build Image is, if there is one
	Compartments string   // a file with compartments that is laid over it, "" for none
	Image        string   // a .dbg image, or the build directory that has it; "": where kraft.yaml's build is
	Transparent  []string // libraries that add nothing of their own to a chain of calls; nil: the C libraries
	Stale        bool     // an image that is older than kraft.yaml is no error
	Libraries    bool     // what each library needs, too
	Workers      int      // 0: one per CPU; the answer does not depend on it
}

// KraftProblem is one thing that is wrong in a kraft.yaml.
type KraftProblem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Problem string `json:"problem"`
	Excerpt string `json:"excerpt,omitempty"` // the line, and one below it with a caret
}

// KraftError says all that is wrong in a kraft.yaml and the file that is laid over it: in themselves, or with
// the image, where Err says what (*StaleError).
type KraftError struct {
	Problems []KraftProblem
	Err      error
}

func (e *KraftError) Unwrap() error { return e.Err }

func (e *KraftError) Error() string {
	p := e.Problems[0]
	s := fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Problem)
	if n := len(e.Problems) - 1; n > 0 {
		s += fmt.Sprintf("; and %d more", n)
	}
	return s
}

// KraftFile is what a kraft.yaml says of compartments.
type KraftFile struct {
	Schema       string             `json:"schema"` // gofind.kraftfile/v1
	Path         string             `json:"path"`
	Name         string             `json:"name,omitempty"`
	Driver       string             `json:"driver,omitempty"`
	Compartments []KraftCompartment `json:"compartments"`
	Libraries    []KraftMember      `json:"libraries"`
}

// KraftCompartment is a compartment of a kraft.yaml; its number is its place in the list.
type KraftCompartment struct {
	Name        string `json:"name"`
	Driver      string `json:"driver,omitempty"`
	NoIsolStack bool   `json:"noisolstack"`
	Default     bool   `json:"default"`
}

// KraftMember is a library of a kraft.yaml.
type KraftMember struct {
	Name        string `json:"name"`
	Compartment string `json:"compartment,omitempty"` // "" if the file has no compartments
}

// ReadKraft reads a kraft.yaml, and checks it. Errors are *KraftError, or the system's.
func ReadKraft(opts KraftOptions) (*KraftFile, error) {
	f, err := readKraft(opts)
	if err != nil {
		return nil, err
	}
	out := &KraftFile{Schema: "gofind.kraftfile/v1", Path: f.Path, Name: f.Name, Driver: f.Driver, Compartments: []KraftCompartment{}, Libraries: []KraftMember{}}
	for _, c := range f.Compartments {
		out.Compartments = append(out.Compartments, KraftCompartment{c.Name, c.Driver, c.NoIsolStack, c.Default})
	}
	for _, l := range f.Libraries {
		m := KraftMember{Name: l.Name}
		if l.Compartment >= 0 {
			m.Compartment = f.Compartments[l.Compartment].Name
		}
		out.Libraries = append(out.Libraries, m)
	}
	return out, nil
}

// readKraft is ReadKraft for the analysis.
func readKraft(opts KraftOptions) (*kraft.File, error) {
	if opts.Kraft == "" && opts.Image != "" {
		if opts.Kraft = kraftOf(opts.Image); opts.Kraft == "" {
			return nil, fmt.Errorf("%s has no kraft.yaml near it; name the file itself", opts.Image)
		}
	}
	path, err := kraft.Find(opts.Kraft)
	if err != nil {
		return nil, err
	}
	f, err := kraft.Read(path, opts.Compartments)
	if e, ok := err.(*kraft.Error); ok {
		out := &KraftError{}
		for _, p := range e.Problems {
			out.add(p)
		}
		return nil, out
	}
	return f, err
}

func (e *KraftError) add(p kraft.Problem) {
	e.Problems = append(e.Problems, KraftProblem{p.Pos.File, p.Pos.Line, p.Pos.Column, p.What, p.Excerpt})
}

// AnalyseCompartments finds which calls each compartment of a unikernel needs. Nothing is run, and
// no file is written.
//
// An error means that there is no answer: a *KraftError, a file that cannot be read, an image
// that is none of a unikernel, that has no symbols, or that is older than its kraft.yaml.
func AnalyseCompartments(ctx context.Context, opts KraftOptions) (*CompartmentResult, error) {
	r, f, err := findNeeds(ctx, opts)
	if err != nil {
		return nil, err
	}
	defer r.Image.Close()
	return compartmentResult(r, f), nil
}

// findNeeds is AnalyseCompartments but for the form of the answer. The image is open; f is nil if there
// is no kraft.yaml.
func findNeeds(ctx context.Context, opts KraftOptions) (r *needs.Result, f *kraft.File, err error) {
	if opts.Kraft == "" && opts.Image != "" {
		opts.Kraft = kraftOf(opts.Image)
	}
	if opts.Kraft != "" {
		if f, err = readKraft(opts); err != nil {
			return nil, nil, err
		}
	}
	if f != nil && f.Driver == "vmept" && opts.Image == "" {
		_, _, debug, err := findSet(opts)
		if err == nil && len(debug) > 0 {
			err = fmt.Errorf("%s: its compartments have an image each, which only gofind kraft analyse and seal take together; name one image, such as %s", f.Path, debug[0])
		}
		if err != nil {
			return nil, nil, err
		}
	}
	path, err := imageOf(f, opts)
	if err != nil {
		return nil, nil, err
	}
	m, err := unikernel.Open(path)
	if err != nil {
		return nil, nil, err
	}
	if f != nil && !opts.Stale {
		if st, err := os.Stat(f.Path); err == nil && st.ModTime().After(m.ModTime) {
			e := &StaleError{path, f.Path, st.ModTime(), m.ModTime}
			m.Close()
			out := &KraftError{Err: e}
			out.add(f.Problem(f.At, e.what()))
			return nil, nil, out
		}
	}
	transparent := opts.Transparent
	if transparent == nil {
		transparent = needs.TransparentByDefault
	}
	if r, err = needs.Find(ctx, m, f, needs.Options{Transparent: transparent, Workers: opts.Workers, Libraries: opts.Libraries}); err != nil {
		m.Close()
		if e := (*needs.UnknownLibrary)(nil); errors.As(err, &e) {
			out := &KraftError{Err: err}
			for i, l := range e.Libraries {
				out.add(f.Problem(l.Pos, e.Of(i)))
			}
			return nil, nil, out
		}
		return nil, nil, err
	}
	return r, f, nil
}

// StaleError says that an image was built before its kraft.yaml was changed.
type StaleError struct {
	Image, Kraft   string
	Changed, Built time.Time
}

func (e *StaleError) Error() string { return e.Kraft + ": " + e.what() }

func (e *StaleError) what() string {
	const form = "2006-01-02 15:04:05"
	return fmt.Sprintf("the file was changed at %s, after %s was built (%s), and may describe another image; build it again, or give --stale if only compartments were changed",
		e.Changed.Format(form), e.Image, e.Built.Format(form))
}

// imageOf finds the image to analyse.
func imageOf(f *kraft.File, opts KraftOptions) (string, error) {
	name := ""
	if f != nil {
		name = f.Name
	}
	if opts.Image != "" {
		return unikernel.Locate(opts.Image, name)
	}
	if f == nil {
		return "", fmt.Errorf("there is neither a kraft.yaml nor an image; name one of them")
	}
	dir := filepath.Dir(f.Path)
	var dirs []string
	if f.OutDir != "" {
		out := f.OutDir
		if !filepath.IsAbs(out) {
			out = filepath.Join(dir, out)
		}
		dirs = append(dirs, out)
	}
	dirs = append(dirs, filepath.Join(dir, ".unikraft", "build"), filepath.Join(dir, "build"))
	var first error
	for _, d := range slices.Compact(dirs) {
		p, err := unikernel.Locate(d, name)
		if err == nil {
			return p, nil
		}
		if first == nil && !os.IsNotExist(err) {
			first = err
		}
	}
	if first == nil {
		first = fmt.Errorf("%s has no build; build it first, or name the image; looked in %s", dir, dirs)
	}
	return "", first
}
