package process

import (
	"cmp"
	"slices"

	"github.com/gofind-dev/gofind/internal/image"
)

// Symbol constants of gABI chapter 4.
const (
	stvInternal  = 1
	stvHidden    = 2
	stvProtected = 3
	visibility   = 3   // mask of st_other
	dfSymbolic   = 0x2 // DF_SYMBOLIC of DT_FLAGS
	dfBindNow    = 0x8 // DF_BIND_NOW of DT_FLAGS
	df1Now       = 0x1 // DF_1_NOW of DT_FLAGS_1
)

// scope is a search list of ld.so. Images of a group follow each other: more
// says that the next one is an alternate of the same library.
type scope struct {
	ids  []int
	more []bool
}

// memo values: 0 not asked yet, memoNone, memoMany|index into Process.many, or
// image<<32 | symbol + memoOne.
const (
	memoNone = 1
	memoOne  = 1 << 62
	memoMany = 1 << 63
)

// Ref is a reference: a dynamic symbol of an image.
type Ref struct{ Image, Sym int }

// list orders images as _dl_map_object_deps of glibc's elf/dl-deps.c does:
// breadth-first from the roots, filtees before the images that they serve.
func (p *Process) list(roots []int) []int {
	in := make([]bool, len(p.Images))
	done := make([]bool, len(p.Images))
	var out []int
	push := func(id int) {
		if !in[id] {
			in[id] = true
			out = append(out, id)
		}
	}
	for _, id := range roots {
		push(id)
	}
	for i := 0; i < len(out); {
		id := out[i]
		if done[id] {
			i++
			continue
		}
		done[id] = true
		img := p.Images[id]
		for _, d := range img.Needs {
			if !contains(img.filtees, d) {
				push(d)
			}
		}
		pos := i
		for _, d := range img.filtees {
			if in[d] {
				at := slices.Index(out, d)
				if at <= pos {
					continue
				}
				out = slices.Delete(out, at, at+1)
			}
			in[d] = true
			out = slices.Insert(out, pos, d)
			pos++
		}
	}
	return out
}

// newScope groups the alternates in a list.
func (p *Process) newScope(ids []int) *scope {
	s := &scope{}
	in := make(map[int]bool, len(ids))
	for _, id := range ids {
		in[id] = true
	}
	for _, id := range ids {
		if !in[id] {
			continue
		}
		in[id] = false
		s.ids, s.more = append(s.ids, id), append(s.more, false)
		for _, a := range p.Images[id].Alternates {
			if in[a] {
				in[a] = false
				s.more[len(s.more)-1] = true
				s.ids, s.more = append(s.ids, a), append(s.more, false)
			}
		}
	}
	return s
}

// buildScopes is called once, when the startup images are there.
func (p *Process) buildScopes() {
	roots := []int{0}
	roots = append(roots, p.preloads...)
	ids := p.list(roots)
	if i := p.link.interp; i >= 0 && !contains(ids, i) {
		ids = append(ids, i)
	}
	p.global = p.newScope(ids)
	p.Global = p.global.ids
	p.inGlobal = make([]bool, len(p.Images))
	for _, id := range p.Global {
		p.inGlobal[id] = true
	}
	for _, a := range p.audits {
		ids := p.list([]int{a})
		s := p.newScope(ids)
		for _, id := range s.ids {
			p.Images[id].scopes = append(p.Images[id].scopes, s)
		}
		p.Images[a].Local = s.ids
	}
	for _, img := range p.Images {
		if img.Local == nil && !p.inGlobal[img.ID] {
			img.Local = p.newScope(p.list([]int{img.ID})).ids
		}
	}
}

