package ambit

import (
	"context"
	"maps"
	"sync"
)

// MemoryStore keeps values in this process only. What was used before a restart can be used again: it is for tests, and
// where the budgets of a process are its own.
type MemoryStore struct {
	lock sync.Mutex
	kept Values
}

// NewMemoryStore makes an empty one.
func NewMemoryStore() *MemoryStore { return &MemoryStore{kept: Values{}} }

// Transact is as Store says.
func (s *MemoryStore) Transact(ctx context.Context, keys []string, decide func(Values) (Change, error)) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	found := Values{}
	for _, key := range keys {
		if kept, known := s.kept[key]; known {
			found[key] = kept
		}
	}
	change, err := decide(found)
	if err != nil {
		return err
	}
	maps.Copy(s.kept, change.Write)
	if change.Forget != nil {
		maps.DeleteFunc(s.kept, func(_ string, kept Kept) bool { return kept.Until != nil && *kept.Until < *change.Forget })
	}
	return nil
}
