package plaintext

import (
	"container/list"
	"crypto/sha256"
	"sync"
)

// shelfBytes bounds the texts that are kept.
const shelfBytes = 64 << 20

// shelf keeps the texts that were asked for last, by what the documents hold: a
// text is had by those only who have the document. It is safe for concurrent use.
type shelf struct {
	mu    sync.Mutex
	kept  map[[sha256.Size]byte]*list.Element
	order list.List // of *volume, the last used first
	bytes int
}

type volume struct {
	key  [sha256.Size]byte
	text string
}

func (s *shelf) get(key [sha256.Size]byte) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.kept[key]
	if e == nil {
		return "", false
	}
	s.order.MoveToFront(e)
	return e.Value.(*volume).text, true
}

func (s *shelf) put(key [sha256.Size]byte, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept[key] != nil {
		return
	}
	if s.kept == nil {
		s.kept = map[[sha256.Size]byte]*list.Element{}
	}
	s.kept[key] = s.order.PushFront(&volume{key, text})
	for s.bytes += len(text); s.bytes > shelfBytes && s.order.Len() > 1; {
		last := s.order.Remove(s.order.Back()).(*volume)
		delete(s.kept, last.key)
		s.bytes -= len(last.text)
	}
}
