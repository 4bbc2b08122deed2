package gofind

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofind-dev/gofind/internal/compartment"
	"github.com/gofind-dev/gofind/internal/gatecode"
	"github.com/gofind-dev/gofind/internal/kraft"
	"github.com/gofind-dev/gofind/internal/rules"
	"github.com/gofind-dev/gofind/internal/unikraft"
)

// ImageSealOptions are choices for SealImage.
type ImageSealOptions struct {
	Plan      *ImagePlan   // what to enforce; nil: what the analysis finds that compartments need
	Kraft     KraftOptions // for the analysis; where Kraft is "", the kraft.yaml of the image's build, or none if Compartments has all
	Unknown   bool         // seal also if the analysis may lack calls, which are refused then though they are needed
	Debug     string       // the file with symbols; "" is IMAGE.dbg
	OnDeny    string       // what a denied call does: "eperm" (also ""), "enosys", or "crash"
	Protect   bool         // write-protect rules and text where the boot page table allows it
	PKU       bool         // memory keys separate compartments, numbered as in FlexOS: PKRU decides what they execute, and a key protects the tag; true if kraft.yaml has the driver intel-pku
	NoPKU     bool         // not even then
	AllowGaps bool         // seal also if rules cannot be enforced in full
	Tool      string       // version of the caller, for the rules
}

// SealedImage is what there is to know of the rules in an image. It marshals to a gofind.image/v1 document.
type SealedImage struct {
	Schema       string             `json:"schema"`
	Path         string             `json:"path"`
	SHA256       string             `json:"sha256"`
	Tool         string             `json:"tool"`      // version of the program that sealed it
	Default      string             `json:"default"`   // what happens to calls that are in no set: "deny"
	OnDeny       string             `json:"on_deny"`   // "eperm", "enosys" or "crash"
	Linked       bool               `json:"linked"`    // from source: the micro-library enforces them
	Protected    bool               `json:"protected"` // rules and text are write-protected
	Alone        bool               `json:"alone"`     // the image is one compartment by itself: a refusal depends on nothing, and there is no tag
	Keys         bool               `json:"keys"`      // memory keys separate compartments, and PKRU decides, too
	Tag          string             `json:"tag"`       // address of the tag
	Compartments []ImageCompartment `json:"compartments"`
	Entries      []ImageEntry       `json:"entries"`
	Gates        []ImageGate        `json:"gates"`
	Gaps         []ImageGap         `json:"gaps"`
	Notes        []string           `json:"notes,omitempty"` // only from SealImage
}

// ImageCompartment has the rules of one compartment.
type ImageCompartment struct {
	Name        string   `json:"name"`
	Default     bool     `json:"default"`
	Transparent bool     `json:"transparent"`
	Allowed     []string `json:"allowed"`
}

// ImageEntry is an entry of a system call.
type ImageEntry struct {
	Function string   `json:"function"`
	Address  string   `json:"address"`
	Call     string   `json:"call"`
	Denied   []string `json:"denied"`             // compartments
	Executes []string `json:"executes,omitempty"` // with keys: compartments whose code may call it
	Checked  bool     `json:"checked"`
	Errno    bool     `json:"errno"`
}

// ImageGate is a function that was hooked for the tag.
type ImageGate struct {
	Function    string `json:"function"`
	Address     string `json:"address"`
	Kind        string `json:"kind"`                  // "enter", "handler", "switch", "start", "jump", "keep" (memory with keys from being executed) or "site" (a change of keys); with Alone "export" (a function that other images may have called) or "server" (what calls it)
	Compartment string `json:"compartment,omitempty"` // of "enter"
}

// ImageGap is something that could not be enforced.
type ImageGap struct {
	Function string   `json:"function,omitempty"`
	Address  string   `json:"address,omitempty"`
	Reason   string   `json:"reason"`
	Weakens  []string `json:"weakens"` // compartments whose rules do not hold in full; none if the program may suffer instead
}

