package meter

// spareChunks is how many emptied chunks are kept for the next records.
const spareChunks = 2

// queue holds records in chunks of one batch, so that it grows and shrinks
// without copying. The meter's mutex guards it.
type queue struct {
	batch int
	// full are chunks waiting, oldest first; open is being filled.
	full  [][]Finished
	open  []Finished
	spare [][]Finished
	// waiting counts records that are not stored yet, those being sent included.
	waiting int
}

// push adds a record and reports whether it filled a chunk.
func (q *queue) push(f *Finished) bool {
	if q.open == nil {
		q.open = q.chunk()
	}
	q.open = append(q.open, *f)
	q.waiting++
	if len(q.open) < q.batch {
		return false
	}
	q.full = append(q.full, q.open)
	q.open = nil
	return true
}

func (q *queue) chunk() []Finished {
	if n := len(q.spare); n > 0 {
		c := q.spare[n-1]
		q.spare = q.spare[:n-1]
		return c
	}
	return make([]Finished, 0, min(q.batch, 64))
}

// take takes the oldest chunk out; it still counts as waiting.
func (q *queue) take() []Finished {
	if len(q.full) > 0 {
		c := q.full[0]
		q.full = q.full[1:]
		return c
	}
	c := q.open
	q.open = nil
	return c
}

// putBack returns a chunk that was not stored to the front.
func (q *queue) putBack(c []Finished) { q.full = append([][]Finished{c}, q.full...) }

// stored forgets a chunk and keeps its memory for the next.
func (q *queue) stored(c []Finished) {
	q.waiting -= len(c)
	if len(q.spare) < spareChunks {
		clear(c)
		q.spare = append(q.spare, c[:0])
	}
}
