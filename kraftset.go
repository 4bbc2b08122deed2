package gofind

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/compartment"
	"github.com/gofind-dev/gofind/internal/kraft"
	"github.com/gofind-dev/gofind/internal/needs"
	"github.com/gofind-dev/gofind/internal/rpc"
	"github.com/gofind-dev/gofind/internal/unikernel"
	"github.com/gofind-dev/gofind/internal/x86"
)

// ImageSet is what is known of a unikernel whose compartments are virtual machines (FlexOS's vmept), with an image
// each. docs/json.md describes it.
type ImageSet struct {
	Schema      string       `json:"schema"` // gofind.imageset/v1
	Kraft       string       `json:"kraft,omitempty"`
	Complete    bool         `json:"complete"`
	Images      []SetImage   `json:"images"` // by number of the compartment
	Assumptions []Assumption `json:"assumptions"`

	plans []*compartment.Plan
}

// SetImage is the image of one compartment.
type SetImage struct {
	Compartment string                  `json:"compartment"`
	Number      int                     `json:"number"`
	Image       string                  `json:"image"` // the file with symbols
	SHA256      string                  `json:"sha256"`
	CodeBytes   uint64                  `json:"code_bytes"` // live
	Linked      int                     `json:"calls_linked"`
	Needs       []CompartmentNeed       `json:"needs"`
	Exports     []SetExport             `json:"exports"`
	Gates       []SetGate               `json:"gates"`
	Servers     []SetServer             `json:"servers"`
	Unresolved  []CompartmentUnresolved `json:"unresolved"`
}

// SetExport is a function of an image that others have it call.
type SetExport struct {
	Function string   `json:"function"`
	Address  string   `json:"address"`
	Library  string   `json:"library"`
	From     []string `json:"from"` // compartments
}

// SetGate is a place where an image has others call something.
type SetGate struct {
	Address  string   `json:"address"`
	Function string   `json:"function"`  // that it is in
	Library  string   `json:"library"`   //
	To       []string `json:"to"`        // compartments
	Calls    []string `json:"calls"`     // functions
	Computed bool     `json:"computed"`  // it may call others, whose addresses it has from elsewhere
	LiveCode bool     `json:"live_code"` // control comes to it in this image
}

// SetServer is an instruction that calls what others ask for.
type SetServer struct {
	Address  string `json:"address"`
	Function string `json:"function"`
}

// SealedImageSet has the rules of all images of a set. It marshals to a gofind.images/v1 document.
type SealedImageSet struct {
	Schema string         `json:"schema"`
	Images []*SealedImage `json:"images"` // by compartment
}

const imagesSchema = "gofind.images/v1"

// maxRounds bounds how often a set is analysed until nothing changes; each round but the last finds a function that others call.
const maxRounds = 64

// setFiles returns the files of a set: the images that boot, and those with symbols, by compartment. path is one of these, or what they are called
// without .compN, or a directory that has one set.
func setFiles(path, name string) (final, debug []string, err error) {
	base := strings.TrimSuffix(path, ".dbg")
	if b, _, ok := setMember(path); ok {
		base = b
	}
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, nil, err
		}
		var found []string
		for _, e := range entries {
			if b, ok := strings.CutSuffix(e.Name(), ".dbg.comp0"); ok {
				found = append(found, b)
			}
		}
		if own := slices.DeleteFunc(slices.Clone(found), func(b string) bool { return name == "" || !strings.HasPrefix(b, name+"_") }); len(own) > 0 {
			found = own
		}
		switch len(found) {
		case 0:
			return nil, nil, nil
		case 1:
			base = filepath.Join(path, found[0])
		default:
			return nil, nil, fmt.Errorf("%s has the images of several unikernels; name one: %s", path, strings.Join(found, ", "))
		}
	}
	for n := range compartment.MaxCompartments {
		d := fmt.Sprintf("%s.dbg.comp%d", base, n)
		if _, err := os.Stat(d); err != nil {
			break
		}
		final, debug = append(final, fmt.Sprintf("%s.comp%d", base, n)), append(debug, d)
	}
	return final, debug, nil
}

// setMember takes the name of an image of a set apart: what all are called, and ".compN".
func setMember(path string) (base, suffix string, ok bool) {
	i := strings.LastIndex(path, ".comp")
	if i < 0 || strings.Trim(path[i+len(".comp"):], "0123456789") != "" || path[i+len(".comp"):] == "" {
		return "", "", false
	}
	return strings.TrimSuffix(path[:i], ".dbg"), path[i:], true
}

