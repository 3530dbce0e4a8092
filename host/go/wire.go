package ambit

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
)

// The JSON that goes to the core and comes from it: `pkg/abi.md`, "The host core".

// questions are what a policy is asked. The core has other exports, which are the host's own.
var questions = []string{"evaluate", "advise", "describe", "digest", "signing_input", "ask", "epochs", "info"}

type loadRequest struct {
	Trust     string          `json:"trust"`
	UID       string          `json:"uid"`
	Now       int64           `json:"now"`
	Seen      json.RawMessage `json:"seen"`
	Guest     string          `json:"guest,omitempty"`
	Signature string          `json:"signature,omitempty"`
}

type loaded struct {
	Statement
	Seen  json.RawMessage `json:"seen"`
	Code  string          `json:"code"`
	Admin string          `json:"admin"`
}

type enforceRequest struct {
	Answer  string   `json:"answer"`
	Knows   []string `json:"knows"`
	Journal bool     `json:"journal"`
	Epochs  bool     `json:"epochs"`
	Results []result `json:"results"`
}

// result is what came of a step: done, what was kept before, or why it failed.
type result struct {
	Done   bool              `json:"done,omitempty"`
	Kept   map[string]uint64 `json:"kept,omitzero"`
	Failed *string           `json:"failed,omitempty"`
	Code   string            `json:"code,omitempty"`
	cause  error
}

// causeOf is what the last step gave that was not done.
func causeOf(results []result) (cause error) {
	for _, one := range results {
		cause = cmp.Or(one.cause, cause)
	}
	return cause
}

// forgotten is the key of the time before which what ended was forgotten.
const forgotten = "forgotten"

// failed is the result of a step that was not done.
func failed(err error) result {
	why := &NotDischarged{Detail: err.Error()}
	errors.As(err, &why)
	return result{Failed: &why.Detail, Code: why.Code, cause: err}
}

// recovered is for defer: what panics was not done. What it panicked with may have anything of the call in it.
func recovered(came *result) {
	if why := recover(); why != nil {
		*came = failed(fmt.Errorf("a function of the service panicked (%T)", why))
	}
}

type step struct {
	Obligation
	Do         string          `json:"do"`
	Epochs     []epoch         `json:"epochs"`
	Event      string          `json:"event"`
	Answer     json.RawMessage `json:"answer"`
	Permitted  bool            `json:"permitted"`
	Discharged []string        `json:"discharged"`
}

type epoch struct {
	Iss     string `json:"iss"`
	Version uint64 `json:"version"`
}

type charged struct {
	Charges []struct {
		Key string `json:"key"`
	} `json:"charges"`
}

type budget struct {
	Key   string `json:"key,omitempty"`
	Used  int64  `json:"used"`
	Until *int64 `json:"until"`
}

type consumeRequest struct {
	Ext       json.RawMessage    `json:"ext"`
	Now       *int64             `json:"now"`
	Forgotten int64              `json:"forgotten"`
	Budgets   map[string]*budget `json:"budgets"`
}

type consumed struct {
	Set    []budget `json:"set"`
	Forget *int64   `json:"forget"`
	Failed *string  `json:"failed"`
	Code   string   `json:"code"`
}

type httpRequest struct {
	Answer     json.RawMessage `json:"answer"`
	Nonce      string          `json:"nonce,omitempty"`
	Possession string          `json:"possession"`
}

type info struct {
	Possession string `json:"possession"`
}

type refusedText struct {
	Error *ConsentError `json:"error"`
}
