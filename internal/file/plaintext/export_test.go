package plaintext

// AtOnce is how many children the reader has at most.
func (r *Reader) AtOnce() int { return cap(r.turns) }