const imageSchema = "gofind.image/v1"

var denials = []string{gatecode.EPERM: "eperm", gatecode.ENOSYS: "enosys", gatecode.Crash: "crash"}

// ImageGapsError says that rules cannot be enforced in full.
type ImageGapsError struct {
	Path string
	Gaps []ImageGap
}

func (e *ImageGapsError) Error() string {
	g := e.Gaps[0]
	where := g.Function
	if where == "" {
		where = "the image"
	}
	return fmt.Sprintf("%s: %d of its rules cannot be enforced in full; %s: %s; --allow-gaps goes on all the same", e.Path, len(e.Gaps), where, g.Reason)
}

// Errors that SealImage and InspectImage wrap.
var (
	ErrNotUnikernel = unikraft.ErrNotUnikernel
	ErrImageSealed  = unikraft.ErrSealed
	ErrNoRules      = rules.ErrNone
	ErrNewerRules   = rules.ErrNewer
)

// SealImage writes to out a copy of a unikernel's image that enforces a plan, and to out.dbg one
// of the file with symbols. image is the file that boots, or the one with symbols if there is no other.
// Each file is written as a whole or not at all; image itself is not changed.
func SealImage(ctx context.Context, image, out string, o ImageSealOptions) (*SealedImage, error) {
	sealed, files, err := sealImage(ctx, image, out, o)
	if err == nil {
		err = install(files)
	}
	if err != nil {
		return nil, err
	}
	return sealed, nil
}

