package ambit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Source is where something is read from: a File, or Bytes.
type Source interface {
	read() (content, signature []byte, err error)
}

// File is the path of a file. The signature of `policy.wasm` and of `policy.bundle` is looked for beside it, in
// `policy.wasm.dsse.json`.
type File string

// Bytes is a file's content, with a detached signature where it has one.
type Bytes struct{ Content, Signature []byte }

// Trust says whom to believe, and which policy is expected.
type Trust struct {
	// Keys is `keys.json`.
	Keys Source
	// UID names the policy.
	UID string
	// Guest demands the evaluator that a module was built with, by its SHA-256 as base64url; empty: any.
	Guest string
}

// Options of Load.
type Options struct {
	// Store keeps the highest version of the policy, so that no older one is accepted again, budgets, what happened once,
	// and the highest versions of revocation epochs. Required.
	Store Store
	// Journal writes down each decision before it is obeyed, and what became of it; nil: nothing is written.
	Journal Journal
	// Handlers discharge obligations by their type; `consume` is done by the store.
	Handlers map[string]Handler
	// Instances bounds the calls that run at the same time; 0: one for each processor.
	Instances int
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Logger is told of loads, denials and faults, and never of tokens, arguments or purposes; nil: slog.Default.
	Logger *slog.Logger
}

// Handler discharges an obligation, completely, before the action. Its error means that the action must not happen; a
// *NotDischarged says by which reason.
type Handler func(ctx context.Context, obligation Obligation) error

// do calls it. Of an error that is no *NotDischarged only the kind is told, as its text may have anything of the call in it.
func (h Handler) do(ctx context.Context, obligation Obligation) error {
	err := h(ctx, obligation)
	if why := (*NotDischarged)(nil); err == nil || errors.As(err, &why) {
		return err
	}
	return &unsaid{err}
}

// unsaid is an error whose text is not told.
type unsaid struct{ error }

func (u *unsaid) Error() string { return fmt.Sprintf("the handler gave a `%T`", u.error) }
func (u *unsaid) Unwrap() error { return u.error }

// NotDischarged says why an obligation was not done, by the code of a reason where `obligation.failed` is not precise.
type NotDischarged struct{ Code, Detail string }

func (e *NotDischarged) Error() string { return e.Detail }

// Journal writes down what was decided, and what became of it: the package auditlog, or one of your own.
type Journal interface {
	// Write keeps an event for good: of every answer, before any obligation is discharged (`decided`), and of what became of
	// an allow, before the action (`ended`). What it gives comes with the `ended` of this `decided`. An error denies.
	Write(ctx context.Context, event Event) (entry any, err error)
}

// Event is `decided` with the Answer, or `ended` with the rest; Answer is then the denial in place of the allow, or nil.
type Event struct {
	Name       string
	Answer     []byte
	Permitted  bool
	Discharged []string
	Entry      any
}
