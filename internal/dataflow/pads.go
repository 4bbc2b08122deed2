package dataflow

import (
	"sort"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/summary"
)

// landingPads returns the landing pads of the function at pc.
func (w *worker) landingPads(pc uint64) []image.LandingPad {
	if pc-w.padless.Start < w.padless.End-w.padless.Start {
		return nil
	}
	return w.padsAt(pc)
}

func (w *worker) padsAt(pc uint64) []image.LandingPad {
	f := w.fdeAt(pc)
	if f == nil || f.LSDA == 0 {
		return nil
	}
	first, second := &w.pads[0], &w.pads[1]
	if first.fde != nil && *first.fde == *f {
		return first.pads
	}
	*first, *second = *second, *first
	if first.fde != nil && *first.fde == *f {
		return first.pads
	}
	pads, ok := w.f.AppendLandingPads(first.room, f)
	if ok && cap(pads) > cap(first.room) {
		first.room = pads
	}
	if !ok {
		w.gap(f.Start, summary.GapException)
		w.opaque = true
	}
	first.set(f, pads)
	return pads
}

// padsOver returns the landing pads of the instructions from first to last, which are of one function.
func (w *worker) padsOver(first, last uint64) []image.LandingPad {
	pads := w.landingPads(first)
	if len(pads) == 0 {
		return nil
	}
	p := &w.pads[0]
	if !p.ordered {
		p.some = p.some[:0]
		for _, x := range pads {
			if x.Start <= last && first < x.End {
				p.some = append(p.some, x)
			}
		}
		return p.some
	}
	i := sort.Search(len(pads), func(i int) bool { return first < pads[i].End })
	n := i
	for n < len(pads) && pads[n].Start <= last {
		n++
	}
	return pads[i:n]
}

// padsOf has the landing pads of the range of an FDE, if there is one.
type padsOf struct {
	fde     *image.FDE
	pads    []image.LandingPad
	room    []image.LandingPad // memory of pads
	ordered bool               // none covers what is at or behind the start of the next one, which is what the ABI asks for
	some    []image.LandingPad // memory of padsOver
}

func (p *padsOf) set(f *image.FDE, pads []image.LandingPad) {
	p.fde, p.pads, p.ordered = f, pads, true
	for i := 1; i < len(pads); i++ {
		p.ordered = p.ordered && pads[i-1].End <= pads[i].Start
	}
}
