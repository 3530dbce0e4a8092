package ambit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// suite reads vectors that every engine runs.
func suite(t *testing.T, name string, into any) {
	t.Helper()
	folder := os.Getenv("AMBIT_SUITES")
	if folder == "" {
		t.Fatal("AMBIT_SUITES is not set: it names the folder `tests` of the repository")
	}
	if err := json.Unmarshal(content(t, filepath.Join(folder, name)), into); err != nil {
		t.Fatal(err)
	}
}

// given is an allow with obligations, as an engine gives it.
func given(t *testing.T, obligations []map[string]any, version int) *Answer {
	t.Helper()
	for _, each := range obligations {
		if each["ext"] == nil {
			each["ext"] = map[string]any{}
		}
		each["id"] = each["type"]
	}
	if obligations == nil {
		obligations = []map[string]any{}
	}
	epochs := []map[string]any{}
	if version > 0 {
		epochs = append(epochs, map[string]any{"iss": "https://a.example", "version": version})
	}
	text, err := json.Marshal(map[string]any{"decision": true, "context": map[string]any{
		"reason": map[string]any{"code": "allowed", "user": "", "admin": ""}, "obligations": obligations,
		"record": map[string]any{"now": now, "epochs": epochs},
	}})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := readAnswer(text)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func kinds(types ...string) (obligations []map[string]any) {
	for _, kind := range types {
		obligations = append(obligations, map[string]any{"type": kind})
	}
	return obligations
}

func charges(list ...map[string]any) []map[string]any {
	return []map[string]any{{"type": "consume", "ext": map[string]any{"charges": list}}}
}

func spend(amount, most int) map[string]any {
	return map[string]any{"key": "s", "type": "spend", "amount": amount, "max": most}
}

func codeOf(err error) string {
	if denied := (*Denied)(nil); errors.As(err, &denied) {
		return denied.Code
	}
	return fmt.Sprint(err)
}

// notes is a journal, a store and handlers that write down what they were asked, and fail as a test says.
type notes struct {
	*MemoryStore
	lines []string
	fails map[string]error
}

func (n *notes) note(line string) error {
	n.lines = append(n.lines, line)
	return n.fails[line]
}

func (n *notes) Write(_ context.Context, event Event) (any, error) {
	if ended := event.Name == "ended"; (event.Entry == 7) != ended || ended && event.Permitted != (event.Answer == nil) {
		return nil, fmt.Errorf("%+v", event)
	}
	return 7, n.note("log " + event.Name)
}

func (n *notes) handle(_ context.Context, obligation Obligation) error {
	return n.note("discharge " + obligation.Type)
}

func TestStepsOfTheVectors(t *testing.T) {
	var cases []struct {
		Name        string
		Knows       []string
		Journal     bool
		Epochs      bool
		Obligations []string
		Results     []json.RawMessage
		Steps       []string
	}
	suite(t, "enforce/steps.json", &cases)
	for _, each := range cases {
		given := string(given(t, kinds(each.Obligations...), 2).Raw)
		var steps []string
		taken := 0
		if len(each.Steps) <= len(each.Results) {
			taken = len(each.Results)
		}
		for {
			asked, _ := json.Marshal(map[string]any{"answer": given, "knows": each.Knows, "journal": each.Journal,
				"epochs": each.Epochs, "results": each.Results[:taken]})
			raw, err := one(t).pool.ask(ctx, "ambit_enforce", asked)
			var next step
			if err != nil || json.Unmarshal(raw, &next) != nil {
				t.Fatalf("%s: %s, %v", each.Name, raw, err)
			}
			steps = append(steps, short(next))
			if next.Do == "verdict" || taken == len(each.Results) {
				break
			}
			taken++
		}
		if !slices.Equal(steps, each.Steps) {
			t.Errorf("%s: %v", each.Name, steps)
		}
	}
}

func short(next step) string {
	switch {
	case next.Do == "log":
		return "log " + next.Event
	case next.Do == "discharge":
		return "discharge " + next.Type
	case next.Do == "verdict" && next.Permitted:
		return "verdict true"
	case next.Do == "verdict":
		answer, _ := readAnswer(next.Answer)
		return "verdict " + answer.Reason.Code
	}
	return next.Do
}

// The same cases, done by Enforce.
func TestEnforceDoesTheStepsOfTheVectors(t *testing.T) {
	var cases []struct {
		Name               string
		Knows, Obligations []string
		Journal            bool
		Results            []struct {
			Failed, Code string
			Kept         map[string]uint64
		}
		Steps []string
	}
	suite(t, "enforce/steps.json", &cases)
	done := 0
	for _, each := range cases {
		if len(each.Results) >= len(each.Steps) {
			continue // A host that counts wrongly: this one does not.
		}
		done++
		n := &notes{MemoryStore: NewMemoryStore(), fails: map[string]error{}}
		for place, result := range each.Results {
			if result.Failed != "" {
				n.fails[each.Steps[place]] = &NotDischarged{result.Code, result.Failed}
			}
			if result.Kept != nil {
				text, _ := json.Marshal(result.Kept)
				n.MemoryStore.kept["epochs:acme/agents"] = Kept{Value: string(text)}
			}
		}
		policy := must(t, func(w *ways) {
			w.options.Store = n
			if each.Journal {
				w.options.Journal = n
			}
		})
		// After it was loaded: here `consume` is noted as well.
		policy.options.Handlers = map[string]Handler{}
		for _, kind := range each.Knows {
			policy.options.Handlers[kind] = n.handle
		}
		err := policy.Enforce(ctx, given(t, kinds(each.Obligations...), 2))
		last := "verdict true"
		if err != nil {
			last = "verdict " + codeOf(err)
		}
		wanted := slices.DeleteFunc(each.Steps, func(step string) bool { return step == "keep" })
		if steps := append(n.lines, last); !slices.Equal(steps, wanted) {
			t.Errorf("%s: %v", each.Name, steps)
		}
	}
	if done < 5 {
		t.Errorf("%d cases", done)
	}
}

func TestChargesOfTheVectors(t *testing.T) {
	var cases []struct {
		Name           string
		Now, Forgotten int64
		Budgets        map[string]*budget
		Charges        json.RawMessage
		Says           struct {
			Set    []budget
			Forget *int64
			Failed bool
			Code   string
		}
	}
	suite(t, "enforce/charges.json", &cases)
	for _, each := range cases {
		change, err := one(t).charge(ctx, consumeRequest{
			json.RawMessage(`{"charges":` + string(each.Charges) + `}`), &each.Now, each.Forgotten, each.Budgets,
		})
		if each.Says.Failed {
			var why *NotDischarged
			if !errors.As(err, &why) || why.Code != each.Says.Code || why.Detail == "" || change.Write != nil {
				t.Errorf("%s: %v, %v", each.Name, change, err)
			}
			continue
		}
		wanted := Values{}
		for _, budget := range each.Says.Set {
			wanted["budget:"+budget.Key] = Kept{fmt.Sprint(budget.Used), budget.Until}
		}
		if each.Says.Forget != nil {
			wanted[forgotten] = Kept{Value: fmt.Sprint(*each.Says.Forget)}
		}
		if err != nil || !reflect.DeepEqual(change, Change{wanted, each.Says.Forget}) {
			t.Errorf("%s: %v, %v", each.Name, change, err)
		}
	}
}

func TestABudgetIsChargedOnceForAllOrNotAtAll(t *testing.T) {
	store := NewMemoryStore()
	policy := must(t, func(w *ways) { w.options.Store = store })
	receipt := map[string]any{"key": "r", "type": "receipt", "amount": 1, "max": 1, "until": now + 60}
	equal(t, policy.Enforce(ctx, given(t, charges(receipt, spend(6, 10)), 0)), nil)
	equal(t, store.kept["budget:s"].Value, "6")
	equal(t, codeOf(policy.Enforce(ctx, given(t, charges(receipt), 0))), "approval.used")
	other := map[string]any{"key": "r2", "type": "receipt", "amount": 1, "max": 1, "until": now + 60}
	equal(t, codeOf(policy.Enforce(ctx, given(t, charges(other, spend(5, 10)), 0))), "limit.spend")
	if _, used := store.kept["budget:r2"]; used {
		t.Error("a part was charged")
	}
	equal(t, policy.Enforce(ctx, given(t, charges(other, spend(4, 10)), 0)), nil)
	store.kept["budget:s"] = Kept{Value: "much"}
	equal(t, codeOf(policy.Enforce(ctx, given(t, charges(spend(1, 100)), 0))), "obligation.failed")
}

func TestWhatEndedIsForgottenAndNotUsedAgain(t *testing.T) {
	store := NewMemoryStore()
	policy := must(t, func(w *ways) { w.options.Store = store })
	proof := func(key string, until int) []map[string]any {
		return charges(map[string]any{"key": key, "type": "proof", "amount": 1, "max": 1, "until": until})
	}
	equal(t, policy.Enforce(ctx, given(t, proof("old", now-90), 0)), nil)
	equal(t, policy.Enforce(ctx, given(t, proof("new", now+90), 0)), nil)
	if _, kept := store.kept["budget:old"]; kept || store.kept[forgotten].Value == "" {
		t.Errorf("kept: %v", store.kept)
	}
	equal(t, codeOf(policy.Enforce(ctx, given(t, proof("old", now-90), 0))), "possession.expired")
}

func TestEightCallsSpendABudgetOnce(t *testing.T) {
	policy := must(t, nil)
	var group sync.WaitGroup
	var lock sync.Mutex
	permitted := 0
	for range 8 {
		group.Go(func() {
			for range 10 {
				if policy.Enforce(ctx, given(t, charges(spend(1, 33)), 0)) == nil {
					lock.Lock()
					permitted++
					lock.Unlock()
				}
			}
		})
	}
	group.Wait()
	equal(t, permitted, 33)
}

// failing is a store that cannot write while it says so.
type failing struct {
	*MemoryStore
	why error
}

func (f *failing) Transact(ctx context.Context, keys []string, decide func(Values) (Change, error)) error {
	return f.MemoryStore.Transact(ctx, keys, func(kept Values) (Change, error) {
		if _, err := decide(kept); err != nil {
			return Change{}, err
		}
		return Change{}, f.why
	})
}

func TestNothingIsAllowedByLessThanWasHeard(t *testing.T) {
	store := &failing{MemoryStore: NewMemoryStore()}
	policy := must(t, nil)
	policy.options.Store = store.MemoryStore
	equal(t, policy.Enforce(ctx, given(t, nil, 4)), nil)
	equal(t, policy.Enforce(ctx, given(t, nil, 4)), nil)
	equal(t, codeOf(policy.Enforce(ctx, given(t, nil, 3))), "obligation.failed")
	equal(t, codeOf(policy.Enforce(ctx, given(t, nil, 0))), "obligation.failed")
	store.why = errors.New("the disk is full")
	policy.options.Store = store
	equal(t, codeOf(policy.Enforce(ctx, given(t, nil, 9))), "obligation.failed")
	policy.options.Store = store.MemoryStore
	equal(t, codeOf(policy.Enforce(ctx, given(t, nil, 8))), "obligation.failed")
	equal(t, policy.Enforce(ctx, given(t, nil, 9)), nil)
	equal(t, store.kept["epochs:acme/agents"].Value, `{"https://a.example":9}`)
}

func TestADenialIsWrittenDownAndStaysOne(t *testing.T) {
	n := &notes{MemoryStore: NewMemoryStore()}
	policy := must(t, func(w *ways) { w.options.Journal = n })
	asked := Text(content(t, fixture(t, "request.json")))
	equal(t, policy.Decide(ctx, asked), nil)
	if err := policy.Decide(ctx, Text("{}")); codeOf(err) != "request.member" {
		t.Error(err)
	}
	if !slices.Equal(n.lines, []string{"log decided", "log ended", "log decided"}) {
		t.Errorf("%v", n.lines)
	}
	n.fails = map[string]error{"log decided": errors.New("the disk is full")}
	err := policy.Decide(ctx, asked)
	var denied *Denied
	if !errors.As(err, &denied) || denied.Code != "obligation.failed" || denied.Status() < 500 {
		t.Errorf("%v", err)
	}
	if strings.Contains(string(denied.HTTP.Problem), "disk") {
		t.Errorf("operators only: %s", denied.HTTP.Problem)
	}
}

func TestAStepThatIsNotKnownIsNotDone(t *testing.T) {
	var entry any
	for _, next := range []step{{Do: "dance"}, {Do: "log", Event: "slept"}, {Do: "discharge", Obligation: Obligation{Type: "approve"}}} {
		if came := one(t).do(ctx, next, &entry); came.Done || came.Failed == nil {
			t.Errorf("%+v: %+v", next, came)
		}
	}
}

func TestAHandlerSaysWhy(t *testing.T) {
	for err, wanted := range map[error]string{
		errors.New("no"): "obligation.failed",
		&NotDischarged{"approval.required", "held"}:     "approval.required",
		fmt.Errorf("x: %w", &NotDischarged{"what", ""}): "obligation.failed",
	} {
		policy := must(t, func(w *ways) {
			w.options.Handlers = map[string]Handler{"approve": func(context.Context, Obligation) error { return err }}
		})
		equal(t, codeOf(policy.Enforce(ctx, given(t, kinds("approve"), 0))), wanted)
	}
	equal(t, codeOf(one(t).Enforce(ctx, given(t, kinds("approve"), 0))), "obligation.unknown")
	// Not an answer of any engine.
	equal(t, codeOf(one(t).Enforce(ctx, &Answer{Decision: true, Raw: []byte(`{"decision":true}`)})), "engine.trap")
	equal(t, codeOf(one(t).Enforce(ctx, &Answer{Decision: true})), "engine.trap")
}

func TestWhatPanicsIsNotDone(t *testing.T) {
	n := &notes{MemoryStore: NewMemoryStore()}
	policy := must(t, func(w *ways) {
		w.options.Journal = n
		w.options.Handlers = map[string]Handler{"approve": func(context.Context, Obligation) error { panic("secret") }}
	})
	err := policy.Enforce(ctx, given(t, kinds("approve"), 0))
	equal(t, codeOf(err), "obligation.failed")
	if !slices.Equal(n.lines, []string{"log decided", "log ended"}) {
		t.Errorf("%v", n.lines)
	}
	policy.options.Store = panics{}
	equal(t, codeOf(policy.Enforce(ctx, given(t, nil, 4))), "obligation.failed")
	// Nothing stays locked.
	policy.options.Store = NewMemoryStore()
	equal(t, policy.Enforce(ctx, given(t, nil, 4)), nil)
}

type panics struct{ Store }

func TestOfAnErrorOnlyTheKindIsTold(t *testing.T) {
	why := errors.New("secret")
	policy := must(t, func(w *ways) {
		w.options.Handlers = map[string]Handler{"approve": func(context.Context, Obligation) error { return why }}
	})
	err := policy.Enforce(ctx, given(t, kinds("approve"), 0))
	var denied *Denied
	if !errors.As(err, &denied) || strings.Contains(string(denied.Answer.Raw), "secret") || !strings.Contains(denied.Answer.Reason.Admin, "*errors.errorString") {
		t.Errorf("%v", err)
	}
	if !errors.Is(err, why) {
		t.Error("what the handler gave is lost")
	}
}

// strict is a journal that writes nothing for whom waits no longer.
type strict struct{ notes }

func (s *strict) Write(ctx context.Context, event Event) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.notes.Write(ctx, event)
}