// findSet finds the files of the set that the options describe, none if they describe a single image.
func findSet(opts KraftOptions) (f *kraft.File, final, debug []string, err error) {
	if opts.Kraft == "" && opts.Image != "" {
		opts.Kraft = kraftOf(opts.Image)
	}
	if opts.Kraft == "" {
		return nil, nil, nil, nil
	}
	if f, err = readKraft(opts); err != nil || f.Driver != "vmept" {
		return nil, nil, nil, err
	}
	places := []string{opts.Image}
	if opts.Image == "" {
		dir := filepath.Dir(f.Path)
		places = []string{filepath.Join(dir, f.OutDir), filepath.Join(dir, ".unikraft", "build"), filepath.Join(dir, "build")}
		if filepath.IsAbs(f.OutDir) {
			places[0] = f.OutDir
		}
	}
	for _, p := range places {
		if final, debug, err = setFiles(p, f.Name); err != nil || len(debug) > 0 {
			break
		}
	}
	if err != nil || len(debug) == 0 {
		return nil, nil, nil, err
	}
	if len(debug) != len(f.Compartments) {
		return nil, nil, nil, fmt.Errorf("%s has %d compartments, and there are %d images (%s ...); build it again", f.Path, len(f.Compartments), len(debug), debug[0])
	}
	return f, final, debug, nil
}

// AnalyseImageSet finds what each image of a unikernel needs whose compartments are virtual machines, and which of its functions
// the others may have called. The result is nil if the options describe no such set, but one image: AnalyseCompartments is for that.
//
// Errors are those of AnalyseCompartments.
func AnalyseImageSet(ctx context.Context, opts KraftOptions) (*ImageSet, error) {
	f, _, debug, err := findSet(opts)
	if f == nil || err != nil {
		return nil, err
	}
	s := &setAnalysis{f: f, opts: opts}
	defer s.close()
	for _, path := range debug {
		m, err := unikernel.Open(path)
		if err != nil {
			return nil, err
		}
		s.images = append(s.images, m)
		if st, err := os.Stat(f.Path); err == nil && !opts.Stale && st.ModTime().After(m.ModTime) {
			return nil, &StaleError{path, f.Path, st.ModTime(), m.ModTime}
		}
		s.found = append(s.found, rpc.Find(m))
	}
	if err := s.solve(ctx); err != nil {
		return nil, err
	}
	return s.result(), nil
}

// setAnalysis is the work on one set.
type setAnalysis struct {
	f        *kraft.File
	opts     KraftOptions
	images   []*unikernel.Image
	found    []*rpc.Found
	results  []*needs.Result
	live     []map[string]bool      // by image: functions that control comes to, without the suffixes of their parts
	exports  []map[uint64][]int     // by image: what is called there, and from which compartments
	computed []map[uint64]*rpc.Gate // by image: gates whose functions are not all known
}

func (s *setAnalysis) close() {
	for _, m := range s.images {
		m.Close()
	}
}

// solve analyses each image with the functions that live gates of all images have it call, until no further ones are found.
func (s *setAnalysis) solve(ctx context.Context) error {
	n := len(s.images)
	s.results, s.live, s.exports, s.computed = make([]*needs.Result, n), make([]map[string]bool, n), make([]map[uint64][]int, n), make([]map[uint64]*rpc.Gate, n)
	for i := range n {
		s.exports[i], s.computed[i] = map[uint64][]int{}, map[uint64]*rpc.Gate{}
	}
	transparent := s.opts.Transparent
	if transparent == nil {
		transparent = needs.TransparentByDefault
	}
	known := make([]int, n)
	for range maxRounds {
		changed := false
		for i, m := range s.images {
			if s.results[i] != nil && known[i] == len(s.exports[i]) {
				continue
			}
			changed = true
			known[i] = len(s.exports[i])
			called := make([]uint64, 0, known[i])
			for a := range s.exports[i] {
				called = append(called, a)
			}
			slices.Sort(called)
			r, err := needs.Find(ctx, m, nil, needs.Options{Transparent: transparent, Workers: s.opts.Workers, Called: called, Elsewhere: s.found[i].Private})
			if err != nil {
				return err
			}
			s.results[i] = r
			s.live[i] = map[string]bool{}
			for u := range r.Graph.Units {
				if f := r.Graph.Func(u); f != nil {
					s.live[i][rpc.Plain(f.Name)] = true
				}
			}
		}
		if !changed {
			return nil
		}
		for i := range s.images {
			s.gates(i)
		}
	}
	return fmt.Errorf("%s: what images have each other call was not found in %d rounds", s.f.Path, maxRounds)
}

