// Package assume holds what an answer takes for granted of the environment that
// the program runs in: facts that a deployment decides and the program cannot
// change. They are rows of a text file (assume.txt) with a default that is safe
// for a service in production, and each can be switched.
//
// What package gate holds back rests on assumptions of its own, about the program
// and its C library; they are switched here too.
//
// A set of assumptions makes conditions false that units ask of their
// environment (package summary, Cond), and keeps closed what package gate holds back.
package assume

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/summary"
)

//go:embed assume.txt
var text string

// Fact is an assumption.
type Fact struct {
	Name    string
	Default string // on, off, host
	Says    string // what is assumed
	Else    string // what happens where it is not so
}

// Facts lists all assumptions, as they stand in the file.
var Facts = parse(text)

func parse(text string) []Fact {
	var out []Fact
	for i, l := range strings.Split(text, "\n") {
		if l == "" || l[0] == '#' {
			continue
		}
		f := strings.Split(l, "\t")
		if len(f) != 4 || !slices.Contains([]string{"on", "off", "host"}, f[1]) {
			panic(fmt.Sprintf("assume.txt: line %d: want a name, a default and two sentences", i+1))
		}
		out = append(out, Fact{f[0], f[1], f[2], f[3]})
	}
	return out
}

// Find returns the assumption of a name, nil if there is none.
func Find(name string) *Fact {
	i := slices.IndexFunc(Facts, func(f Fact) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return &Facts[i]
}

// Set is the assumptions that an answer is made under.
type Set struct {
	on   map[string]bool
	used map[string]bool
}

// New returns the defaults; host says of each whose default is host whether it is on.
func New(host func(name string) bool) *Set {
	s := &Set{on: map[string]bool{}, used: map[string]bool{}}
	for _, f := range Facts {
		s.on[f.Name] = f.Default == "on" || f.Default == "host" && host(f.Name)
	}
	return s
}

// Switch sets an assumption. Others than Facts are on unless they are switched off.
func (s *Set) Switch(name string, on bool) { s.on[name] = on }

// On reports whether an assumption is made.
func (s *Set) On(name string) bool {
	on, known := s.on[name]
	return on || !known
}

// Holds reports whether an assumption is made. Code that asks has a use for it.
func (s *Set) Holds(name string) bool {
	if s.On(name) {
		s.used[name] = true
	}
	return s.On(name)
}

// Used lists the assumptions that code of the program has a use for, sorted.
func (s *Set) Used() []string {
	var out []string
	for n := range s.used {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// ldPrefix is "LD_" as a Cond has it.
const ldPrefix = 'L' | 'D'<<8 | '_'<<16

// Denied reports whether a condition that code of an image asks of its
// environment never holds. loader: the image is the program's interpreter, and not the program.
func (s *Set) Denied(loader bool, c *summary.Cond) bool {
	if !loader {
		return false
	}
	switch c.Kind {
	case summary.CondEntry:
		return s.Holds("loader-program")
	case summary.CondText:
		return c.A == ldPrefix && c.Size == 3 && s.Holds("loader-environment")
	}
	return false
}
