// Package shop is a policy and everybody around it, for tests: an issuer, an agent with its key, and Ann, who approves.
//
// The project is that of `ambit init`, where each request proves possession and Ann's key is known, with one action more.
package shop

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ambit.dev/host"
)

// Where the service is, and who issues tokens for it.
const (
	Origin = "https://mail.example"
	UID    = "example/assistant"
	iss    = "https://issuer.example"
)

const stock = `
@label("book items in, execute: book items in")
@powers("execute")
action stock appliesTo {
  principal: [Ambit::Agent],
  resource: [Contact],
  context: { @label("count") count: Long, @label("note") note?: String }
};
`

const manifest = `
[[capabilities]]
actions = ["stock"]
privileges = ["execute"]
datatypes = ["Contact"]
purpose = "customer-care"
consent = "none"
constraints.count = { constraint_type = "range", min = 1, max = 50 }
constraints.note = { constraint_type = "optional", constraint = { constraint_type = "wildcard" } }
`

// capabilities are what the agent is granted: to draft mail, to book in three times, to pay with Ann's yes.
const capabilities = `[
	{"type": "ambit_capability", "actions": ["email"], "privileges": ["draft"], "datatypes": ["Contact"],
	 "purpose": "customer-care", "constraints": {
		"to": {"constraint_type": "email_domain", "values": ["customer.example"]},
		"subject": {"constraint_type": "optional", "constraint": {"constraint_type": "wildcard"}}}},
	{"type": "ambit_capability", "actions": ["stock"], "privileges": ["execute"], "datatypes": ["Contact"],
	 "purpose": "customer-care", "limits": [{"type": "use_limit", "max": 3}], "constraints": {
		"count": {"constraint_type": "range", "min": 1, "max": 9},
		"note": {"constraint_type": "optional", "constraint": {"constraint_type": "wildcard"}}}},
	{"type": "ambit_capability", "actions": ["pay"], "privileges": ["propose", "execute"], "datatypes": ["Invoice"],
	 "purpose": "customer-care", "constraints": {
		"amount": {"constraint_type": "range", "min": 1, "max": 20000},
		"currency": {"constraint_type": "exact", "value": "EUR"}}}
]`

// Shop is the organisation.
type Shop struct {
	*ambit.Policy
	t                  testing.TB
	issuer, agent, ann ed25519.PrivateKey
	number             atomic.Int64
}

// Open makes keys and a policy, and loads it.
func Open(t testing.TB, options ambit.Options) *Shop {
	t.Helper()
	command := os.Getenv("AMBIT_COMMAND")
	if command == "" {
		t.Fatal("AMBIT_COMMAND is not set: it names the command `ambit`")
	}
	folder := filepath.Join(t.TempDir(), "shop")
	_, ann, err := ed25519.GenerateKey(rand.Reader)
	s := &Shop{t: t, ann: ann}
	s.must(err)
	run := func(words ...string) {
		t.Helper()
		ambit := exec.Command(command, words...)
		if words[0] != "init" {
			ambit.Dir = folder
		}
		if said, err := ambit.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", words, err, said)
		}
	}
	change := func(name string, change func(string) string) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(folder, name))
		s.must(err)
		s.must(os.WriteFile(filepath.Join(folder, name), []byte(change(string(text))), 0o600))
	}
	run("init", folder)
	change("ambit.toml", func(text string) string {
		return strings.Replace(text, `possession = "off"`, "", 1) + "\n[[keys]]\niss = \"" + iss +
			"\"\nkid = \"ann-1\"\nalg = \"Ed25519\"\nsigns = \"approval-receipt+jwt\"\nsub = \"user:ann\"\nx = \"" + public(ann) + "\"\n"
	})
	change("schema.cedarschema", func(text string) string { return text + stock })
	change("agents/assistant.toml", func(text string) string { return text + manifest })
	run("build", ".", "-o", "policy.wasm")
	run("sign", "policy.wasm", "--key", "keys/module.jwk")
	s.issuer, s.agent = s.key(filepath.Join(folder, "keys/issuer.jwk")), s.key(filepath.Join(folder, "keys/agent.jwk"))
	file := func(name string) ambit.File { return ambit.File(filepath.Join(folder, name)) }
	if options.Store == nil {
		options.Store = ambit.NewMemoryStore()
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	s.Policy, err = ambit.Load(context.Background(), file("policy.bundle"), ambit.Trust{Keys: file("keys.json"), UID: UID}, options)
	s.must(err)
	return s
}