// gates adds what the live gates of an image call.
func (s *setAnalysis) gates(i int) {
	m := s.images[i]
	for k := range s.found[i].Gates {
		g := &s.found[i].Gates[k]
		if !s.live[i][rpc.Plain(m.At(g.In).Name)] {
			continue
		}
		targets := g.Targets
		if g.Computed {
			s.computed[i][g.Call] = g
			targets = append(slices.Clone(targets), rpc.Visible(m)...)
		}
		for _, c := range s.to(g) {
			for _, a := range targets {
				if f := s.images[c].At(a); f == nil || !f.Code || f.Addr != a {
					continue // no function: nothing that the other image could call there
				}
				if !slices.Contains(s.exports[c][a], i) {
					s.exports[c][a] = append(s.exports[c][a], i)
				}
			}
		}
	}
}

// to are the compartments that a gate may lead to. One that does not exist is left out.
func (s *setAnalysis) to(g *rpc.Gate) (out []int) {
	for c := range s.images {
		if slices.Contains(g.To, c) || slices.Contains(g.To, rpc.Any) {
			out = append(out, c)
		}
	}
	return out
}

func (s *setAnalysis) names(list []int) []string {
	out := []string{}
	for _, c := range list {
		out = append(out, s.f.Compartments[c].Name)
	}
	return out
}

func (s *setAnalysis) result() *ImageSet {
	out := &ImageSet{Schema: "gofind.imageset/v1", Kraft: absolute(s.f.Path), Complete: true, Images: []SetImage{}, Assumptions: append(slices.Clone(kraftAssumptions), setAssumptions...)}
	for i, m := range s.images {
		one := compartmentResult(s.results[i], nil)
		x := SetImage{Compartment: s.f.Compartments[i].Name, Number: i, Image: one.Image, SHA256: one.SHA256, CodeBytes: one.CodeBytes, Linked: len(one.Calls), Needs: one.Compartments[0].Needs,
			Exports: []SetExport{}, Gates: []SetGate{}, Servers: []SetServer{}, Unresolved: one.Unresolved}
		for k := range x.Unresolved {
			x.Unresolved[k].Compartment = x.Compartment
		}
		for k := range x.Needs {
			for j := range x.Needs[k].Via {
				x.Needs[k].Via[j].Compartment = x.Compartment
			}
		}
		plan := &compartment.Plan{Alone: true, Entries: s.results[i].Plan.Entries,
			Compartments: []compartment.Compartment{{Name: x.Compartment, Default: true, Executes: s.results[i].Plan.Compartments[0].Executes, Needs: s.results[i].Plan.Compartments[0].Needs}}}
		library := func(a uint64) string {
			if l := m.Owner(a); l >= 0 {
				return strings.Clone(m.Libs[l].Name)
			}
			return ""
		}
		var called []uint64
		for a := range s.exports[i] {
			called = append(called, a)
		}
		slices.Sort(called)
		for _, a := range called {
			f := m.At(a)
			from := s.exports[i][a]
			slices.Sort(from)
			x.Exports = append(x.Exports, SetExport{strings.Clone(f.Name), address(a), library(a), s.names(from)})
			plan.Exports = append(plan.Exports, compartment.Gate{Func: strings.Clone(f.Name), Addr: a, Size: f.Size})
		}
		for k := range s.found[i].Gates {
			g := &s.found[i].Gates[k]
			in := m.At(g.In)
			y := SetGate{Address: address(g.Call), Function: strings.Clone(in.Name), Library: library(g.In), To: s.names(s.to(g)), Calls: []string{}, Computed: g.Computed, LiveCode: s.live[i][rpc.Plain(in.Name)]}
			for _, a := range g.Targets {
				if f := m.At(a); f != nil && f.Code && f.Addr == a {
					y.Calls = append(y.Calls, strings.Clone(f.Name))
				}
			}
			x.Gates = append(x.Gates, y)
			if g.Computed && y.LiveCode {
				x.Unresolved = append(x.Unresolved, CompartmentUnresolved{Kind: "gate", Address: y.Address, Function: y.Function, Compartment: x.Compartment,
					Effect: "the function that it has another compartment call is not constant, so all functions whose address is visible in this image count as called there"})
			}
		}
		for _, v := range s.found[i].Servers {
			x.Servers = append(x.Servers, SetServer{address(v.Call), strings.Clone(v.Whose)})
			reg := uint8(compartment.NoReg)
			if v.Reg < x86.Reg(16) {
				reg = uint8(v.Reg)
			}
			plan.Servers = append(plan.Servers, compartment.Server{Func: strings.Clone(v.Whose), Addr: v.Call, Size: v.Size, Reg: reg})
		}
		if len(x.Servers) == 0 {
			x.Unresolved = append(x.Unresolved, CompartmentUnresolved{Kind: "server", Compartment: x.Compartment, Effect: "no code is known that calls what other images ask for, so nothing can compare it with what they may ask for"})
		}
		out.Complete = out.Complete && one.Complete
		out.Images, out.plans = append(out.Images, x), append(out.plans, plan)
	}
	return out
}

