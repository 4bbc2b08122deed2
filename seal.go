package gofind

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"syscall"

	"github.com/gofind-dev/gofind/internal/bpf"
	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/seal"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// SealExitCode is what a sealed program ends with when it cannot install its filter. It
// never runs without.
const SealExitCode = seal.ExitCode

// SealOptions say how a program is sealed.
type SealOptions struct {
	Policy     PolicyOptions
	Privileged bool   // seal also programs that get privileges when they are executed (setuid, setgid, capabilities)
	Stay       bool   // what was appended to the ELF file stays at its offset, not at the end of the file
	ModeOnly   bool   // keep only the permission bits of the program, not its owner, capabilities and extended attributes
	Tool       string // recorded as what sealed it; "" for the version of this module
}

// SealSchema is the schema of a Sealed.
const SealSchema = "gofind.inspect/v1"

// Sealed is what a sealed program says about its seal: the gofind.inspect/v1 JSON
// document (see docs/json.md).
type Sealed struct {
	Schema  string     `json:"schema"`
	File    string     `json:"file"`
	Program string     `json:"program"`         // what was sealed
	Named   string     `json:"named,omitempty"` // path by which it was asked for, if that is a link with another name
	SHA256  string     `json:"sha256"`          // of the program before
	Size    int        `json:"size"`            // bytes of the program before
	Tool    string     `json:"tool"`            // version of what sealed it
	Intact  bool       `json:"intact"`          // Unseal gives back the program, byte for byte
	Begins  string     `json:"begins"`          // "exec": the filter holds from the first instruction; "entry": from the program's entry, after its loader
	Before  string     `json:"before"`          // what runs before the filter holds, for people; "" if nothing
	Filter  SealFilter `json:"filter"`
	Policy  *Policy    `json:"policy"`
	Changed []Change   `json:"changed,omitempty"` // what Check found
}

// SealFilter is what the filter of a sealed program costs.
type SealFilter struct {
	Instructions int     `json:"instructions"`
	Mean         float64 `json:"mean"`     // instructions that run for a call that is allowed, each counting once
	Agrees       bool    `json:"agrees"`   // it does what the policy says, as far as was tried: each call, with arguments at the limits of the rules
	Calls        int     `json:"calls"`    // that are allowed, with some arguments
	Constant     int     `json:"constant"` // of these, which the kernel answers without running the filter (Linux 5.11)
}

// A PrivilegedError says that a program gets privileges when it is executed.
type PrivilegedError struct{ Path, How string }

func (e *PrivilegedError) Error() string {
	return fmt.Sprintf("%s gets privileges when it is executed: %s", e.Path, e.How) +
		"; where it has no CAP_SYS_ADMIN then, its filter needs no_new_privs, under which nothing that it executes" +
		" gets privileges: no sudo, no ping, no transition of a security module; --setuid=allow seals it all the same"
}

