package ambithttp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ambit.dev/host"
	"ambit.dev/host/guard"
	"ambit.dev/host/internal/shop"
)

// world is a service with three endpoints, and what its handlers saw.
type world struct {
	*shop.Shop
	t        *testing.T
	server   *httptest.Server
	ran      []string
	proposed []ambit.Obligation
	token    string
	store    *store
	guard    *Guard
}

type store struct {
	*ambit.MemoryStore
	why error
}

func (s *store) Transact(ctx context.Context, keys []string, decide func(ambit.Values) (ambit.Change, error)) error {
	if s.why != nil {
		return s.why
	}
	return s.MemoryStore.Transact(ctx, keys, decide)
}

func open(t *testing.T) *world {
	w := &world{t: t, store: &store{ambit.NewMemoryStore(), nil}}
	approve := func(_ context.Context, obligation ambit.Obligation) error {
		w.proposed = append(w.proposed, obligation)
		return nil
	}
	w.Shop = shop.Open(t, ambit.Options{Store: w.store, Handlers: map[string]ambit.Handler{"approve": approve}})
	w.token = w.Token()
	judge := &Guard{&guard.Guard{Policy: func() *ambit.Policy { return w.Policy }, Audience: shop.Origin, Hold: true}, shop.Origin}
	w.guard = judge
	mux := http.NewServeMux()
	for pattern, endpoint := range map[string]Endpoint{
		"POST /contacts/{contact}/mail":     {Action: "email", Power: "draft", Resource: ambit.Thing{Type: "Contact", ID: "{contact}"}},
		"POST /contacts/{contact}/to/{to}":  {Action: "email", Power: "draft", Resource: ambit.Thing{Type: "Contact", ID: "{contact}"}, Path: []string{"to"}},
		"POST /stock":                       {Action: "stock", Power: "execute", Resource: ambit.Thing{Type: "Contact", ID: "c-7"}, Query: []string{"note"}},
		"/any/stock":                        {Action: "stock", Power: "execute", Resource: ambit.Thing{Type: "Contact", ID: "c-7"}},
		"POST /invoices/{invoice...}":       {Action: "pay", Power: "execute", Resource: ambit.Thing{Type: "Invoice", ID: "{invoice}"}},
		"POST /more/{which}/stock":          {Action: "stock", Power: "execute", Resource: ambit.Thing{Type: "Contact", ID: "c-7"}},
		"POST /more/stock/{$}":              {Action: "stock", Power: "execute", Resource: ambit.Thing{Type: "Contact", ID: "c-7"}},
		"POST /template":                    {Action: "stock", Power: "execute", Resource: ambit.Thing{Type: "Contact", ID: "c-{count}"}},
		"POST /contacts/{contact}/nonsense": {Action: "email", Power: "draft", Resource: ambit.Thing{Type: "Contact", ID: "{other}"}},
	} {
		endpoint.Purpose = "customer-care"
		mux.Handle(pattern, judge.Wrap(endpoint, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if r.ContentLength != int64(len(body)) {
				t.Errorf("a length of %d for %q", r.ContentLength, body)
			}
			w.ran = append(w.ran, r.URL.RequestURI()+" "+string(body))
		})))
	}
	w.server = httptest.NewServer(mux)
	t.Cleanup(w.server.Close)
	return w
}