func (s *Shop) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *Shop) key(path string) ed25519.PrivateKey {
	s.t.Helper()
	text, err := os.ReadFile(path)
	s.must(err)
	var jwk struct{ D string }
	s.must(json.Unmarshal(text, &jwk))
	seed, err := base64.RawURLEncoding.DecodeString(jwk.D)
	s.must(err)
	return ed25519.NewKeyFromSeed(seed)
}

func b64(content []byte) string { return base64.RawURLEncoding.EncodeToString(content) }

func public(key ed25519.PrivateKey) string { return b64(key.Public().(ed25519.PublicKey)) }

func sign(key ed25519.PrivateKey, text string) string {
	return text + "." + b64(ed25519.Sign(key, []byte(text)))
}

type object = map[string]any

func (s *Shop) text(value any) []byte {
	s.t.Helper()
	text, err := json.Marshal(value)
	s.must(err)
	return text
}

func (s *Shop) next(name string) string { return name + "-" + strconv.FormatInt(s.number.Add(1), 10) }

// Token is one run's.
func (s *Shop) Token() string {
	s.t.Helper()
	now := time.Now().Unix()
	claims := object{
		"iss": iss, "sub": "user:ann", "aud": []string{Origin}, "iat": now, "exp": now + 600, "jti": s.next("token"),
		"del_depth": 0, "del_max_depth": 1,
		"policy": object{"uid": UID, "version": s.Statement.Version, "s256": s.Statement.BundleS256},
		"act":    object{"sub": "https://agents.example/assistant/1", "iss": iss, "sub_profile": "ai_agent"},
		"agent":  object{"uid": "assistant", "instance_uid": "run-1"},
		"cnf":    object{"jwk": object{"kty": "OKP", "crv": "Ed25519", "x": public(s.agent)}}, "authorization_details": json.RawMessage(capabilities),
	}
	head := object{"alg": "Ed25519", "typ": "cap+jwt", "kid": "issuer-1"}
	return sign(s.issuer, b64(s.text(head))+"."+b64(s.text(claims)))
}

// Proof is a fresh one for a call, as the agent signs it.
func (s *Shop) Proof(token string, call ambit.Evaluation, method, url string) string {
	s.t.Helper()
	now := time.Now().Unix()
	asked := ambit.Request{Evaluation: call, Token: token, Facts: ambit.Facts{Now: now, Audience: Origin}}
	digest, err := s.Digest(context.Background(), asked)
	s.must(err)
	claims := object{"jti": s.next("proof"), "htm": method, "htu": url, "iat": now, "ambit_call": digest.BindingS256}
	return s.sign(s.agent, object{"typ": "dpop+jwt", "token": token, "claims": claims})
}

// Receipt is Ann's yes to what a remedy or a proposal says.
func (s *Shop) Receipt(remedy []byte) string {
	s.t.Helper()
	var step struct {
		BindingS256 string `json:"binding_s256"`
		RiskTier    string `json:"risk_tier"`
		Display     map[string]string
	}
	s.must(json.Unmarshal(remedy, &step))
	delete(step.Display, "text")
	now := time.Now().Unix()
	claims := object{
		"iss": iss, "aud": Origin, "jti": s.next("receipt"), "iat": now, "exp": now + 300, "sub": "user:ann", "decision": "approved",
		"kind": "action", "risk_tier": step.RiskTier, "binding_s256": step.BindingS256, "display": step.Display,
	}
	return s.sign(s.ann, object{"typ": "approval-receipt+jwt", "kid": "ann-1", "claims": claims})
}

func (s *Shop) sign(key ed25519.PrivateKey, asked object) string {
	s.t.Helper()
	input, err := s.SigningInput(context.Background(), s.text(asked))
	if denied := (*ambit.Denied)(nil); errors.As(err, &denied) {
		s.t.Fatal(denied, denied.Answer.Reason.Admin)
	}
	s.must(err)
	return sign(key, input.SigningInput)
}

// Call is one in parts.
func Call(action, power, kind, id, args string) ambit.Evaluation {
	return ambit.Evaluation{
		Action:   ambit.Action{Name: action, Properties: ambit.Properties{Power: power, Args: json.RawMessage(args)}},
		Resource: ambit.Thing{Type: kind, ID: id}, Context: &ambit.Purpose{Purpose: "customer-care"},
	}
}

// Facts are what a service knows of a call.
func (s *Shop) Facts(method, url string) ambit.Facts {
	return ambit.Facts{Now: time.Now().Unix(), Audience: Origin, Method: method, URL: url}
}