// opened enters the scope of an image that was dlopen-ed, with new images from
// id before on.
func (p *Process) opened(root, before int) {
	for _, img := range p.Images[before:] {
		img.Local = p.newScope(p.list([]int{img.ID})).ids
	}
	if root < p.startup {
		return
	}
	r := p.Images[root]
	if r.isRoot {
		return
	}
	r.isRoot = true
	s := p.scopeOf(root)
	for _, id := range s.ids {
		if img := p.Images[id]; id >= p.startup {
			img.scopes = append(img.scopes, s)
		}
	}
	if p.apart {
		p.again(root)
		p.widen()
	}
	for i := range p.open {
		o := &p.open[i]
		were := p.many[o.many] // they stay: what is opened first may have bound to them
		if now := unique(append(slices.Clip(were), p.lookupModule(p.Images[o.ref.Image], o.ref.Sym, nil)...)); len(now) > len(were) {
			p.many[o.many] = now
			p.changed = append(p.changed, o.ref)
		}
	}
}

// scopeOf is the scope that an image brings when it is opened.
func (p *Process) scopeOf(root int) *scope {
	return p.newScope(p.list(append([]int{root}, p.Images[root].Alternates...)))
}

// OpenApart says that modules may be opened with RTLD_DEEPBIND or by dlmopen: what they bring is searched before the global scope, or
// in its place, and what is in the process already may be loaded again for them. Images roots, which were there before
// they are opened, are in such a name space as well.
func (p *Process) OpenApart(roots []int) {
	grown := !p.apart
	if grown {
		p.apart = true
		for _, img := range p.Images[p.startup:] {
			if img.isRoot {
				p.again(img.ID)
			}
		}
	}
	for _, id := range roots {
		grown = p.again(id) || grown
	}
	if grown {
		p.widen()
	}
}

// again gives the startup images that an image needs, and itself if it is one, the scope that they have where it is opened in
// a name space of its own. It reports whether that was not done before.
func (p *Process) again(root int) bool {
	r := p.Images[root]
	if r.isApart {
		return false
	}
	r.isApart = true
	s := p.scopeOf(root)
	for _, id := range s.ids {
		if id < p.startup && id != p.link.interp {
			p.Images[id].scopes = append(p.Images[id].scopes, s)
		}
	}
	return true
}

// widen resolves again what was resolved before there were so many scopes.
func (p *Process) widen() {
	for id, img := range p.Images {
		if img.widened == len(img.scopes) {
			continue
		}
		img.widened = len(img.scopes)
		for sym, v := range img.memo {
			if v == 0 || p.MayGrow(id, sym) {
				continue // what is not found in the global scope was looked for everywhere
			}
			were := p.Resolve(id, sym, nil)
			img.memo[sym] = p.resolve(id, sym)
			for _, t := range p.Resolve(id, sym, nil) {
				if !slices.Contains(were, t) {
					p.besides = append(p.besides, t)
				}
			}
		}
	}
}

// Besides returns definitions that references which were resolved before may bind to besides, since OpenApart, and
// forgets them.
func (p *Process) Besides() []Target {
	b := unique(p.besides)
	p.besides = nil
	return b
}

// MayGrow reports whether the answer of Resolve, which was asked for, may grow when more modules come (see Changed).
func (p *Process) MayGrow(img, sym int) bool {
	m := p.Images[img].memo
	if uint(sym) >= uint(len(m)) || m[sym]&memoMany == 0 {
		return false
	}
	_, open := slices.BinarySearchFunc(p.open, int(m[sym]&^memoMany), func(o openRef, many int) int { return cmp.Compare(o.many, many) })
	return open
}

// openRef is a reference whose answer may grow.
type openRef struct {
	ref  Ref
	many int // index into Process.many; those of Process.open ascend
}

// Changed returns the references that were resolved before a later
// Add gave them more definitions, and forgets them.
func (p *Process) Changed() []Ref {
	c := p.changed
	p.changed = nil
	return c
}

