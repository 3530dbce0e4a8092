package ambit

import "context"

// Kept is a value, and the second (since 1970) after which it may be forgotten; nil: never.
type Kept struct {
	Value string
	Until *int64
}

// Values are what is kept, by key.
type Values map[string]Kept

func (v Values) or(key, absent string) string {
	if kept, known := v[key]; known {
		return kept.Value
	}
	return absent
}

// Change is what is to be written, and the second before whose Until everything is to be forgotten.
type Change struct {
	Write  Values
	Forget *int64
}

// Store keeps values for good: budgets, what happened once, the highest version of each policy. It decides nothing. The
// package storetest has its contract as tests, for stores of your own as well.
type Store interface {
	// Transact reads keys (those that are not there are left out), asks decide, and keeps what it says, in one step: nobody
	// else writes those keys in between, and either everything is written or nothing. When it returns nil, the change
	// outlives the process. decide may be called more than once; its error is returned, and nothing is kept.
	Transact(ctx context.Context, keys []string, decide func(kept Values) (Change, error)) error
}