// request is one with a fresh proof for the call.
func (w *world) request(call ambit.Evaluation, path, body string, receipts ...string) *http.Request {
	w.t.Helper()
	request, err := http.NewRequest("POST", w.server.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	bare, _, _ := strings.Cut(path, "?")
	request.Header.Set("Authorization", "DPoP "+w.token)
	request.Header.Set("DPoP", w.Proof(w.token, call, "POST", shop.Origin+bare))
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	for _, receipt := range receipts {
		request.Header.Add(guard.Approval, receipt)
	}
	return request
}

type problem struct {
	Code, Detail string
	Held         bool
	Remedy       struct{ Steps []json.RawMessage }
}

func (w *world) send(request *http.Request) (*http.Response, problem) {
	w.t.Helper()
	answer, err := w.server.Client().Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	var told problem
	if answer.StatusCode != 200 {
		if kind := answer.Header.Get("Content-Type"); kind != "application/problem+json" {
			w.t.Errorf("%d with %s", answer.StatusCode, kind)
		}
		if err := json.Unmarshal(body, &told); err != nil {
			w.t.Errorf("%s: %v", body, err)
		}
	}
	return answer, told
}

func (w *world) refused(name string, request *http.Request, status int, code string) problem {
	w.t.Helper()
	before := len(w.ran)
	answer, told := w.send(request)
	if answer.StatusCode != status || told.Code != code || len(w.ran) != before {
		w.t.Errorf("%s: %d %s, wanted %d %s", name, answer.StatusCode, told.Code, status, code)
	}
	return told
}

const mail = `{"to":"ann@customer.example"}`

func (w *world) mail(body string) *http.Request {
	w.t.Helper()
	return w.request(shop.Call("email", "draft", "Contact", "c-7", mail), "/contacts/c-7/mail", body)
}

func TestWhatIsJudgedIsWhatRuns(t *testing.T) {
	w := open(t)
	body := " {\t\"to\" : \"ann@customer.example\" }\r\n"
	if answer, told := w.send(w.mail(body)); answer.StatusCode != 200 || len(w.ran) != 1 {
		t.Fatalf("%d %+v", answer.StatusCode, told)
	}
	if w.ran[0] != "/contacts/c-7/mail "+body {
		t.Errorf("%q ran", w.ran[0])
	}
	path := w.request(shop.Call("email", "draft", "Contact", "c/7", mail), "/contacts/c%2F7/to/ann@customer.example", "")
	if answer, told := w.send(path); answer.StatusCode != 200 {
		t.Errorf("%d %+v", answer.StatusCode, told)
	}
	query := w.request(shop.Call("stock", "execute", "Contact", "c-7", `{"note":"a b","count":2}`), "/stock?note=a+b", `{"count":2}`)
	if answer, told := w.send(query); answer.StatusCode != 200 {
		t.Errorf("%d %+v", answer.StatusCode, told)
	}
}

func TestNothingElsePasses(t *testing.T) {
	w := open(t)
	change := func(request *http.Request, change func(*http.Request)) *http.Request {
		change(request)
		return request
	}
	for name, body := range map[string]string{
		"twice":      `{"to":"ann@customer.example","to":"eve@evil.example"}`,
		"escaped":    `{"to":"ann@customer.example","t\u006f":"eve@evil.example"}`,
		"two values": `{"to":"ann@customer.example"}{}`,
		"outside":    `{}},"context":{"purpose":"customer-care"},"x":{"a":{}`,
		"a list":     `[]`, "cut": `{"to"`, "nothing": ` `, "no UTF-8": "{\"to\":\"\xff\"}",
	} {
		w.refused(name, w.mail(body), 400, "request.syntax")
	}
	w.refused("not declared", w.mail(`{"to":"ann@customer.example","TO":"eve@evil.example"}`), 400, "request.argument_unknown")
	const eve = `{"to":"eve@evil.example"}`
	w.refused("another than was proved", w.mail(eve), 401, "possession.call")
	w.refused("outside", w.request(shop.Call("email", "draft", "Contact", "c-7", eve), "/contacts/c-7/mail", eve), 403, "manifest.constraint")
	w.refused("too long", w.mail(`{"to":"`+strings.Repeat("a", BodyMost)+`"}`), 413, "request.size")
	for name, set := range map[string]func(http.Header){
		"packed":        func(h http.Header) { h.Set("Content-Encoding", "gzip") },
		"a form":        func(h http.Header) { h.Set("Content-Type", "application/x-www-form-urlencoded") },
		"no type":       func(h http.Header) { h.Del("Content-Type") },
		"two types":     func(h http.Header) { h.Add("Content-Type", "text/plain") },
		"another chars": func(h http.Header) { h.Set("Content-Type", "application/json; charset=utf-7") },
	} {
		w.refused(name, change(w.mail(mail), func(r *http.Request) { set(r.Header) }), 400, "request.syntax")
	}
	for name, query := range map[string]string{"unknown": "x=1", "twice": "note=a&note=b", "broken": "note=%zz", "semicolon": "note=a;x=1", "no UTF-8": "note=%ff"} {
		r := w.request(shop.Call("stock", "execute", "Contact", "c-7", `{"count":2}`), "/stock?"+query, `{"count":2}`)
		w.refused(name, r, 400, "request.member")
	}
	both := w.request(shop.Call("stock", "execute", "Contact", "c-7", `{"count":2,"note":"a"}`), "/stock?note=a", `{"count":2,"note":"b"}`)
	w.refused("in body and query", both, 400, "request.syntax")
	w.refused("no resource", change(w.mail(mail), func(r *http.Request) { r.URL.Path = "/contacts/c-7/nonsense" }), 400, "request.member")
	bytes := w.request(shop.Call("email", "draft", "Contact", "c-7", mail), "/contacts/%ff/mail", mail)
	w.refused("resource no UTF-8", bytes, 400, "request.value")
	any := w.request(shop.Call("stock", "execute", "Contact", "c-7", `{"count":2}`), "/any/stock", `{"count":2}`)
	w.refused("a pattern without a method", any, 403, "capability.none")
}

func TestAWildcardThatNobodyNamesIsRefused(t *testing.T) {
	w := open(t)
	const args = `{"count":2}`
	call := shop.Call("stock", "execute", "Contact", "c-7", args)
	w.refused("a wildcard", w.request(call, "/more/7/stock", args), 500, "")
	if answer, told := w.send(w.request(call, "/more/stock/", args)); answer.StatusCode != 200 {
		t.Errorf("%d %+v", answer.StatusCode, told)
	}
	w.refused("a template", w.request(call, "/template", args), 500, "")
}

func TestWithoutAMuxTheEndpointNamesItsMethod(t *testing.T) {
	w := open(t)
	ran := 0
	endpoint := Endpoint{Action: "stock", Power: "execute", Resource: ambit.Thing{Type: "Contact", ID: "c-7"}, Purpose: "customer-care"}
	ask := func(method string) int {
		const args = `{"count":2}`
		made := w.request(shop.Call("stock", "execute", "Contact", "c-7", args), "/stock", args)
		made.Method = "POST"
		answer := httptest.NewRecorder()
		endpoint.Method = method
		w.guard.Wrap(endpoint, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran++ })).ServeHTTP(answer, made)
		return answer.Code
	}
	for method, wanted := range map[string]int{"": 403, "DELETE": 403, "POST": 200} {
		if got := ask(method); got != wanted {
			t.Errorf("%q: %d", method, got)
		}
	}
	if ran != 1 {
		t.Errorf("it ran %d times", ran)
	}
}