// Resolve appends the definitions that a reference from image img to its dynamic
// symbol sym may bind to. There are none for symbol 0 and for symbols that
// nothing defines, and more than one only where the package comment says so.
// The answers are remembered; Resolve is not safe for concurrent use.
func (p *Process) Resolve(img, sym int, dst []Target) []Target {
	m := p.Images[img].memo
	if m == nil {
		m = make([]uint64, p.Images[img].NumSymbols())
		p.Images[img].memo = m
	}
	if uint(sym) >= uint(len(m)) {
		return dst
	}
	v := m[sym]
	if v == 0 {
		v = p.resolve(img, sym)
		m[sym] = v
	}
	switch {
	case v == memoNone:
		return dst
	case v&memoMany != 0:
		return append(dst, p.many[v&^memoMany]...)
	}
	return append(dst, Target{int(v &^ memoOne >> 32), int(uint32(v))})
}

func (p *Process) resolve(id, sym int) uint64 {
	img := p.Images[id]
	if sym == 0 {
		return memoNone
	}
	s := img.Symbol(sym)
	vis := s.Other & visibility
	local := vis == stvHidden || vis == stvInternal || vis == stvProtected && !p.link.musl
	if s.Bind == image.STBLocal || local {
		if s.Shndx == 0 {
			return memoNone
		}
		return memo(id, sym)
	}
	name := img.SymbolName(sym)
	if name == "" {
		return memoNone
	}
	version := p.version(img, sym)
	hash := image.GNUHash(name)
	if img.DynFlags&dfSymbolic != 0 && id != 0 && !p.link.musl {
		p.defined.ask(p.Images, hash)
		if t, ok := p.lookupIn(id, hash, name, version); ok {
			return memo(id, t)
		}
	}
	var buf [4]Target
	found := buf[:0]
	if id >= p.startup {
		found = p.lookupScope(p.global, -1, hash, name, version, found)
		if len(found) == 0 {
			n := len(p.many)
			p.many = append(p.many, p.lookupModule(img, sym, nil))
			p.open = append(p.open, openRef{Ref{id, sym}, n})
			return memoMany | uint64(n)
		}
	} else if p.inGlobal[id] {
		found = p.lookupScope(p.global, -1, hash, name, version, found)
	}
	if id < p.startup || p.apart {
		for _, sc := range img.scopes {
			found = p.lookupScope(sc, -1, hash, name, version, found)
		}
		found = unique(found)
	}
	switch len(found) {
	case 0:
		if id >= p.startup || !p.late(img, s) {
			return memoNone
		}
		p.many = append(p.many, p.lookupModule(img, sym, nil))
		p.open = append(p.open, openRef{Ref{id, sym}, len(p.many) - 1})
		return memoMany | uint64(len(p.many)-1)
	case 1:
		return memo(found[0].Image, found[0].Sym)
	}
	p.many = append(p.many, slices.Clone(found))
	return memoMany | uint64(len(p.many)-1)
}

// late reports whether a reference of a startup image that nothing defines yet may bind when it is first called: to a module
// opened RTLD_GLOBAL before. Else the process does not start, or, if it is weak, the code asks first whether it is there.
func (p *Process) late(img *Image, s image.Symbol) bool {
	return !p.link.musl && s.Shndx == 0 && s.Bind == image.STBGlobal && img.DynFlags&dfBindNow == 0 && img.Flags1&df1Now == 0
}

// lookupModule searches what only modules see: every other module, which may be in the global scope by then, and the
// scopes that the image is in.
func (p *Process) lookupModule(img *Image, sym int, found []Target) []Target {
	name, version := img.SymbolName(sym), p.version(img, sym)
	hash := image.GNUHash(name)
	for _, sc := range img.scopes {
		found = p.lookupScope(sc, -1, hash, name, version, found)
	}
	if p.defined.ask(p.Images, hash) {
		for _, m := range p.Images[p.startup:] {
			if t, ok := p.lookupIn(m.ID, hash, name, version); ok {
				found = append(found, Target{m.ID, t})
			}
		}
	}
	return unique(found)
}

// version is the version that a reference demands; musl asks for none.
func (p *Process) version(img *Image, sym int) string {
	if p.link.musl {
		return ""
	}
	v, _ := img.SymbolVersion(sym)
	return v
}

