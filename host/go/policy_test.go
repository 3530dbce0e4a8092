package ambit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// now is when everything of the fixture holds.
const now = 1_772_000_400

var ctx = context.Background()

// fixture is a file that `cargo xtask package go` makes: a signed policy, a request, the answer of the native engine.
func fixture(t testing.TB, name string) string {
	t.Helper()
	folder := os.Getenv("AMBIT_FIXTURE")
	if folder == "" {
		t.Fatal("AMBIT_FIXTURE is not set: `cargo xtask package go` makes what these tests start from")
	}
	return filepath.Join(folder, name)
}

func content(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// ways are the parts of a load that a test changes.
type ways struct {
	source  Source
	trust   Trust
	options Options
}

func load(t testing.TB, change func(*ways)) (*Policy, error) {
	t.Helper()
	w := ways{
		File(fixture(t, "policy.wasm")), Trust{Keys: File(fixture(t, "keys.json")), UID: "acme/agents"},
		Options{Store: NewMemoryStore(), Now: func() time.Time { return time.Unix(now, 0) }, Logger: slog.New(slog.DiscardHandler)},
	}
	if change != nil {
		change(&w)
	}
	return Load(ctx, w.source, w.trust, w.options)
}

func must(t testing.TB, change func(*ways)) *Policy {
	t.Helper()
	policy, err := load(t, change)
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

func refused(t testing.TB, code string, change func(*ways)) {
	t.Helper()
	_, err := load(t, change)
	var why *LoadError
	if !errors.As(err, &why) || why.Code != code {
		t.Errorf("wanted %s, got %v", code, err)
	}
}

func equal[T comparable](t testing.TB, got, wanted T) {
	t.Helper()
	if got != wanted {
		t.Errorf("got %v, wanted %v", got, wanted)
	}
}

// shared is loaded once.
var shared = sync.OnceValues(func() (*Policy, error) { return load(shares, nil) })
var shares testing.TB

func one(t testing.TB) *Policy {
	t.Helper()
	shares = t
	policy, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// request is that of the fixture, changed.
func request(t testing.TB, change func(map[string]any)) Text {
	t.Helper()
	var asked map[string]any
	if err := json.Unmarshal(content(t, fixture(t, "request.json")), &asked); err != nil {
		t.Fatal(err)
	}
	change(asked)
	text, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestModuleAndBundleGiveTheAnswerOfEveryEngine(t *testing.T) {
	asked, wanted := content(t, fixture(t, "request.json")), string(content(t, fixture(t, "answer.json")))
	policy := one(t)
	bundle := must(t, func(w *ways) { w.source = File(fixture(t, "policy.bundle")) })
	guest := must(t, func(w *ways) { w.trust.Guest = policy.Statement.GuestS256 })
	for _, each := range []*Policy{policy, bundle, guest} {
		for range 3 {
			equal(t, string(each.Raw(ctx, "evaluate", asked)), wanted)
		}
		equal(t, each.Statement.BundleS256, policy.Statement.BundleS256)
		if info := string(each.Raw(ctx, "info")); !strings.Contains(info, each.Statement.BundleS256) {
			t.Errorf("info: %s", info)
		}
	}
	if policy.Statement.UID != "acme/agents" || policy.Statement.Expires < now || len(policy.Statement.Signers) == 0 {
		t.Errorf("statement: %+v", policy.Statement)
	}
}

func TestARequestInPartsIsTheSameCall(t *testing.T) {
	var parts Request
	if err := json.Unmarshal(content(t, fixture(t, "request.json")), &parts); err != nil {
		t.Fatal(err)
	}
	answer := one(t).Evaluate(ctx, parts)
	equal(t, answer.Decision, true)
	parts.Evaluation.Action.Properties.Args = json.RawMessage(`{"to":"ann@customer.example","to":"eve@customer.example"}`)
	equal(t, one(t).Evaluate(ctx, parts).Reason.Code, "request.syntax")
}

func TestWhatIsNoUTF8IsDenied(t *testing.T) {
	half := "a\xff"
	for _, change := range []func(*Request){
		func(r *Request) { r.Evaluation.Resource.ID = half },
		func(r *Request) { r.Evaluation.Action.Name = half },
		func(r *Request) { r.Evaluation.Subject = &Thing{half, ""} },
		func(r *Request) { r.Evaluation.Context = &Purpose{half} },
		func(r *Request) { r.Facts.UTCOffsets = map[string]int{half: 1} },
		func(r *Request) { r.Approvals = []string{half} },
		func(r *Request) { r.Facts.Audience = half },
		func(r *Request) { r.Evaluation.Action.Properties.Args = json.RawMessage(`{`) },
	} {
		asked := Request{}
		asked.Evaluation.Action.Properties.Args = json.RawMessage(`{}`)
		change(&asked)
		equal(t, one(t).Evaluate(ctx, asked).Reason.Code, "request.value")
	}
	asked := Request{Facts: Facts{Now: now}}
	asked.Evaluation.Action.Properties.Args = json.RawMessage("{\"a\":\"\xff\"}")
	equal(t, one(t).Evaluate(ctx, asked).Reason.Code, "request.syntax")
	equal(t, one(t).Evaluate(ctx, Text(nil)).Reason.Code, "request.syntax")
}

func TestADenialSaysWhatToDo(t *testing.T) {
	err := one(t).Decide(ctx, request(t, func(asked map[string]any) { asked["token"] = "" }))
	var denied *Denied
	if !errors.As(err, &denied) {
		t.Fatalf("no denial: %v", err)
	}
	equal(t, denied.Status(), 401)
	equal(t, denied.Code, denied.Answer.Reason.Code)
	// The policy has `possession = "off"`.
	if !strings.HasPrefix(denied.Challenge(), "Bearer ") || !strings.Contains(err.Error(), denied.Words) {
		t.Errorf("%q, %q", denied.Challenge(), err)
	}
	http := one(t).HTTP(ctx, denied.Answer, "n-1")
	equal(t, http.Headers["dpop-nonce"], "n-1")
	if admin := denied.Answer.Reason.Admin; admin != "" && bytes.Contains(http.Problem, []byte(admin)) {
		t.Errorf("operators only: %s", http.Problem)
	}
	far := request(t, func(asked map[string]any) {
		action := asked["evaluation"].(map[string]any)["action"].(map[string]any)["properties"].(map[string]any)
		action["args"].(map[string]any)["region"] = "us"
	})
	if err := one(t).Decide(ctx, far); !errors.As(err, &denied) || len(denied.Remedies) == 0 || denied.Status() != 403 {
		t.Errorf("no remedy: %v", err)
	}
	if advice := one(t).Advise(ctx, far); len(advice.Alternatives) == 0 || advice.Reason.Code != denied.Code {
		t.Errorf("no advice: %s", advice.Raw)
	}
	if advice := one(t).Advise(ctx, Text("{")); advice.Decision || advice.Reason.Code != "request.syntax" {
		t.Errorf("%s", advice.Raw)
	}
}

func TestARefusalOfTheHostsOwnIsADenial(t *testing.T) {
	answer := one(t).Refuse(ctx, "possession.used", "jti 7")
	equal(t, answer.Reason.Code, "possession.used")
	equal(t, answer.Reason.Admin, "jti 7")
	equal(t, one(t).Refuse(ctx, "no.code", "").Reason.Code, "engine.trap")
	equal(t, one(t).HTTP(ctx, one(t).Refuse(ctx, "engine.trap", ""), "").Status, 500)
}

func TestDigestAndSigningInput(t *testing.T) {
	asked := Text(content(t, fixture(t, "request.json")))
	digest, err := one(t).Digest(ctx, asked)
	if err != nil || len(digest.BindingS256) != 43 {
		t.Errorf("%+v, %v", digest, err)
	}
	var parts Request
	_ = json.Unmarshal(asked, &parts)
	claims := map[string]any{"htm": "POST", "htu": "https://x.example/y", "jti": "1", "iat": now}
	text, _ := json.Marshal(map[string]any{"typ": "dpop+jwt", "token": parts.Token, "claims": claims})
	signing, err := one(t).SigningInput(ctx, text)
	if err != nil || signing.Typ != "dpop+jwt" || strings.Count(signing.SigningInput, ".") != 1 {
		t.Errorf("%+v, %v", signing, err)
	}
	var denied *Denied
	if _, err := one(t).Digest(ctx, Text("{}")); !errors.As(err, &denied) || denied.Code != "request.member" {
		t.Errorf("no denial: %v", err)
	}
}

func TestAGrantWithoutATextCannotBeApproved(t *testing.T) {
	_, err := one(t).Describe(ctx, Text(`{"authorization_details": 7}`))
	var refused *ConsentError
	if !errors.As(err, &refused) || refused.Code != "describe.request" || refused.At == "" {
		t.Errorf("%v", err)
	}
}

func TestWhatIsNotSignedIsNotLoaded(t *testing.T) {
	altered := bytes.Clone(content(t, fixture(t, "policy.wasm")))
	altered[len(altered)/2] ^= 1
	signature := content(t, fixture(t, "policy.wasm.dsse.json"))
	refused(t, "module.unsigned", func(w *ways) { w.source = Bytes{Content: altered} })
	refused(t, "module.altered", func(w *ways) { w.source = Bytes{altered, signature} })
	other := `{"threshold":1,"keys":[{"kid":"k","jwk":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}]}`
	refused(t, "module.threshold", func(w *ways) { w.trust.Keys = Bytes{Content: []byte(other)} })
	refused(t, "module.trust", func(w *ways) { w.trust.Keys = Bytes{Content: []byte{0xff}} })
	refused(t, "module.uid", func(w *ways) { w.trust.UID = "acme/others" })
	refused(t, "module.uid", func(w *ways) { w.trust.UID = "" })
	refused(t, "module.guest", func(w *ways) { w.trust.Guest = strings.Repeat("A", 43) })
	refused(t, "module.options", func(w *ways) { w.trust.Guest = "A" })
	refused(t, "module.options", func(w *ways) { w.options.Store = nil })
	free := func(context.Context, Obligation) error { return nil }
	refused(t, "module.options", func(w *ways) { w.options.Handlers = map[string]Handler{"consume": free} })
	refused(t, "module.read", func(w *ways) { w.source = File(filepath.Join(t.TempDir(), "none.wasm")) })
	refused(t, "module.truncated", func(w *ways) { w.source = Bytes{} })
}

func TestTheHighestVersionIsKept(t *testing.T) {
	store := NewMemoryStore()
	kept := func(w *ways) { w.options.Store = store }
	must(t, kept)
	must(t, kept)
	// As if a later version had been in force.
	later := strings.Replace(store.kept["policy:acme/agents"].Value, `"version":`, `"version":1`, 1)
	store.kept["policy:acme/agents"] = Kept{Value: later}
	refused(t, "module.rollback", kept)
	store.kept["policy:acme/agents"] = Kept{Value: "{"}
	if _, err := load(t, kept); err == nil {
		t.Error("loaded against what cannot be read")
	}
}

func TestAPolicyThatHasEndedIsRememberedAndNotLoaded(t *testing.T) {
	store := NewMemoryStore()
	refused(t, "module.expired", func(w *ways) {
		w.options.Store = store
		w.options.Now = func() time.Time { return time.Unix(one(t).Statement.Expires+60, 0) }
	})
	if !strings.Contains(store.kept["policy:acme/agents"].Value, `"version":42`) {
		t.Errorf("kept: %v", store.kept)
	}
}

func TestAnotherCoreIsNotCompiled(t *testing.T) {
	other := bytes.Clone(coreFile)
	other[len(other)/2] ^= 1
	var why *LoadError
	if _, err := compile(other); !errors.As(err, &why) || why.Code != "module.altered" {
		t.Errorf("%v", err)
	}
}

func TestAnInstanceThatTrappedIsThrownAwayAndDeniesOneCall(t *testing.T) {
	policy := must(t, func(w *ways) { w.options.Instances = 1 })
	asked := content(t, fixture(t, "request.json"))
	wanted := string(content(t, fixture(t, "answer.json")))
	broken := <-policy.pool.places
	// Every further call of it stops.
	broken.close()
	policy.pool.places <- broken
	// Not even a refusal can be made by it.
	if _, err := broken.ask("ambit_refuse", []byte("{}")); err == nil {
		t.Error("it still answers")
	}
	answer := policy.Evaluate(ctx, Text(asked))
	equal(t, answer.Decision, false)
	equal(t, answer.Reason.Code, "engine.trap")
	equal(t, string(policy.Raw(ctx, "evaluate", asked)), wanted)
	again := <-policy.pool.places
	if again == broken || again == nil {
		t.Error("it is used again")
	}
	policy.pool.places <- again
	equal(t, policy.Evaluate(ctx, Text(make([]byte, inputMost+1))).Reason.Code, "engine.resources")
	equal(t, string(policy.Raw(ctx, "nothing", asked)) == wanted, false)
	equal(t, string(policy.Raw(ctx, "evaluate", asked)), wanted)
}

func TestOtherExportsAreNoQuestions(t *testing.T) {
	policy := must(t, func(w *ways) { w.options.Instances = 1 })
	before := <-policy.pool.places
	policy.pool.places <- before
	for _, name := range []string{"load", "alloc", "free", "enforce", "refuse", "log", "abi", "check_info"} {
		answer, err := readAnswer(policy.Raw(ctx, name, []byte("{}")))
		if err != nil || answer.Reason.Code != "engine.trap" || answer.Decision {
			t.Errorf("%s: %v, %v", name, answer, err)
		}
	}
	// They did not even reach it.
	after := <-policy.pool.places
	equal(t, after == before && after != nil, true)
	policy.pool.places <- after
}

func TestWhoWaitsNoLongerIsDenied(t *testing.T) {
	policy := must(t, func(w *ways) { w.options.Instances = 1 })
	taken := <-policy.pool.places
	ended, cancel := context.WithCancel(ctx)
	cancel()
	err := policy.Decide(ended, Text(content(t, fixture(t, "request.json"))))
	var denied *Denied
	if !errors.As(err, &denied) {
		t.Errorf("%v", err)
	}
	equal(t, policy.Evaluate(ended, Text("{}")).Reason.Code, "engine.resources")
	policy.pool.places <- taken
	equal(t, policy.Decide(ctx, Text(content(t, fixture(t, "request.json")))), nil)
}

func TestGoroutinesShareAPolicy(t *testing.T) {
	policy := must(t, func(w *ways) { w.options.Instances = 3 })
	asked, wanted := content(t, fixture(t, "request.json")), string(content(t, fixture(t, "answer.json")))
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for range 25 {
				equal(t, string(policy.Raw(ctx, "evaluate", asked)), wanted)
			}
		})
	}
	group.Wait()
	equal(t, len(policy.pool.places), 3)
}

func TestNothingOfARequestIsLogged(t *testing.T) {
	var log bytes.Buffer
	policy := must(t, func(w *ways) {
		w.options.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	asked := request(t, func(asked map[string]any) {
		asked["evaluation"].(map[string]any)["context"] = map[string]any{"purpose": "secret-purpose"}
	})
	policy.Decide(ctx, asked)
	if !strings.Contains(log.String(), "refused") || strings.Contains(log.String(), "secret-purpose") || strings.Contains(log.String(), "eyJ") {
		t.Error(log.String())
	}
}

func BenchmarkKnownToken(b *testing.B) {
	policy, asked := must(b, nil), content(b, fixture(b, "request.json"))
	for b.Loop() {
		policy.Raw(ctx, "evaluate", asked)
	}
}