// Seal writes to out a copy of program that installs a filter at its entry; Sealed.Before says what runs
// earlier. The filter allows what the program needs, as NewPolicy has it, and what sealed programs that it executes
// need to install theirs. A program that is sealed already gets a new seal. Errors are those of
// NewPolicy, a *PrivilegedError, or say why the file cannot be sealed; there is no new file then.
func Seal(ctx context.Context, program, out string, o SealOptions) (*Sealed, error) {
	if o.Policy.Scan.SinceMain {
		return nil, errors.New("a sealed program has its filter before main, so its answer must be since exec")
	}
	found, err := process.Find(program, o.Policy.Scan.Root)
	if err != nil {
		return nil, err
	}
	path, host := found.Path, found.Host
	attributes, data, err := readProgram(host, out)
	if err != nil {
		return nil, err
	}
	to, err := behind(out)
	if err != nil {
		return nil, err
	}
	if how := attributes.Privileged(); how != "" && !o.Privileged {
		return nil, &PrivilegedError{host, how}
	}
	if old, err := seal.Read(host, data); err == nil {
		if data, err = old.Original(); err != nil {
			data = old.Plain()
		}
		o.Policy.Scan.content = map[string][]byte{path: data}
	} else if !errors.Is(err, seal.ErrNotSealed) {
		return nil, err
	}
	appended, err := seal.Check(host, data)
	if err != nil {
		return nil, err
	}
	o.Policy.installsItself = true
	p, err := NewPolicy(ctx, []string{program}, o.Policy)
	if err != nil {
		return nil, err
	}
	if sum := digest(data); p.Programs[0].SHA256 != sum {
		return nil, fmt.Errorf("%s changed while it was scanned; try again", host)
	}
	if o.Tool == "" {
		o.Tool = moduleVersion()
	}
	rules, err := p.sealable()
	if err != nil {
		return nil, err
	}
	p.sealNotes(appended, o.Stay)
	document, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	sealed, err := seal.Seal(host, data, rules, seal.Meta{Tool: o.Tool, Program: path, Named: found.Named, Policy: document}, o.Stay)
	if err != nil {
		return nil, err
	}
	s, err := inspect(out, sealed)
	if err != nil {
		return nil, err
	}
	if !s.Filter.Agrees {
		return nil, fmt.Errorf("%s: the filter that was compiled does not do what the policy says; this is a bug of gofind", host)
	}
	return s, attributes.Write(to, sealed, o.ModeOnly)
}

// sealable adds what sealed programs need that this one executes, and returns the meaning of the policy.
func (p *Policy) sealable() (*policy.Policy, error) {
	rules, err := p.filter()
	if err != nil {
		return nil, err
	}
	why := map[sysno.Call]policy.Reason{}
	for i, r := range rules.Rules {
		why[r.Call] = policy.Reason(p.Rules[i].Why)
	}
	if rules, err = seal.Children(rules); err != nil {
		return nil, err
	}
	for _, r := range rules.Rules {
		if _, ok := why[r.Call]; !ok {
			why[r.Call] = "sealed programs that it executes"
		}
	}
	p.setFilter(rules, why)
	return rules, nil
}

// sealNotes adds what is to be known of the sealed program and not of the policy.
func (p *Policy) sealNotes(appended int, stay bool) {
	if p.Exec.Mode != ExecNone && p.Exec.Mode != ExecDeny {
		p.Notes = append(p.Notes, "what it executes gets no privileges (setuid, capabilities) under no_new_privs, which the filter needs where the program has no CAP_SYS_ADMIN")
	}
	if appended > 0 && !stay {
		p.Notes = append(p.Notes, fmt.Sprintf("%d bytes that were appended to the ELF file stay at its end, so at another offset: if the program looks for them there (.NET), seal it with --appended=stay", appended))
	}
	slices.Sort(p.Notes)
}

// Unseal writes to out the program that path was before it was sealed, byte for byte. It
// is an error if path was changed since.
func Unseal(path, out string, modeOnly bool) error {
	attributes, data, err := readProgram(path, out)
	if err != nil {
		return err
	}
	s, err := seal.Read(path, data)
	if err != nil {
		return err
	}
	if data, err = s.Original(); err != nil {
		return err
	}
	to, err := behind(out)
	if err != nil {
		return err
	}
	return attributes.Write(to, data, modeOnly)
}

// behind returns the file that is written under a name: that which a link leads to, as cp and the shell's > write it.
func behind(name string) (string, error) {
	if st, err := os.Lstat(name); err != nil || st.Mode()&fs.ModeSymlink == 0 {
		return name, nil
	}
	file, err := filepath.EvalSymlinks(name)
	if err != nil {
		return "", fmt.Errorf("%s is a link that leads to no file; remove it, or name another file to write", name)
	}
	return file, nil
}

// readProgram reads a file of which out is to become a copy.
func readProgram(path, out string) (*seal.Attributes, []byte, error) {
	f, info, err := open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if old, err := os.Stat(out); err == nil && os.SameFile(old, info) {
		return nil, nil, fmt.Errorf("%s is the program itself, which is not changed; write another file, and move it", out)
	}
	attributes, err := seal.ReadAttributes(path)
	if err != nil {
		return nil, nil, err
	}
	data, err := io.ReadAll(f)
	return attributes, data, err
}