// lookupScope appends the first match in a search list. An image that has
// alternates does not end the search unless all of them match.
func (p *Process) lookupScope(s *scope, skip int, hash uint32, name, version string, found []Target) []Target {
	if !p.defined.ask(p.Images, hash) {
		return found
	}
	n, all := len(found), true
	for i, id := range s.ids {
		if id == skip {
			continue
		}
		if sym, ok := p.lookupIn(id, hash, name, version); ok {
			found = append(found, Target{id, sym})
		} else {
			all = false
		}
		if s.more[i] {
			continue
		}
		if all && len(found) > n {
			return found
		}
		all = true
	}
	return found
}

// lookupIn finds a definition that other images see. defined was asked for the hash.
func (p *Process) lookupIn(id int, hash uint32, name, version string) (int, bool) {
	if !p.defined.may(id) {
		return 0, false
	}
	f := p.Images[id].File
	if p.link.musl {
		return f.LookupNewestHash(hash, name) // find_sym passes over hidden versions only
	}
	return f.LookupHash(hash, name, version)
}

func memo(id, sym int) uint64 { return memoOne | uint64(id)<<32 | uint64(uint32(sym)) }

// unique removes repetitions, in place.
func unique(t []Target) []Target {
	out := t[:0]
	for _, x := range t {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// LookupGlobal appends the definitions that ld.so finds for a name in the global
// scope, as it does for the functions of libc that it calls itself. The version
// may be "".
func (p *Process) LookupGlobal(name, version string, dst []Target) []Target {
	return p.lookupScope(p.global, -1, image.GNUHash(name), name, version, dst)
}

// LookupAll appends every default definition of name in any image, in order of
// id: what dlsym may return for some handle.
func (p *Process) LookupAll(name string, dst []Target) []Target {
	return p.LookupFrom(0, name, dst)
}

// LookupFrom is LookupAll in the images from id first on.
func (p *Process) LookupFrom(first int, name string, dst []Target) []Target {
	p.mayDefine(first, name, func(img *Image, hash uint32) {
		if sym, ok := img.LookupNewestHash(hash, name); ok {
			dst = append(dst, Target{img.ID, sym})
		}
	})
	return dst
}

// LookupVersions is LookupFrom for all definitions, not just the default ones: what dlvsym may return.
func (p *Process) LookupVersions(first int, name string, dst []Target) []Target {
	p.mayDefine(first, name, func(img *Image, hash uint32) {
		img.EachVersion(hash, name, func(sym int) { dst = append(dst, Target{img.ID, sym}) })
	})
	return dst
}

// mayDefine calls each for the images from id first on that may define a name, with its hash.
func (p *Process) mayDefine(first int, name string, each func(img *Image, hash uint32)) {
	hash := image.GNUHash(name)
	if !p.defined.ask(p.Images, hash) {
		return
	}
	for _, img := range p.Images[first:] {
		if p.defined.may(img.ID) {
			each(img, hash)
		}
	}
}

// CopySource returns the definitions that a COPY relocation of image img for its
// symbol sym is initialised from: those that the search finds outside of img.
func (p *Process) CopySource(img, sym int) []Target {
	m := p.Images[img]
	name := m.SymbolName(sym)
	if name == "" {
		return nil
	}
	return p.lookupScope(p.global, img, image.GNUHash(name), name, p.version(m, sym), nil)
}

// Undefined lists the dynamic symbols of an image that demand a definition and
// have none.
func (p *Process) Undefined(img int) (syms []int) {
	f := p.Images[img]
	var buf [4]Target
	for i := 1; i < f.NumSymbols(); i++ {
		s := f.Symbol(i)
		if s.Shndx == 0 && s.Bind == image.STBGlobal && f.SymbolName(i) != "" && len(p.Resolve(img, i, buf[:0])) == 0 {
			syms = append(syms, i)
		}
	}
	return syms
}
