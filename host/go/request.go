package ambit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Question is what a policy is asked: a Request, or its Text.
type Question interface{ text() ([]byte, error) }

// Text is a request as JSON, as it came.
type Text []byte

func (t Text) text() ([]byte, error) { return t, nil }

// Request is a request in parts (docs/decision.md, section 1). What the agent sent goes into everything but Statements,
// Entities and Facts; those are what the service knows by itself.
type Request struct {
	Evaluation Evaluation        `json:"evaluation"`
	Token      string            `json:"token,omitempty"`
	Proof      string            `json:"proof,omitempty"`
	Approvals  []string          `json:"approvals,omitempty"`
	Enrolments []string          `json:"enrolments,omitempty"`
	Statements []string          `json:"statements,omitempty"`
	Entities   []json.RawMessage `json:"entities,omitempty"`
	Facts      Facts             `json:"facts"`
}

// Evaluation is the call: who does what to which thing, and why.
type Evaluation struct {
	Subject  *Thing   `json:"subject,omitempty"`
	Action   Action   `json:"action"`
	Resource Thing    `json:"resource"`
	Context  *Purpose `json:"context,omitempty"`
}

// Thing has a type and an identifier.
type Thing struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// Action is what is done, how far, and with which arguments.
type Action struct {
	Name       string     `json:"name"`
	Properties Properties `json:"properties"`
}

// Properties of an action. Args is the JSON text of the arguments as it came: their digits are kept, and a member twice is
// refused.
type Properties struct {
	Power string          `json:"power"`
	Args  json.RawMessage `json:"args"`
}

// Purpose is why.
type Purpose struct {
	Purpose string `json:"purpose"`
}

// Facts is what the service knows. Now and Audience are required.
type Facts struct {
	Now         int64           `json:"now"`
	Audience    string          `json:"audience"`
	Location    string          `json:"location,omitempty"`
	Tenant      string          `json:"tenant,omitempty"`
	Method      string          `json:"method,omitempty"`
	URL         string          `json:"url,omitempty"`
	Nonce       string          `json:"nonce,omitempty"`
	Agent       json.RawMessage `json:"agent,omitempty"`
	Status      json.RawMessage `json:"status,omitempty"`
	UTCOffsets  map[string]int  `json:"utc_offsets,omitempty"`
	Content     json.RawMessage `json:"content,omitempty"`
	Counters    json.RawMessage `json:"counters,omitempty"`
	MinVersions json.RawMessage `json:"min_versions,omitempty"`
}

func (r Request) text() ([]byte, error) {
	// Each of its texts: `encoding/json` would put another character in the place of what is no UTF-8, and so judge
	// another call than the one that runs.
	e, f := r.Evaluation, r.Facts
	texts := []string{e.Action.Name, e.Action.Properties.Power, e.Resource.Type, e.Resource.ID, r.Token, r.Proof}
	texts = append(texts, f.Audience, f.Location, f.Tenant, f.Method, f.URL, f.Nonce)
	if e.Subject != nil {
		texts = append(texts, e.Subject.Type, e.Subject.ID)
	}
	if e.Context != nil {
		texts = append(texts, e.Context.Purpose)
	}
	for zone := range f.UTCOffsets {
		texts = append(texts, zone)
	}
	for _, list := range [][]string{r.Approvals, r.Enrolments, r.Statements} {
		texts = append(texts, list...)
	}
	for _, text := range texts {
		if !utf8.ValidString(text) {
			return nil, fmt.Errorf("a text is no UTF-8: %q", text)
		}
	}
	return encode(r)
}

// encode writes JSON without the escapes for HTML, which would only make it longer.
func encode(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}
