package gofind

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzPolicy reads hostile documents of gofind.policy/v1. What can be read is written as it was.
func FuzzPolicy(f *testing.F) {
	f.Add([]byte(`{"schema":"gofind.policy/v1","programs":[],"complete":true,"exec":{"mode":"none","unknown":[],"missing":[]},"default":"kill","unknown":"errno:38","rules":[{"name":"read","number":0,"abi":"x86_64","clauses":[{"action":"allow","tests":[{"arg":0,"width":32,"op":"in","values":["0x0","0x2"]},{"arg":1,"width":64,"op":"masked_eq","mask":"0xff","values":["0x3"]}]}],"why":"x"},{"name":"","number":999,"abi":"x32","clauses":[{"action":"trap:7","tests":[]}],"why":""}],"dangerous":[],"notes":[],"assumptions":[],"inputs":[]}`))
	f.Add([]byte(`{"schema":"gofind.policy/v1","default":"log","unknown":"allow","rules":[{"number":-1,"abi":"i386"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if !isPolicy(data) {
			return
		}
		p, _, err := ParseProfile("file", data)
		if err != nil {
			if p != nil {
				t.Fatal("an error and a policy")
			}
			return
		}
		before, err := p.filter()
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := p.Write(&b, "json"); err != nil {
			t.Fatal(err)
		}
		q, format, err := ParseProfile("file", b.Bytes())
		if err != nil || format != "json" {
			t.Fatalf("%s: %v\n%s", format, err, b.Bytes())
		}
		after, err := q.filter()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(before, after); d != "" {
			t.Fatal(d)
		}
	})
}

// A policy from JSON has the meaning that it had, and comparisons find what was changed.
func TestPolicyJSON(t *testing.T) {
	p, err := NewPolicy(t.Context(), []string{"cat"}, PolicyOptions{Scan: Options{HostNone: true}, Base: "exec"})
	if err != nil {
		t.Skipf("no cat: %v", err)
	}
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte("null")) {
		t.Error("a nil slice")
	}
	q, format, err := ParseProfile("file", data)
	if err != nil || format != "json" {
		t.Fatal(format, err)
	}
	if d := cmp.Diff(p, q); d != "" {
		t.Error(d)
	}
	f, err := p.filter()
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range ProfileFormats() {
		var b bytes.Buffer
		if _, err := p.Write(&b, format.Name); err != nil {
			t.Errorf("%s: %v", format.Name, err)
		}
		q, _, err := ParseProfile("file", b.Bytes())
		if err != nil {
			t.Fatalf("%s: %v", format.Name, err)
		}
		g, err := q.filter()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range f.Rules {
			if passes(clauses(f, r.Call)) && !passes(clauses(g, r.Call)) {
				t.Errorf("%s refuses %s", format.Name, r.Call)
			}
		}
	}
}

func TestPolicyErrors(t *testing.T) {
	for name, o := range map[string]PolicyOptions{
		"action":     {Action: "die"},
		"allow":      {Action: "allow"},
		"base":       {Base: "none such"},
		"exec twice": {Exec: []string{ExecDeny, "/bin/sh"}},
	} {
		_, err := NewPolicy(t.Context(), []string{"/bin/true"}, o)
		if option := (*OptionError)(nil); !errors.As(err, &option) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewPolicy(t.Context(), []string{"/no/such/program"}, PolicyOptions{}); err == nil {
		t.Error("no error for a program that is not there")
	}
}

// A default action that lets calls pass, leaves them to others, or answers for a sealed
// program's filter, is refused, with data too.
func TestPolicyActions(t *testing.T) {
	for _, action := range []string{"allow", "allow:1", "trace", "trace:5", "notify:1", "errno:0", "errno:4001"} {
		_, err := NewPolicy(t.Context(), []string{"/usr/bin/cat"}, PolicyOptions{Scan: Options{HostNone: true}, Action: action})
		if option := (*OptionError)(nil); !errors.As(err, &option) {
			t.Errorf("%s: %v", action, err)
		}
	}
}
