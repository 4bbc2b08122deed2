package gofind

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofind-dev/gofind/internal/gatecode"
	"github.com/gofind-dev/gofind/internal/unikernel"
	"github.com/gofind-dev/gofind/internal/unikraft"
)

// ImageRules is what WriteImageRules wrote. It marshals to a gofind.kraftrules/v1 document.
type ImageRules struct {
	Schema       string              `json:"schema"`
	Image        string              `json:"image"`
	Directory    string              `json:"directory"`
	Tool         string              `json:"tool"`
	OnDeny       string              `json:"on_deny"` // "eperm", "enosys" or "crash"
	Compartments []ImageCompartment  `json:"compartments"`
	Checks       int                 `json:"checks"`    // functions that are checked
	Gates        int                 `json:"gates"`     // functions that are hooked for the tag
	Libraries    []ImageRulesLibrary `json:"libraries"` // those of which local functions are made visible
	Wrapped      []string            `json:"wrapped"`   // symbols that the linker wraps
	Files        []ImageRulesFile    `json:"files"`
	Gaps         []ImageGap          `json:"gaps"`
}

// ImageRulesLibrary is a library of which local functions are hooked.
type ImageRulesLibrary struct {
	Name      string   `json:"name"`
	Functions []string `json:"functions"`
}

// ImageRulesFile is a file that was written.
type ImageRulesFile struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

const imageRulesSchema = "gofind.kraftrules/v1"

// ErrNoRoom says that an image was built without the micro-library, so that no rules can be linked into it.
var ErrNoRoom = unikraft.ErrNoRoom

// WriteImageRules writes the input of the micro-library in runtime/unikraft into a directory, which is made if it is not there: the rules that
// SealImage would write into the image, for the next build of it. The image must have been built with the micro-library, but without rules.
// Files that are as they should be already are left alone.
func WriteImageRules(ctx context.Context, image, dir string, o ImageSealOptions) (*ImageRules, error) {
	if o.Protect || o.PKU {
		return nil, errors.New("the micro-library neither protects rules nor knows memory keys")
	}
	opts, err := o.internal()
	if err != nil {
		return nil, err
	}
	debug, _, err := openImage(image, o.Debug)
	if err != nil {
		return nil, err
	}
	plan, err := o.plan(ctx, debug.Path)
	if err != nil {
		return nil, err
	}
	if plan.Alone {
		return nil, fmt.Errorf("%s is one compartment by itself, for which rules are not linked in; gofind kraft seal writes them", image)
	}
	m, err := unikernel.Open(debug.Path)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	source, err := unikraft.FromSource(plan, debug, func(addr uint64) string {
		if lib := m.Owner(addr); lib >= 0 {
			return m.Libs[lib].Name
		}
		return ""
	}, opts)
	if err != nil {
		return nil, err
	}
	sealed := newSealedImage(image, source.Rules)
	if len(sealed.Gaps) > 0 && !o.AllowGaps {
		return nil, &ImageGapsError{image, sealed.Gaps}
	}
	out := &ImageRules{Schema: imageRulesSchema, Image: image, Directory: dir, Tool: o.Tool, OnDeny: sealed.OnDeny, Compartments: sealed.Compartments,
		Gates: len(sealed.Gates), Libraries: []ImageRulesLibrary{}, Wrapped: []string{}, Files: []ImageRulesFile{}, Gaps: sealed.Gaps}
	checked := map[string]bool{}
	for _, e := range sealed.Entries {
		if len(e.Denied) > 0 {
			checked[e.Function] = true
		}
	}
	out.Checks = len(checked)
	for _, w := range source.Wrap {
		out.Wrapped = append(out.Wrapped, w.Symbol)
	}
	for _, l := range source.Libraries {
		out.Libraries = append(out.Libraries, ImageRulesLibrary{l.Name, l.Exposed})
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	for _, f := range source.Files {
		path := filepath.Join(dir, f.Name)
		if old, err := os.ReadFile(path); err != nil || !bytes.Equal(old, f.Data) {
			if err := writeImage(path, path, f.Data); err != nil {
				return nil, err
			}
		}
		out.Files = append(out.Files, ImageRulesFile{f.Name, fmt.Sprintf("%x", sha256.Sum256(f.Data))})
	}
	return out, nil
}

// internal is what package unikraft is told.
func (o *ImageSealOptions) internal() (unikraft.Options, error) {
	opts := unikraft.Options{Protect: o.Protect, PKU: o.PKU, Tool: o.Tool}
	for i, d := range denials {
		if d == o.OnDeny {
			opts.OnDeny = gatecode.Denial(i)
		}
	}
	if o.OnDeny != "" && denials[opts.OnDeny] != o.OnDeny {
		return opts, fmt.Errorf("a denied call can end in %s, not in %q", strings.Join(denials, ", "), o.OnDeny)
	}
	return opts, nil
}
