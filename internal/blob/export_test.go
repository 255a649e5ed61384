package blob

// MayCount reports whether a count could run at this moment.
func (s *Space) MayCount(tenant string) bool {
	b := s.book(tenant)
	if !b.moving.TryLock() {
		return false
	}
	b.moving.Unlock()
	return true
}
