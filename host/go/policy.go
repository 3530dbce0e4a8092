// Package ambit answers from a signed policy: may this AI agent do this, to this, for this purpose, now, and if not, what
// would it take?
//
// Load verifies a policy; Policy.Decide judges a call, obeys the answer, and gives an error if the call must not happen.
// Answers have the same bytes as those of every other engine of Ambit. Everything is decided by one fixed evaluator, the
// core, which runs in wazero; nothing of a policy's file is compiled.
package ambit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

func (b Bytes) read() ([]byte, []byte, error) { return b.Content, b.Signature, nil }

func (f File) read() ([]byte, []byte, error) {
	module := string(f)
	if bundle, is := strings.CutSuffix(module, ".bundle"); is {
		module = bundle + ".wasm"
	}
	content, err := os.ReadFile(string(f))
	signature, missing := os.ReadFile(module + ".dsse.json")
	if err == nil && !errors.Is(missing, fs.ErrNotExist) {
		err = missing
	}
	return content, signature, err
}

// Policy is a policy whose signature, version and content were verified. Load makes one; goroutines may share it.
type Policy struct {
	// Statement is what its signers say of it.
	Statement Statement
	options   Options
	pool      *pool
	heard     heard
	info      info
	// stopped is said when nothing in there can say anything any more, or who asks waits no longer.
	stopped []byte
}