func TestWhatBecameOfACallIsWrittenForWhomeverWaits(t *testing.T) {
	asks, cancel := context.WithCancel(ctx)
	journal := &strict{}
	policy := must(t, func(w *ways) {
		w.options.Journal = journal
		w.options.Handlers = map[string]Handler{"approve": func(ctx context.Context, _ Obligation) error {
			cancel()
			return ctx.Err()
		}}
	})
	equal(t, codeOf(policy.Enforce(asks, given(t, kinds("approve"), 0))), "obligation.failed")
	equal(t, codeOf(policy.Enforce(asks, given(t, nil, 0))), "obligation.failed")
	equal(t, policy.Refuse(asks, "possession.used", "").Reason.Code, "possession.used")
	equal(t, policy.HTTP(asks, policy.Refuse(asks, "possession.used", ""), "").Status, 401)
	if !slices.Equal(journal.lines, []string{"log decided", "log ended", "log decided", "log ended"}) {
		t.Errorf("%v", journal.lines)
	}
}

// slow is a store that answers only when the caller waits no longer.
type slow struct{ Store }

func (slow) Transact(ctx context.Context, _ []string, _ func(Values) (Change, error)) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestNobodyWaitsForTheStoreOfAnother(t *testing.T) {
	policy := must(t, nil)
	policy.options.Store = slow{}
	waits, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() { equal(t, codeOf(policy.Enforce(waits, given(t, nil, 4))), "obligation.failed") })
	ended, end := context.WithTimeout(ctx, 20*time.Millisecond)
	defer end()
	equal(t, codeOf(policy.Enforce(ended, given(t, nil, 4))), "obligation.failed")
	if waits.Err() != nil {
		t.Error("it waited")
	}
	cancel()
	group.Wait()
	// What was heard meanwhile counts.
	policy.options.Store = NewMemoryStore()
	equal(t, codeOf(policy.Enforce(ctx, given(t, nil, 3))), "obligation.failed")
	equal(t, policy.Enforce(ctx, given(t, nil, 4)), nil)
	equal(t, len(policy.heard.unsaved), 0)
}
