package ambit

import (
	"encoding/json"
	"errors"
	"fmt"
)

// LoadError says why a policy is not loaded. Code is stable (`module.signature`, `module.expired` …); Admin is for
// operators.
type LoadError struct{ Code, Admin string }

func (e *LoadError) Error() string { return fmt.Sprintf("%s (%s)", e.Admin, e.Code) }

// ConsentError says that a grant has no text, so that nobody can consent to it. At names what to mend.
type ConsentError struct {
	Code  string `json:"code"`
	At    string `json:"at"`
	Admin string `json:"admin"`
}

func (e *ConsentError) Error() string { return fmt.Sprintf("%s (%s, at `%s`)", e.Admin, e.Code, e.At) }

// Denied is the error of a call that must not happen. Its text is the sentence for people.
type Denied struct {
	// Code is stable: `capability.power`, `limit.spend` …
	Code string
	// Words is the sentence for people.
	Words string
	// Remedies are the steps that would help, as far as the decision knows them; Policy.Advise searches for more.
	Remedies []json.RawMessage
	// HTTP is what a service says: status, headers, problem.
	HTTP HTTP
	// Answer is the whole denial; its Reason.Admin is for operators only.
	Answer *Answer
	// Discharged are the obligations done before one failed. What they consumed stays consumed.
	Discharged []string
	cause      error
}

// Unwrap is what a store, a journal or a handler gave where that is why, or nil. Its text may have anything of the call in it.
func (d *Denied) Unwrap() error { return d.cause }

func (d *Denied) Error() string { return fmt.Sprintf("%s (%s)", d.Words, d.Code) }

// Status is the status of HTTP.
func (d *Denied) Status() int { return d.HTTP.Status }

// Challenge is the header `WWW-Authenticate`, empty where there is none.
func (d *Denied) Challenge() string { return d.HTTP.Headers["www-authenticate"] }

// Statement is what the signers say of a policy: which it is, from when and until when (seconds since 1970).
type Statement struct {
	UID        string   `json:"uid"`
	Version    uint64   `json:"version"`
	Issued     int64    `json:"issued"`
	Expires    int64    `json:"expires"`
	FileS256   string   `json:"file_s256"`
	GuestS256  string   `json:"guest_s256"`
	BundleS256 string   `json:"bundle_s256"`
	TestsS256  string   `json:"tests_s256"`
	Signers    []string `json:"signers"`
	ABI        int      `json:"abi"`
}

// Reason says why: a stable Code, a sentence for the User, details for operators only (Admin).
type Reason struct {
	Code  string `json:"code"`
	User  string `json:"user"`
	Admin string `json:"admin"`
}

// Obligation must be discharged with an allow, or the allow is none.
type Obligation struct {
	ID   string          `json:"id"`
	Type string          `json:"type"`
	Ext  json.RawMessage `json:"ext"`
	// Now is the time by which the decision was made (seconds since 1970); nil where its record has none.
	Now *int64 `json:"now"`
}

// Answer is a decision. Only Decision with every one of the Obligations discharged allows anything: Policy.Enforce obeys
// it.
type Answer struct {
	Decision    bool
	Reason      Reason
	Obligations []Obligation
	Remedy      Remedy
	Policies    []json.RawMessage
	Record      json.RawMessage
	// Raw has the bytes, the same from every engine.
	Raw []byte
}

// Remedy is what the failed step wanted. Where people must approve, the other members are what is put before them.
type Remedy struct {
	Steps       []json.RawMessage `json:"steps"`
	BindingS256 string            `json:"binding_s256"`
	RiskTier    string            `json:"risk_tier"`
	Display     json.RawMessage   `json:"display"`
}

func readAnswer(raw []byte) (*Answer, error) {
	var said struct {
		Decision *bool `json:"decision"`
		Context  *struct {
			Reason      Reason            `json:"reason"`
			Obligations []Obligation      `json:"obligations"`
			Remedy      Remedy            `json:"remedy"`
			Policies    []json.RawMessage `json:"policies"`
			Record      json.RawMessage   `json:"record"`
		} `json:"context"`
	}
	if err := json.Unmarshal(raw, &said); err != nil {
		return nil, err
	}
	if said.Decision == nil || said.Context == nil {
		return nil, errors.New("it has no decision")
	}
	c := said.Context
	return &Answer{*said.Decision, c.Reason, c.Obligations, c.Remedy, c.Policies, c.Record, raw}, nil
}

// Alternative is one thing that would be allowed. Doing all Steps is enough; Judged says whether every later step was
// asked.
type Alternative struct {
	Judged bool              `json:"judged"`
	Text   string            `json:"text"`
	Steps  []json.RawMessage `json:"steps"`
}

// Advice is what would help after a denial, the nearest first.
type Advice struct {
	Decision     bool          `json:"decision"`
	Reason       Reason        `json:"reason"`
	Alternatives []Alternative `json:"alternatives"`
	Raw          []byte        `json:"-"`
}

// Consent is what a grant allows, for a person. Show exactly Text: its hash is what a receipt proves.
type Consent struct {
	Text        string            `json:"text"`
	Locale      string            `json:"locale"`
	Renderer    string            `json:"renderer"`
	RiskTier    string            `json:"risk_tier"`
	TextS256    string            `json:"text_s256"`
	BindingS256 string            `json:"binding_s256"`
	Page        []json.RawMessage `json:"page"`
}

// CallDigest is the digest of a call, and what a person is shown of it where it is short enough to be shown.
type CallDigest struct {
	BindingS256 string          `json:"binding_s256"`
	RiskTier    string          `json:"risk_tier"`
	Display     json.RawMessage `json:"display"`
}

// SigningInput is what is to be signed: the ASCII bytes of SigningInput, with Alg.
type SigningInput struct {
	Typ          string `json:"typ"`
	Alg          string `json:"alg"`
	SigningInput string `json:"signing_input"`
	S256         string `json:"s256"`
}

// HTTP is what HTTP says for a denial: send every header, and Problem as the body.
type HTTP struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Problem json.RawMessage   `json:"problem"`
}