// sealImage is SealImage but for the last step: the files do not have their names yet. There are none if it fails.
func sealImage(ctx context.Context, image, out string, o ImageSealOptions) (sealed *SealedImage, files []*newFile, err error) {
	opts, err := o.internal()
	if err != nil {
		return nil, nil, err
	}
	if boots, ok := strings.CutSuffix(image, ".dbg"); ok {
		if _, err := os.Stat(boots); err == nil {
			return nil, nil, fmt.Errorf("%s has the symbols of %s, and loaders do not take it; name %s", image, boots, boots)
		}
	}
	debug, final, err := openImage(image, o.Debug)
	if err != nil {
		return nil, nil, err
	}
	plan, err := o.plan(ctx, debug.Path)
	if err != nil {
		return nil, nil, err
	}
	opts.PKU = o.keys(debug.Path)
	report, err := unikraft.Seal(plan, debug, final, opts)
	if err != nil {
		return nil, nil, err
	}
	sealed = newSealedImage(out, report.Rules)
	sealed.Notes = report.Protected
	if len(sealed.Gaps) > 0 && !o.AllowGaps {
		return nil, nil, &ImageGapsError{image, sealed.Gaps}
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	outputs := []struct {
		path string
		file *unikraft.File
	}{{out, debug}}
	if final != nil {
		outputs[0].file = final
		outputs = append(outputs, outputs[0])
		outputs[0].path, outputs[0].file = out+".dbg", debug
	}
	for _, f := range outputs {
		for _, input := range []*unikraft.File{debug, final} {
			if input != nil && sameFile(f.path, input.Path) {
				return nil, nil, fmt.Errorf("%s would be overwritten; name another file to write", input.Path)
			}
		}
	}
	defer func() {
		if err != nil {
			discard(files)
		}
	}()
	for _, f := range outputs {
		data, err := f.file.Encode()
		if err != nil {
			return nil, files, err
		}
		file, err := writeNew(f.path, f.file.Path, data)
		if err != nil {
			return nil, files, err
		}
		files = append(files, file)
		sealed.SHA256 = fmt.Sprintf("%x", sha256.Sum256(data))
	}
	return sealed, files, nil
}

// PlanImage returns what SealImage would enforce.
func PlanImage(ctx context.Context, image string, o ImageSealOptions) (*ImagePlan, error) {
	debug, _, err := openImage(image, o.Debug)
	if err != nil {
		return nil, err
	}
	plan, err := o.plan(ctx, debug.Path)
	if err != nil {
		return nil, err
	}
	return newImagePlan(plan), nil
}

// plan returns what is to be enforced in the image that has its symbols in debug.
func (o *ImageSealOptions) plan(ctx context.Context, debug string) (*compartment.Plan, error) {
	if o.Plan != nil {
		return o.Plan.internal()
	}
	k := o.Kraft
	k.Image = debug
	if set, err := AnalyseImageSet(ctx, k); set != nil || err != nil {
		return setPlan(set, debug, o.Unknown, err)
	}
	if k.Kraft == "" {
		if k.Kraft = kraftOf(debug); k.Kraft == "" {
			// A file with compartments alone says nothing about the build.
			k.Kraft, k.Compartments, k.Stale = k.Compartments, "", true
		}
	}
	if k.Kraft == "" {
		return nil, fmt.Errorf("%s has no kraft.yaml near it, so nothing says what its compartments are; name one with --kraft, or a file with compartments with --compartments", debug)
	}
	r, err := AnalyseCompartments(ctx, k)
	if err != nil {
		return nil, err
	}
	if !r.Complete && !o.Unknown {
		return nil, &IncompletePlanError{r}
	}
	return r.plan, nil
}

// keys reports whether memory keys separate the compartments of an image: as it is asked for, or as its kraft.yaml has it.
func (o *ImageSealOptions) keys(debug string) bool {
	if o.PKU || o.NoPKU {
		return o.PKU
	}
	k := o.Kraft
	if k.Kraft == "" {
		if k.Kraft = kraftOf(debug); k.Kraft == "" {
			k.Kraft, k.Compartments = k.Compartments, ""
		}
	}
	if k.Kraft == "" {
		return false
	}
	f, err := readKraft(k)
	return err == nil && f.Driver == "intel-pku"
}

// IncompletePlanError says that the calls that compartments need are not all known.
type IncompletePlanError struct{ Result *CompartmentResult }

func (e *IncompletePlanError) Error() string {
	why := "see gofind kraft analyse"
	for _, u := range e.Result.Unresolved {
		if u.Open {
			why = fmt.Sprintf("%s at %s, %s: %s", u.Kind, u.Address, u.Function, u.Effect)
			break
		}
	}
	return fmt.Sprintf("%s: what its compartments need is not known in full (%s), so calls may be refused that are needed; --allow-unresolved goes on all the same", e.Result.Image, why)
}

// kraftOf returns the directory with a kraft.yaml whose build an image is: that of the image, or one of the two above.
func kraftOf(image string) string {
	abs, err := filepath.Abs(image)
	if err != nil {
		return ""
	}
	dir := abs
	for range 3 {
		dir = filepath.Dir(dir)
		if _, err := kraft.Find(dir); err == nil {
			return dir
		}
	}
	return ""
}

// openImage opens the file with symbols and the one that boots, which is nil if that is the same.
func openImage(image, debug string) (symbols, final *unikraft.File, err error) {
	if debug == "" {
		debug = strings.TrimSuffix(image, ".dbg") + ".dbg"
		if base, n, ok := setMember(image); ok {
			debug = base + ".dbg" + n
		}
	}
	first, err := unikraft.Open(image)
	if err != nil {
		return nil, nil, err
	}
	if sameFile(image, debug) {
		return first, nil, nil
	}
	symbols, err = unikraft.Open(debug)
	if errors.Is(err, fs.ErrNotExist) {
		if len(first.Symbols()) > 0 {
			return first, nil, nil
		}
		return nil, nil, fmt.Errorf("%s has no symbols, and there is no %s; name the file with symbols that the build left with --debug: %w", image, debug, unikraft.ErrNoSymbols)
	}
	return symbols, first, err
}

// sameFile reports whether two paths name the same existing file.
func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// newFile is a file that was written under another name beside its own.
type newFile struct{ temp, path string }

// writeNew writes what is to become a file, with the mode of the file that it is made from.
func writeNew(path, like string, data []byte) (_ *newFile, err error) {
	if path, err = behind(path); err != nil {
		return nil, err
	}
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file that could be replaced; name another file to write", path)
	}
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(like); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return nil, fmt.Errorf("%s cannot be written: %w", path, err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		os.Remove(f.Name())
		return nil, err
	}
	return &newFile{f.Name(), path}, nil
}