func TestWhoCallsMustShowIt(t *testing.T) {
	w := open(t)
	none := w.mail(mail)
	none.Header.Del("Authorization")
	w.refused("no token", none, 401, "token.missing")
	answer, _ := w.send(none.Clone(context.Background()))
	if challenge := answer.Header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "DPoP algs=") {
		t.Errorf("the challenge is %q", challenge)
	}
	basic := w.mail(mail)
	basic.Header.Set("Authorization", "Basic "+w.token)
	w.refused("another scheme", basic, 401, "token.missing")
	for _, name := range []string{"Authorization", "DPoP"} {
		twice := w.mail(mail)
		twice.Header.Add(name, twice.Header.Get(name))
		w.refused(name+" twice", twice, 400, "request.member")
	}
	elsewhere := w.request(shop.Call("email", "draft", "Contact", "c-7", mail), "/contacts/c-7/mail", mail)
	elsewhere.Header.Set("DPoP", w.Proof(w.token, shop.Call("email", "draft", "Contact", "c-7", mail), "POST", shop.Origin+"/other"))
	w.refused("a proof for another place", elsewhere, 401, "possession.url")
	once := w.mail(mail)
	again := once.Clone(context.Background())
	again.Body = io.NopCloser(strings.NewReader(mail))
	if answer, told := w.send(once); answer.StatusCode != 200 {
		t.Errorf("%d %+v", answer.StatusCode, told)
	}
	w.refused("the same proof", again, 401, "possession.used")
}

func TestABudgetEnds(t *testing.T) {
	w := open(t)
	book := func() *http.Request {
		return w.request(shop.Call("stock", "execute", "Contact", "c-7", `{"count":2}`), "/stock", `{"count":2}`)
	}
	for range 3 {
		if answer, told := w.send(book()); answer.StatusCode != 200 {
			t.Fatalf("%d %+v", answer.StatusCode, told)
		}
	}
	w.refused("a fourth", book(), 403, "limit.uses")
}

func TestAProposalIsHeldAndTheCallRunsOnceWithTheYes(t *testing.T) {
	w := open(t)
	const args = `{"amount":125.00,"currency":"EUR"}`
	pay := func(receipts ...string) *http.Request {
		return w.request(shop.Call("pay", "execute", "Invoice", "i/9", args), "/invoices/i/9", args, receipts...)
	}
	pays := pay()
	told := w.refused("without a yes", pays, 403, "approval.required")
	if !told.Held || len(w.proposed) != 1 || len(told.Remedy.Steps) == 0 {
		t.Fatalf("not held: %+v, %v", told, w.proposed)
	}
	if !bytes.Contains(w.proposed[0].Ext, []byte("i/9")) {
		t.Errorf("proposed: %s", w.proposed[0].Ext)
	}
	yes := w.Receipt(w.proposed[0].Ext)
	again := pays.Clone(context.Background())
	again.Body = io.NopCloser(strings.NewReader(args))
	again.Header.Add(guard.Approval, yes)
	w.refused("an old proof", again, 401, "possession.used")
	other := w.request(shop.Call("pay", "execute", "Invoice", "i/8", args), "/invoices/i/8", args, yes)
	w.refused("another invoice", other, 403, "approval.binding")
	if answer, told := w.send(pay(yes)); answer.StatusCode != 200 || len(w.ran) != 1 {
		t.Fatalf("%d %+v", answer.StatusCode, told)
	}
	w.refused("a second time", pay(yes), 403, "approval.used")
	if len(w.proposed) != 1 {
		t.Errorf("people were asked %d times", len(w.proposed))
	}
}

func TestAFaultOfTheServiceIsNotTold(t *testing.T) {
	w := open(t)
	request := w.mail(mail)
	w.store.why = errors.New("the disk is full")
	told := w.refused("a full disk", request, 503, "")
	if told.Detail != "" || told.Held {
		t.Errorf("%+v", told)
	}
}
