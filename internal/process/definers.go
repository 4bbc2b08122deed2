package process

import (
	"math"
	"math/bits"
	"slices"

	"github.com/gofind-dev/gofind/internal/fresh"
)

// definers knows which images may define a name, by its GNU hash, so that not each image is asked for each name. The answers are
// not safe for concurrent use.
type definers struct {
	names []definer // names[0] is none
	last  []uint32  // by hash: the last in names; a power of two
	asked uint32    // the number of the question
	found []uint32  // by image: the last question that it was part of the answer to
	any   bool      // an image has no such hashes: it is part of all answers
}

// definer is a name that an image defines.
type definer struct {
	hash   uint32 // without the lowest bit, which files do not have
	image  uint32
	before uint32 // in names: another one at the same place in last
}

// ask asks which images may define a name of a hash, and reports whether any does.
func (d *definers) ask(images []*Image, hash uint32) bool {
	if len(d.found) < len(images) {
		d.add(images)
	}
	d.asked++
	any := d.any
	hash &^= 1
	for n := d.last[d.place(hash)]; n != 0; n = d.names[n].before {
		if d.names[n].hash == hash {
			d.found[d.names[n].image] = d.asked
			any = true
		}
	}
	return any
}

// may reports whether an image was in the last answer.
func (d *definers) may(image int) bool { return d.found[image] >= d.asked }

// add takes up the names of images that are new.
func (d *definers) add(images []*Image) {
	first := max(len(d.names), 1)
	d.names = append(d.names, make([]definer, first-len(d.names))...)
	most := 0
	for _, img := range images[len(d.found):] {
		most += img.NumSymbols()
	}
	d.names = slices.Grow(d.names, most)
	for i := len(d.found); i < len(images); i++ {
		d.found = append(d.found, 0)
		if !images[i].HashedNames(func(hash uint32) { d.names = append(d.names, definer{hash: hash, image: uint32(i)}) }) {
			d.found[i], d.any = math.MaxUint32, true
		}
	}
	if len(d.names) > len(d.last) {
		d.last = fresh.Make[uint32](2 << bits.Len(uint(len(d.names))))
		first = 1
	}
	for n := first; n < len(d.names); n++ {
		x := &d.names[n]
		if at := d.place(x.hash); !d.has(at, x) {
			x.before, d.last[at] = d.last[at], uint32(n)
		}
	}
}

// has reports whether a hash of the image that was taken up last is at a place: a name may have many versions,
// and in a hostile file all names have the same hash.
func (d *definers) has(at uint32, x *definer) bool {
	for n := d.last[at]; n != 0 && d.names[n].image == x.image; n = d.names[n].before {
		if d.names[n].hash == x.hash {
			return true
		}
	}
	return false
}

func (d *definers) place(hash uint32) uint32 { return hash >> 1 & uint32(len(d.last)-1) }