// maxProgram bounds the programs that are sealed, unsealed and inspected, which are held in memory.
const maxProgram = 2 << 30

// open opens a regular file of at most maxProgram bytes.
func open(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe must not hang us
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err == nil && info.Size() > maxProgram {
		err = fmt.Errorf("%s has %d bytes; programs with a seal have at most %d, with all that was appended to them", path, info.Size(), maxProgram)
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

// readRegular reads a file; nil, and no error, if it is no regular one. Hostile seals name devices and pipes.
func readRegular(path string) ([]byte, error) {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return nil, err
	}
	f, _, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if data == nil {
		data = []byte{}
	}
	return data, err
}

// Inspect reads the seal of a file. It is an error if it has none, or one of a
// version that this module does not read.
func Inspect(path string) (*Sealed, error) {
	f, _, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	return inspect(path, data)
}

func inspect(path string, data []byte) (*Sealed, error) {
	in, err := seal.Read(path, data)
	if err != nil {
		return nil, err
	}
	s := &Sealed{
		Schema: SealSchema, File: path, Program: in.Meta.Program, Named: in.Meta.Named, SHA256: in.Meta.Original.SHA256, Size: int(in.Meta.Original.Size),
		Tool: in.Meta.Tool, Policy: &Policy{},
	}
	s.Begins, s.Before = in.Begins()
	_, err = in.Original()
	s.Intact = err == nil
	dec := json.NewDecoder(bytes.NewReader(in.Meta.Policy))
	if err := dec.Decode(s.Policy); err != nil {
		return nil, fmt.Errorf("%s: the policy of its seal: %w", path, err)
	}
	rules, err := s.Policy.filter()
	if err != nil {
		return nil, fmt.Errorf("%s: the policy of its seal: %w", path, err)
	}
	program, err := bpf.Parse(in.Filter)
	if err != nil {
		return nil, fmt.Errorf("%s: the filter of its seal: %w", path, err)
	}
	cost := program.Cost(rules)
	s.Filter = SealFilter{Agrees: seal.Agrees(program, in.Probe, rules), Instructions: cost.Instructions, Mean: cost.Mean, Calls: cost.Calls, Constant: cost.Constant}
	return s, nil
}

// Change is a file that is not as it was when the program was sealed.
type Change struct {
	Path   string `json:"path"`
	Kind   string `json:"kind"` // as in Input
	Sealed string `json:"was"`  // SHA-256, "" if there was no such file
	Now    string `json:"is"`   // SHA-256, "" if there is none
}

// Check returns the files, of those that the filter rests on, that are not what they were
// when the program was sealed. Root is where they are; "" is the running system.
func (s *Sealed) Check(root string) ([]Change, error) {
	tree, err := process.NewRoot(root)
	if err != nil {
		return nil, err
	}
	changes := []Change{}
	for _, in := range s.Policy.Inputs {
		now := ""
		if host, err := tree.Host(in.Path); err == nil {
			data, err := readRegular(host)
			if err != nil {
				return nil, err
			}
			if data != nil {
				now = digest(data)
			}
			if now != in.SHA256 {
				if old, err := seal.Read(host, data); err == nil && old.Meta.Original.SHA256 == in.SHA256 {
					now = in.SHA256 // it was sealed meanwhile, which changes no call of its own
				}
			}
		}
		if now != in.SHA256 {
			changes = append(changes, Change{in.Path, in.Kind, in.SHA256, now})
		}
	}
	return changes, nil
}

func digest(data []byte) string {
	return fmt.Sprintf("%x", sha256.Sum256(data))
}

// moduleVersion is the version of this module in the running program.
func moduleVersion() string {
	const path = "github.com/gofind-dev/gofind"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(devel)"
	}
	if info.Main.Path == path {
		return cmp.Or(info.Main.Version, "(devel)")
	}
	for _, m := range info.Deps {
		if m.Path == path {
			return m.Version
		}
	}
	return "(devel)"
}
