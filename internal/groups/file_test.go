package groups

import (
	"errors"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	f, err := Parse("g", []byte("compartments:\n- {name: main, default: true}\n- name: tls\n  libraries: [libssl.so.3, libcrypto.so.3]\ntransparent: []\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Groups) != 2 || !f.Groups[0].Default || f.Groups[1].Name != "tls" || len(f.Groups[1].Libraries) != 2 || f.Groups[1].Libraries[1].Text != "libcrypto.so.3" || !f.Says {
		t.Errorf("%+v", f)
	}
}

func TestParseErrors(t *testing.T) {
	for _, x := range []struct{ text, want string }{
		{"", "g:1:1: the file is empty"},
		{"a: [", "this is not YAML"},
		{"- a", "g:1:1: the file must be a mapping"},
		{"compartments: []", "g:1:1: there is no list `compartments`, or it is empty"},
		{"compartments: 3", "g:1:15: `compartments` must be a list"},
		{"compartment: []", "g:1:1: there is no key `compartment`"},
		{"compartments:\n- {name: a}", "g:1:1: no compartment has `default: true`"},
		{"compartments:\n- {name: a, default: true}\n- {name: a}", `g:3:3: there is already a compartment "a"`},
		{"compartments:\n- {name: a, default: true}\n- {name: b, default: true}", `g:3:3: "a" is already the default`},
		{"compartments:\n- {name: a b}", "g:2:10: a compartment's name is made of"},
		{"compartments:\n- {default: true}", "g:2:3: a compartment needs a name"},
		{"compartments:\n- {name: a, name: b}", "is already in line 2"},
		{"compartments:\n- {name: a, default: perhaps}", "g:2:22: `default` must be true or false"},
		{"compartments:\n- {name: a, libs: []}", "g:2:13: a compartment has no key `libs`"},
		{"compartments:\n- {name: a, libraries: x}", "g:2:24: `libraries` must be a list"},
		{"compartments:\n- {name: a, libraries: [[x]]}", "g:2:25: the name of a library must be a text"},
		{"compartments:\n- {name: a, default: true, libraries: [l.so]}\n- {name: b, libraries: [m.so, l.so]}", `g:3:31: library "l.so" is already in compartment "a"`},
		{"compartments: &x\n- *x", "must be a mapping"},
	} {
		_, err := Parse("g", []byte(x.text))
		if e := (*Error)(nil); !errors.As(err, &e) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%q: %v, want %s", x.text, err, x.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("compartments:\n- {name: a, default: true, libraries: [l.so]}\n- {name: b, libraries: [m.so, l.so]}\ntransparent: [libc.so.6]\n"))
	f.Add([]byte("compartments: &x\n- *x"))
	f.Add([]byte("a: [\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("g", data)
		if err != nil {
			if e := (*Error)(nil); file != nil || !errors.As(err, &e) || e.Pos.Line < 1 || e.Pos.Column < 1 || e.Problem == "" {
				t.Fatalf("%v, %#v", file, err)
			}
			return
		}
		names, def := map[string]bool{}, 0
		for _, g := range file.Groups {
			if g.Default {
				def++
			}
			for _, l := range g.Libraries {
				if names[l.Text] {
					t.Fatalf("%q is in two groups", l.Text)
				}
				names[l.Text] = true
			}
		}
		if def != 1 {
			t.Fatalf("%d default groups", def)
		}
	})
}
