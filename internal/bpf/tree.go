package bpf

// A segment is a range of numbers, both ends included, with the same outcome.
type segment struct {
	first, last uint32
	to          nodeID
	weight      float64 // how much its cost counts
}

// refused is the weight of what a policy refuses: nearly nothing, but enough to
// choose the better one of two trees that are otherwise equal.
const refused = 1.0 / 4096

// maxOptimal bounds the segments for which the best tree is looked for.
const maxOptimal = 400

// merge joins neighbours that lead to the same place.
func merge(segs []segment) []segment {
	out := segs[:0]
	for _, s := range segs {
		if s.first > s.last {
			continue
		}
		if n := len(out); n > 0 && out[n-1].to == s.to {
			out[n-1].last = s.last
			out[n-1].weight += s.weight
			continue
		}
		out = append(out, s)
	}
	return out
}

// tree finds the segment of the number in the accumulator. The segments are
// merged and leave nothing out.
func (b *builder) tree(segs []segment) nodeID {
	t := planner{b: b, segs: segs, sums: make([]float64, len(segs)+1)}
	for i, s := range segs {
		t.sums[i+1] = t.sums[i] + s.weight
	}
	if len(segs) <= maxOptimal {
		t.plan()
	}
	return t.build(0, len(segs)-1)
}

// A planner finds the cheapest tree over segments: cost[i][j] is the weighted number
// of comparisons for the segments i to j.
type planner struct {
	b     *builder
	segs  []segment
	sums  []float64 // of the weights before a segment
	split []int16   // [i*n+j]: the segment that starts the upper half
}

func (t *planner) plan() {
	n := len(t.segs)
	t.split = make([]int16, n*n)
	cost := make([]float64, n*n)
	for length := 2; length <= n; length++ {
		for i := 0; i+length <= n; i++ {
			j := i + length - 1
			if t.single(i, j) {
				cost[i*n+j] = t.sums[j+1] - t.sums[i]
				continue
			}
			best, at := -1.0, 0
			for k := i + 1; k <= j; k++ {
				if c := cost[i*n+k-1] + cost[k*n+j]; best < 0 || c < best {
					best, at = c, k
				}
			}
			cost[i*n+j] = best + t.sums[j+1] - t.sums[i]
			t.split[i*n+j] = int16(at)
		}
	}
}

// single reports whether segments i to j are one number between two segments with
// the same outcome.
func (t *planner) single(i, j int) bool {
	return j == i+2 && t.segs[i].to == t.segs[j].to && t.segs[i+1].first == t.segs[i+1].last
}

func (t *planner) build(i, j int) nodeID {
	switch {
	case i == j:
		return t.segs[i].to
	case t.single(i, j):
		return t.b.branch(opJEq, t.segs[i+1].first, t.segs[i+1].to, t.segs[i].to)
	}
	k := (i + j + 1) / 2
	if t.split != nil {
		k = int(t.split[i*len(t.segs)+j])
	}
	return t.b.branch(opJGe, t.segs[k].first, t.build(k, j), t.build(i, k-1))
}