// install gives files their names, or removes those that do not get one.
func install(files []*newFile) error {
	for i, f := range files {
		if err := os.Rename(f.temp, f.path); err != nil {
			discard(files[i:])
			return err
		}
	}
	return nil
}

// discard removes files that do not have their names.
func discard(files []*newFile) {
	for _, f := range files {
		os.Remove(f.temp)
	}
}

// writeImage writes a file as a whole, with the mode of the file that it is made from.
func writeImage(path, like string, data []byte) error {
	f, err := writeNew(path, like, data)
	if err != nil {
		return err
	}
	return install([]*newFile{f})
}

// InspectImage reads the rules of a sealed image, which needs no symbols and no sections. Where they are linked, and the file has
// symbols, entries that the rules do not know are gaps.
// The error wraps ErrNoRules if it has none.
func InspectImage(path string) (*SealedImage, error) {
	f, err := unikraft.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := f.Rules()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if r.Linked {
		r.Gaps = append(r.Gaps, f.Unknown(r)...)
	}
	out := newSealedImage(path, r)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	out.SHA256 = fmt.Sprintf("%x", sum)
	return out, nil
}

var gateKinds = []string{rules.Enter: "enter", rules.Handler: "handler", rules.Switch: "switch", rules.Start: "start", rules.Jump: "jump", rules.Keep: "keep", rules.Site: "site", rules.Export: "export", rules.Server: "server"}

// newSealedImage is the document of rules.
func newSealedImage(path string, r *rules.Rules) *SealedImage {
	out := &SealedImage{Schema: imageSchema, Path: path, Tool: r.Tool, Default: "allow", OnDeny: denials[r.OnDeny], Linked: r.Linked, Protected: r.Protected, Keys: r.Keys, Alone: r.Alone, Tag: hex(r.Tag),
		Compartments: []ImageCompartment{}, Entries: []ImageEntry{}, Gates: []ImageGate{}, Gaps: []ImageGap{}}
	if r.Deny {
		out.Default = "deny"
	}
	names := func(mask uint32) []string {
		list := []string{}
		for i := range r.Compartments {
			if mask&(1<<i) != 0 {
				list = append(list, r.Compartments[i].Name)
			}
		}
		return list
	}
	for i := range r.Compartments {
		c := &r.Compartments[i]
		out.Compartments = append(out.Compartments, ImageCompartment{c.Name, c.Default, c.Transparent, setNames(&c.Allowed)})
	}
	for i := range r.Entries {
		e := &r.Entries[i]
		entry := ImageEntry{Function: e.Func, Address: hex(e.Addr), Call: numberName(int(e.Number)), Denied: names(e.Denied), Checked: e.Hook != 0, Errno: e.Errno}
		if r.Keys {
			entry.Executes = names(e.Executes)
		}
		out.Entries = append(out.Entries, entry)
	}
	for _, g := range r.Gates {
		gate := ImageGate{Function: g.Func, Address: hex(g.Addr), Kind: gateKinds[g.Kind]}
		if g.Kind == rules.Enter {
			gate.Compartment = r.Compartments[g.To].Name
		}
		out.Gates = append(out.Gates, gate)
	}
	for _, g := range r.Gaps {
		gap := ImageGap{Function: g.Func, Reason: g.Reason, Weakens: names(g.Weakens)}
		if g.Addr != 0 {
			gap.Address = hex(g.Addr)
		}
		out.Gaps = append(out.Gaps, gap)
	}
	return out
}
