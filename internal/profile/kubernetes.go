package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"go.yaml.in/yaml/v4"

	"github.com/gofind-dev/gofind/internal/policy"
)

// The SeccompProfile object of the security-profiles-operator (api/seccompprofile/v1beta1 there).
// Its spec is the OCI profile without defaultErrnoRet; errnoRet was a text until its issue 1769 was mended.
var kubernetes = &Format{
	Name: "kubernetes", Says: "a SeccompProfile object for the security-profiles-operator",
	write: writeKubernetes, parse: parseKubernetes, is: isKubernetes,
}

const (
	apiGroup   = "security-profiles-operator.x-k8s.io/"
	apiVersion = apiGroup + "v1beta1"
)

type kubeArg struct {
	Index    uint                       `yaml:"index"`
	Value    uint64                     `yaml:"value"`
	ValueTwo uint64                     `yaml:"valueTwo,omitempty"`
	Op       specs.LinuxSeccompOperator `yaml:"op"`
}

type kubeCall struct {
	Action   specs.LinuxSeccompAction `yaml:"action"`
	ErrnoRet *uint                    `yaml:"errnoRet,omitempty"`
	Names    []string                 `yaml:"names"`
	Args     []kubeArg                `yaml:"args,omitempty"`
}

type kubeObject struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name string `yaml:"name"`
	} `yaml:"metadata"`
	Spec struct {
		DefaultAction specs.LinuxSeccompAction `yaml:"defaultAction"`
		Architectures []specs.Arch             `yaml:"architectures"`
		Syscalls      []kubeCall               `yaml:"syscalls,omitempty"`
	} `yaml:"spec"`
}

func writeKubernetes(p *policy.Policy, info *Info) ([]byte, []string, error) {
	s, notes, err := linuxSeccomp(p)
	if err != nil {
		return nil, nil, err
	}
	var o kubeObject
	o.APIVersion, o.Kind = apiVersion, "SeccompProfile"
	o.Metadata.Name = objectName(info.Programs)
	o.Spec.DefaultAction, o.Spec.Architectures = s.DefaultAction, s.Architectures
	if n, ok := p.Default.Errno(); ok && n != 1 {
		notes = append(notes, fmt.Sprintf("the default error number is EPERM, not %d", n))
	}
	for _, c := range s.Syscalls {
		call := kubeCall{Action: c.Action, ErrnoRet: c.ErrnoRet, Names: c.Names}
		for _, a := range c.Args {
			call.Args = append(call.Args, kubeArg(a))
		}
		o.Spec.Syscalls = append(o.Spec.Syscalls, call)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n", comment(info.title()))
	for _, n := range unique(slices.Concat(info.Notes, notes)) {
		fmt.Fprintf(&b, "# %s\n", comment(n))
	}
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(&o), enc.Close()); err != nil {
		return nil, nil, err
	}
	return b.Bytes(), notes, nil
}

var notInName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[^a-z0-9-]+`) })

// objectName makes the name of an object (RFC 1123) of the first program's.
func objectName(programs []string) string {
	name := "profile"
	if len(programs) > 0 {
		name = path.Base(programs[0])
	}
	name = notInName().ReplaceAllString(strings.ToLower(name), "-")
	if name = strings.Trim(name[:min(len(name), 63)], "-"); name == "" {
		return "profile"
	}
	return name
}

func isKubernetes(data []byte) bool {
	return bytes.Contains(data, []byte("apiVersion")) && bytes.Contains(data, []byte("SeccompProfile"))
}

func parseKubernetes(data []byte) (*policy.Policy, []string, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if err == io.EOF {
			return nil, nil, errors.New("no object of kind SeccompProfile")
		}
		if err != nil {
			return nil, nil, yamlError(err)
		}
		if err := plain(&doc, 0); err != nil {
			return nil, nil, err
		}
		if kind := field(&doc, "kind"); kind == nil || kind.Value != "SeccompProfile" {
			continue
		}
		if v := field(&doc, "apiVersion"); v == nil || !strings.HasPrefix(v.Value, apiGroup) {
			return nil, nil, &lineError{doc.Line, errors.New("a SeccompProfile of another apiVersion than " + apiVersion)}
		}
		return kubeProfile(&doc)
	}
}

func kubeProfile(doc *yaml.Node) (*policy.Policy, []string, error) {
	spec := field(doc, "spec")
	if spec == nil {
		return nil, nil, &lineError{doc.Line, errors.New("an object without a spec")}
	}
	var generic any
	if err := spec.Decode(&generic); err != nil {
		return nil, nil, yamlError(err)
	}
	data, err := json.Marshal(generic)
	if err != nil {
		return nil, nil, &lineError{spec.Line, err}
	}
	var s seccomp.Seccomp
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, nil, &lineError{spec.Line, err}
	}
	r := &ociReader{s: &s}
	p, err := r.policy()
	if err != nil {
		return nil, nil, &lineError{nodeAt(spec, r.at).Line, err}
	}
	if base := field(spec, "baseProfileName"); base != nil && base.Value != "" {
		r.notes = append(r.notes, fmt.Sprintf("what its base profile %s allows is not read", base.Value))
	}
	return p, r.notes, nil
}

var yamlLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\bline (\d+)`) })

// yamlError takes the line out of an error of the YAML reader.
func yamlError(err error) error {
	text := strings.ReplaceAll(strings.TrimPrefix(err.Error(), "yaml: "), "\n", "; ")
	if m := yamlLine().FindStringSubmatch(text); m != nil {
		var line int
		fmt.Sscan(m[1], &line)
		return &lineError{line, errors.New("not YAML: " + text)}
	}
	return errors.New("not YAML: " + text)
}

// plain refuses what no profile needs and what makes documents grow without end, and turns
// texts that are error numbers into numbers.
func plain(n *yaml.Node, depth int) error {
	if n.Kind == yaml.AliasNode || depth > 20 {
		return &lineError{n.Line, errors.New("aliases and deep nesting are not read")}
	}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Value == "errnoRet" && c.Tag == "!!str" {
			c.Tag, c.Style = "!!int", 0
		}
		if err := plain(c, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// field returns the value of a key of a mapping, nil if there is none.
func field(n *yaml.Node, key string) *yaml.Node {
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				return n.Content[i+1]
			}
		}
	}
	return nil
}

// nodeAt returns the node at a path, or the last one on it that there is.
func nodeAt(n *yaml.Node, path []any) *yaml.Node {
	for _, step := range path {
		var next *yaml.Node
		switch step := step.(type) {
		case string:
			next = field(n, step)
		case int:
			if n.Kind == yaml.SequenceNode && step < len(n.Content) {
				next = n.Content[step]
			}
		}
		if next == nil {
			return n
		}
		n = next
	}
	return n
}
