package profile

import (
	"testing"

	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/sysno"
)

func TestQuick(t *testing.T) {
	nr := func(s string) sysno.Call { n, _ := sysno.Number(sysno.X86_64, s); return sysno.Call{Nr: n} }
	p, _, err := policy.Build([]policy.Need{
		{Call: nr("read")}, {Call: nr("write")},
		{Call: nr("socket"), Tests: []policy.Test{{Arg: 0, Width: 32, Op: policy.In, Values: []uint64{1, 2, 10}}, {Arg: 2, Width: 32, Op: policy.In, Values: []uint64{0, 6}}}},
		{Call: nr("fcntl"), Tests: []policy.Test{{Arg: 1, Width: 64, Op: policy.In, Values: []uint64{1, 2, 10, 1 << 40}}}},
	}, policy.BuildOptions{Default: policy.KillProcess})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Formats {
		data, notes, err := Write(f.Name, p, &Info{Programs: []string{"/bin/x"}})
		if err != nil {
			t.Fatal(f.Name, err)
		}
		t.Log(f.Name, len(data), notes)
		q, name, notes, err := Parse("file", data)
		if err != nil {
			t.Fatal(f.Name, err)
		}
		t.Log(name, notes, len(q.Rules), q.Default, q.Unknown)
		for _, r := range q.Rules {
			if len(r.Clauses[0].Tests) > 0 {
				t.Logf("%v %+v", r.Call, r.Clauses)
			}
		}
	}
}