// Load verifies a policy: `policy.wasm`, or `policy.bundle` with its signature. The error is a *LoadError where the policy
// is refused, and the store's where that cannot tell.
func Load(ctx context.Context, source Source, trust Trust, options Options) (*Policy, error) {
	if options.Store == nil || source == nil || trust.Keys == nil {
		return nil, &LoadError{"module.options", "the source, `Trust.Keys` and `Options.Store` are required"}
	}
	if options.Handlers["consume"] != nil {
		return nil, &LoadError{"module.options", "`consume` is done by the store, and has no handler"}
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	options.Logger = cmp.Or(options.Logger, slog.Default())
	options.Instances = max(cmp.Or(options.Instances, runtime.GOMAXPROCS(0)), 1)
	file, signature, err := source.read()
	keys, _, unread := trust.Keys.read()
	if err = cmp.Or(err, unread); err != nil {
		return nil, &LoadError{"module.read", err.Error()}
	}
	l := &loading{file, loadRequest{string(keys), trust.UID, options.Now().Unix(), nil, trust.Guest, string(signature)}}
	p := &Policy{options: options, heard: heard{unsaved: map[string]uint64{}}}
	first, err := l.accept(ctx, p)
	if err != nil {
		return nil, err
	}
	p.pool = newPool(options.Instances, first, func() (*instance, error) { return l.load(&loaded{}) })
	runtime.AddCleanup(p, (*pool).close, p.pool)
	p.stopped, err = p.pool.ask(ctx, "ambit_refuse", []byte(`{"code":"engine.resources","admin":"there was no answer"}`))
	said, failed := p.pool.ask(ctx, "ambit_info")
	if err = cmp.Or(err, failed, json.Unmarshal(said, &p.info)); err != nil {
		return nil, err
	}
	options.Logger.InfoContext(ctx, "policy in force", "uid", p.Statement.UID, "version", p.Statement.Version)
	return p, nil
}

// loading is what a policy is loaded from: once to accept it, and again for each further instance.
type loading struct {
	file    []byte
	request loadRequest
}

// accept loads against what the store keeps, and keeps what was verified, in one step.
func (l *loading) accept(ctx context.Context, p *Policy) (first *instance, err error) {
	key, refused := "policy:"+l.request.UID, error(nil)
	err = p.options.Store.Transact(ctx, []string{key}, func(kept Values) (Change, error) {
		first.close()
		l.request.Seen = json.RawMessage(kept.or(key, "null"))
		var said loaded
		first, refused = l.load(&said)
		p.Statement, l.request.Seen = said.Statement, said.Seen
		if said.Seen == nil {
			return Change{}, refused
		}
		// One that has ended was verified all the same, and is to be remembered.
		return Change{Write: map[string]Kept{key: {Value: string(said.Seen)}}}, nil
	})
	if err = cmp.Or(err, refused); err != nil {
		first.close()
	}
	return first, err
}

func (l *loading) load(said *loaded) (*instance, error) {
	code, err := compiled()
	if err != nil {
		return nil, err
	}
	request, err := encode(l.request)
	if err != nil {
		return nil, &LoadError{"module.options", "what is kept of the policy cannot be read: " + err.Error()}
	}
	i, err := code.start()
	if err != nil {
		return nil, err
	}
	answer, err := i.ask("ambit_load", l.file, request)
	if err = cmp.Or(err, json.Unmarshal(answer, said)); err == nil && said.Code != "" {
		err = &LoadError{said.Code, said.Admin}
	}
	if err != nil {
		i.close()
		return nil, err
	}
	i.first = i.Memory().Size()
	return i, nil
}

// Evaluate judges a call. What goes wrong is a denial. Nothing is obeyed yet: Enforce does that, and Decide does both.
func (p *Policy) Evaluate(ctx context.Context, question Question) *Answer {
	answer := p.answer(ctx, p.asked(ctx, "evaluate", question))
	p.options.Logger.DebugContext(ctx, "decided", "code", answer.Reason.Code)
	return answer
}

// Advise says what would help after a denial of this request.
func (p *Policy) Advise(ctx context.Context, question Question) *Advice {
	raw := p.asked(ctx, "advise", question)
	advice := &Advice{Raw: raw}
	if json.Unmarshal(raw, advice) != nil || advice.Reason.Code == "" {
		denial := p.answer(ctx, raw)
		advice = &Advice{denial.Decision, denial.Reason, nil, raw}
	}
	return advice
}

// Describe puts a grant into words. The error is a *ConsentError where it has none: what has no text cannot be approved.
func (p *Policy) Describe(ctx context.Context, grant Text) (*Consent, error) {
	return said[Consent](ctx, p, "describe", grant)
}

// Digest is the digest of a call, and what a person is shown of it. The error is a *Denied.
func (p *Policy) Digest(ctx context.Context, question Question) (*CallDigest, error) {
	return said[CallDigest](ctx, p, "digest", question)
}

// SigningInput is what is to be signed for a proof, a further block or a receipt. The error is a *Denied.
func (p *Policy) SigningInput(ctx context.Context, asked Text) (*SigningInput, error) {
	return said[SigningInput](ctx, p, "signing_input", asked)
}

// Raw is the answer in exactly the bytes of every other engine. The question is `evaluate`, `advise`, `describe`,
// `digest`, `signing_input`, `ask`, `epochs`, or, without a request, `info`. What goes wrong is a denial.
func (p *Policy) Raw(ctx context.Context, question string, request ...[]byte) []byte {
	answer, err := []byte(nil), trap("`%s` is no question", question)
	if slices.Contains(questions, question) {
		answer, err = p.pool.ask(ctx, "ambit_"+question, request...)
	}
	if err == nil {
		return answer
	}
	why := &fault{code: "engine.trap"}
	errors.As(err, &why)
	p.options.Logger.ErrorContext(ctx, "no answer", "code", why.code, "error", err)
	return p.refusal(ctx, why.code, err.Error())
}

// Refuse is a denial for what only a host can see, in the form of any other.
func (p *Policy) Refuse(ctx context.Context, code, admin string) *Answer {
	return p.answer(ctx, p.refusal(ctx, code, admin))
}

// HTTP is what HTTP says for a denial; nonce, where it is not empty, is the one that the next proof must carry.
func (p *Policy) HTTP(ctx context.Context, denial *Answer, nonce string) HTTP {
	told := HTTP{Status: 503}
	_ = Core(context.WithoutCancel(ctx), "ambit_http", httpRequest{denial.Raw, nonce, p.info.Possession}, &told)
	return told
}

// Denied is a denial as an error.
func (p *Policy) Denied(ctx context.Context, denial *Answer) *Denied {
	return &Denied{denial.Reason.Code, denial.Reason.User, denial.Remedy.Steps, p.HTTP(ctx, denial, ""), denial, nil, nil}
}

func (p *Policy) asked(ctx context.Context, name string, question Question) []byte {
	request, err := question.text()
	if err != nil {
		return p.refusal(ctx, "request.value", err.Error())
	}
	return p.Raw(ctx, name, request)
}

// said asks for what is no decision, unless it was denied, or has no text.
func said[T any](ctx context.Context, p *Policy, name string, question Question) (*T, error) {
	raw := p.asked(ctx, name, question)
	if denial, err := readAnswer(raw); err == nil {
		return nil, p.Denied(ctx, denial)
	}
	refused, said := refusedText{}, new(T)
	err := errors.Join(json.Unmarshal(raw, &refused), json.Unmarshal(raw, said))
	if refused.Error != nil {
		err = refused.Error
	}
	return said, err
}

func (p *Policy) answer(ctx context.Context, raw []byte) *Answer {
	answer, err := readAnswer(raw)
	if err != nil {
		answer, err = readAnswer(p.refusal(ctx, "engine.trap", "this is no answer: "+err.Error()))
	}
	if err != nil {
		return &Answer{Reason: Reason{Code: "engine.trap"}, Raw: p.stopped}
	}
	return answer
}

func (p *Policy) refusal(ctx context.Context, code, admin string) []byte {
	var answer json.RawMessage
	if Core(context.WithoutCancel(ctx), "ambit_refuse", map[string]string{"code": code, "admin": admin}, &answer) != nil {
		return p.stopped
	}
	return answer
}

var bare = sync.OnceValues(func() (*pool, error) {
	code, err := compiled()
	return newPool(runtime.GOMAXPROCS(0), nil, code.start), err
})

// Core asks the core by itself, without a policy: for stores, journals and handlers.
func Core(ctx context.Context, export string, asked, into any) error {
	core, err := bare()
	if err != nil {
		return err
	}
	return core.call(ctx, export, asked, into)
}

// call asks the core in its JSON.
func (p *pool) call(ctx context.Context, export string, asked, into any) error {
	request, err := encode(asked)
	if err != nil {
		return err
	}
	answer, err := p.ask(ctx, export, request)
	return cmp.Or(err, json.Unmarshal(answer, into))
}
