package ambit

import "encoding/json"

// The JSON that goes to the core and comes from it: `pkg/abi.md`, "The host core".

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
	Answer json.RawMessage `json:"answer"`
	Nonce  string          `json:"nonce,omitempty"`
}

type refusedText struct {
	Error *ConsentError `json:"error"`
}