// Plan returns what SealImage would enforce in one of the images.
func (s *ImageSet) Plan(n int) *ImagePlan { return newImagePlan(s.plans[n]) }

var setAssumptions = []Assumption{
	{Name: "rpc-layout", Detail: "Gates and servers are those of FlexOS: a gate writes the address of a function at offset 16 of a control block, and the state at offset 0, before it calls flexos_vmept_wait_for_rpc."},
	{Name: "one-layout", Detail: "A function has the same address in all images of the set, as FlexOS builds them."},
}

// SealImageSet is SealImage for all images of a set; out.compN is the image of compartment N, and out.compN.dbg its file with symbols. The result
// is nil if image names no set, or one image of a set.
func SealImageSet(ctx context.Context, image, out string, o ImageSealOptions) (*SealedImageSet, error) {
	if _, _, one := setMember(image); one {
		return nil, nil // SealImage finds its plan
	}
	final, debug, set, err := o.set(ctx, image)
	if set == nil || err != nil {
		return nil, err
	}
	if o.Plan != nil || o.Debug != "" {
		return nil, fmt.Errorf("%s: each image of the set has a plan and a file with symbols of its own; name one image: %s.comp0", image, image)
	}
	if o.PKU {
		return nil, fmt.Errorf("%s: compartments are virtual machines, which memory keys do not separate; leave out --pku", image)
	}
	if !set.Complete && !o.Unknown {
		return nil, set.incomplete()
	}
	sealed := &SealedImageSet{Schema: imagesSchema}
	var all []*newFile
	for n := range debug {
		one := o
		one.Plan, one.Debug = set.Plan(n), debug[n]
		s, files, err := sealImage(ctx, bootable(final[n], debug[n]), fmt.Sprintf("%s.comp%d", out, n), one)
		if err != nil {
			discard(all)
			return nil, err
		}
		sealed.Images, all = append(sealed.Images, s), append(all, files...)
	}
	// One image that cannot be sealed leaves none of the others behind.
	if err := install(all); err != nil {
		return nil, err
	}
	return sealed, nil
}

// setPlan is the plan of the image of a set that has its symbols in debug.
func setPlan(set *ImageSet, debug string, unknown bool, err error) (*compartment.Plan, error) {
	if err != nil {
		return nil, err
	}
	if !set.Complete && !unknown {
		return nil, set.incomplete()
	}
	for n, m := range set.Images {
		if sameFile(m.Image, debug) {
			return set.plans[n], nil
		}
	}
	return nil, fmt.Errorf("%s is none of the images of %s", debug, set.Kraft)
}

func (s *ImageSet) incomplete() error {
	for _, m := range s.Images {
		for _, u := range m.Unresolved {
			if u.Open {
				return fmt.Errorf("%s: what it needs is not known in full (%s at %s, %s: %s), so calls may be refused that are needed; --allow-unresolved seals it all the same", m.Image, u.Kind, u.Address, u.Function, u.Effect)
			}
		}
	}
	return fmt.Errorf("%s: what its images need is not known in full; --allow-unresolved seals them all the same", s.Kraft)
}

// bootable returns the image that boots, or the one with symbols if there is no other.
func bootable(final, debug string) string {
	if _, err := os.Stat(final); err != nil {
		return debug
	}
	return final
}

// set analyses the set that an image's name stands for.
func (o *ImageSealOptions) set(ctx context.Context, image string) (final, debug []string, set *ImageSet, err error) {
	if final, debug, err = setFiles(image, ""); err != nil || len(debug) == 0 {
		return nil, nil, nil, err
	}
	k := o.Kraft
	k.Image = debug[0]
	set, err = AnalyseImageSet(ctx, k)
	return final, debug, set, err
}

// InspectImageSet is InspectImage for the images that SealImageSet wrote. The result is nil if path names no set.
func InspectImageSet(path string) (*SealedImageSet, error) {
	if _, err := os.Stat(path); err == nil {
		return nil, nil
	}
	out := &SealedImageSet{Schema: imagesSchema}
	for n := range compartment.MaxCompartments {
		p := fmt.Sprintf("%s.comp%d", path, n)
		if _, err := os.Stat(p); err != nil {
			break
		}
		s, err := InspectImage(p)
		if err != nil {
			return nil, err
		}
		out.Images = append(out.Images, s)
	}
	if len(out.Images) == 0 {
		return nil, nil
	}
	return out, nil
}
