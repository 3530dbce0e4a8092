package ambitmcp

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"ambit.dev/host"
	"ambit.dev/host/guard"
	"ambit.dev/host/internal/shop"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const address = shop.Origin + "/mcp"

var ctx = context.Background()

// world is a server with four tools, a client, and what the tools were called with.
type world struct {
	*shop.Shop
	t        *testing.T
	client   *mcp.ClientSession
	header   http.Header
	ran      []any
	proposed []ambit.Obligation
	token    string
	guard    *Guard
}

type payment struct {
	Invoice  string  `json:"invoice"`
	Amount   float64 `json:"amount"`
	Currency string  `json:"currency"`
}

type booking struct {
	Count int64  `json:"count"`
	Note  string `json:"note,omitempty"`
}

// RoundTrip sends what the caller shows with each request.
func (w *world) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	for name, values := range w.header {
		request.Header[name] = values
	}
	return http.DefaultTransport.RoundTrip(request)
}

func tool[In any](w *world, server *mcp.Server, name string, schema any) {
	mcp.AddTool(server, &mcp.Tool{Name: name, InputSchema: schema}, func(_ context.Context, _ *mcp.CallToolRequest, in In) (*mcp.CallToolResult, any, error) {
		w.ran = append(w.ran, in)
		return nil, nil, nil
	})
}

func open(t *testing.T) *world {
	w := &world{t: t, header: http.Header{}}
	w.Shop = shop.Open(t, ambit.Options{Handlers: map[string]ambit.Handler{"approve": func(_ context.Context, o ambit.Obligation) error {
		w.proposed = append(w.proposed, o)
		return nil
	}}})
	w.token = w.Token()
	w.header.Set("Authorization", "DPoP "+w.token)
	server := mcp.NewServer(&mcp.Implementation{Name: "shop", Version: "1"}, nil)
	contact := ambit.Thing{Type: "Contact", ID: "c-7"}
	w.guard = &Guard{
		Guard: &guard.Guard{Policy: func() *ambit.Policy { return w.Policy }, Audience: shop.Origin, Hold: true}, URL: address,
		Tools: map[string]Operation{
			"pay":    {"pay", "execute", ambit.Thing{Type: "Invoice", ID: "{invoice}"}, "customer-care"},
			"stock":  {"stock", "execute", contact, "customer-care"},
			"filled": {"stock", "execute", contact, "customer-care"},
			"delete": {"delete", "execute", contact, "customer-care"},
		},
	}
	server.AddReceivingMiddleware(w.guard.Middleware())
	tool[payment](w, server, "pay", nil)
	tool[booking](w, server, "stock", nil)
	tool[booking](w, server, "filled", json.RawMessage(`{"type":"object","properties":{"count":{"type":"integer"},"note":{"type":"string","default":"x"}}}`))
	tool[booking](w, server, "delete", nil)
	tool[booking](w, server, "unknown", nil)
	server.AddResource(&mcp.Resource{Name: "secret", URI: "file:///secret"}, func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		w.ran = append(w.ran, "secret")
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: "file:///secret", Text: "x"}}}, nil
	})
	web := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil))
	client := mcp.NewClient(&mcp.Implementation{Name: "agent", Version: "1"}, nil)
	transport := &mcp.StreamableClientTransport{Endpoint: web.URL, HTTPClient: &http.Client{Transport: w}}
	session, err := client.Connect(ctx, transport, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.client = session
	t.Cleanup(func() { session.Close(); web.CloseClientConnections(); web.Close() })
	return w
}

// call shows a fresh proof for what it says that it does.
func (w *world) call(name string, proved ambit.Evaluation, args string, receipts ...string) (code string, result *mcp.CallToolResult) {
	w.t.Helper()
	w.header.Set("DPoP", w.Proof(w.token, proved, "POST", address))
	return w.again(name, args, receipts...)
}

func (w *world) again(name, args string, receipts ...string) (code string, result *mcp.CallToolResult) {
	w.t.Helper()
	w.header[guard.Approval] = receipts
	result, err := w.client.CallTool(ctx, &mcp.CallToolParams{Name: name, Arguments: json.RawMessage(args)})
	if err != nil {
		w.t.Fatalf("%s: %v", args, err)
	}
	code, _ = result.Meta["dev.ambit/code"].(string)
	return code, result
}

func text(result *mcp.CallToolResult) string { return result.Content[0].(*mcp.TextContent).Text }

func (w *world) refused(wanted, name string, proved ambit.Evaluation, args string, receipts ...string) *mcp.CallToolResult {
	w.t.Helper()
	before := len(w.ran)
	code, result := w.call(name, proved, args, receipts...)
	if code != wanted || !result.IsError || len(w.ran) != before {
		w.t.Errorf("%s %s: %s (%s), wanted %s", name, args, code, text(result), wanted)
	}
	return result
}

func stock(args string) ambit.Evaluation {
	return shop.Call("stock", "execute", "Contact", "c-7", args)
}

func TestWhatIsJudgedIsWhatRuns(t *testing.T) {
	w := open(t)
	const args = `{"note":"a","count":2}`
	if code, result := w.call("stock", stock(args), args); result.IsError || len(w.ran) != 1 || w.ran[0] != (booking{2, "a"}) {
		t.Fatalf("%s: %v", code, w.ran)
	}
	fine := stock(`{"count":2}`)
	w.refused("request.syntax", "stock", fine, `{"count":2,"count":9}`)
	w.refused("request.syntax", "stock", fine, `{"count":2,"c\u006funt":9}`)
	w.refused("request.syntax", "stock", fine, `[]`)
	w.refused("request.syntax", "stock", fine, `{"count":9007199254740993}`)
	w.refused("request.syntax", "stock", fine, `{"count":1e999}`)
	w.refused("request.argument_unknown", "stock", fine, `{"count":2,"Count":9}`)
	w.refused("possession.call", "stock", fine, `{"count":9}`)
	w.refused("capability.none", "unknown", fine, `{"count":2}`)
	broken := w.refused("", "filled", fine, `{"count":2}`)
	if !strings.HasPrefix(text(broken), "Not done: the check itself failed") {
		t.Error(text(broken))
	}
	far := w.refused("constraint.range", "stock", stock(`{"count":20}`), `{"count":20}`)
	if !strings.HasPrefix(text(far), "Not allowed: ") || !strings.Contains(text(far), "\n- ") || far.Meta["dev.ambit/remedy"] == nil {
		t.Errorf("%s %v", text(far), far.Meta)
	}
}

func TestATokenIsNeededAndAProofForThisServer(t *testing.T) {
	w := open(t)
	w.header.Set("DPoP", w.Proof(w.token, stock(`{"count":2}`), "POST", shop.Origin))
	if code, _ := w.again("stock", `{"count":2}`); code != "possession.url" {
		t.Error(code)
	}
	w.call("stock", stock(`{"count":2}`), `{"count":2}`)
	if code, _ := w.again("stock", `{"count":2}`); code != "possession.used" || len(w.ran) != 1 {
		t.Error(code)
	}
	w.header.Del("Authorization")
	w.refused("token.missing", "stock", stock(`{"count":2}`), `{"count":2}`)
}

func TestTheResourceIsAnArgument(t *testing.T) {
	w := open(t)
	const args = `{"amount":125.00,"currency":"EUR"}`
	pay := shop.Call("pay", "execute", "Invoice", "i-9", args)
	w.refused("request.member", "pay", pay, args)
	w.refused("request.member", "pay", pay, `{"invoice":7,"amount":125.00,"currency":"EUR"}`)
	w.refused("possession.call", "pay", pay, `{"invoice":"i-8","amount":125.00,"currency":"EUR"}`)
	w.refused("request.syntax", "pay", pay, `{"invoice":"i-9","amount":125.00,"currency":"EUR","invoice":"i-8"}`)
	w.refused("approval.required", "pay", pay, `{"amount":125.00,"invoice":"i-9","currency":"EUR"}`)
}

func TestAProposalIsHeldAndTheCallRunsOnceWithTheYes(t *testing.T) {
	w := open(t)
	const args = `{"invoice":"i-9","amount":125.00,"currency":"EUR"}`
	pay := shop.Call("pay", "execute", "Invoice", "i-9", `{"amount":125.00,"currency":"EUR"}`)
	held := w.refused("approval.required", "pay", pay, args)
	if held.Meta["dev.ambit/held"] != true || !strings.HasPrefix(text(held), "Not done yet: ") || len(w.proposed) != 1 {
		t.Fatalf("%v %s", held.Meta, text(held))
	}
	yes := w.Receipt(w.proposed[0].Ext)
	if code, _ := w.again("pay", args, yes); code != "possession.used" || len(w.ran) != 0 {
		t.Errorf("an old proof: %s", code)
	}
	if code, result := w.call("pay", pay, args, yes); result.IsError || len(w.ran) != 1 || w.ran[0] != (payment{"i-9", 125, "EUR"}) {
		t.Fatalf("%s %v", code, w.ran)
	}
	w.refused("approval.used", "pay", pay, args, yes)
}

func TestOnlyToolsThatCouldBeAllowedAreListed(t *testing.T) {
	w := open(t)
	names := func() (names []string) {
		t.Helper()
		list, err := w.client.ListTools(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, tool := range list.Tools {
			names = append(names, tool.Name)
		}
		slices.Sort(names)
		return names
	}
	if got := names(); !slices.Equal(got, []string{"filled", "pay", "stock"}) {
		t.Errorf("%v", got)
	}
	w.header.Del("Authorization")
	if got := names(); len(got) != 0 {
		t.Errorf("without a token: %v", got)
	}
}

func TestOtherMethodsDoNotPass(t *testing.T) {
	w := open(t)
	if _, err := w.client.ReadResource(ctx, &mcp.ReadResourceParams{URI: "file:///secret"}); err == nil || len(w.ran) > 0 {
		t.Errorf("%v %v", err, w.ran)
	}
	if _, err := w.client.ListResources(ctx, nil); err == nil {
		t.Error("resources are listed")
	}
	w.guard.Open = []string{"resources/read"}
	if _, err := w.client.ReadResource(ctx, &mcp.ReadResourceParams{URI: "file:///secret"}); err != nil || len(w.ran) != 1 {
		t.Errorf("%v %v", err, w.ran)
	}
	if err := w.client.Ping(ctx, nil); err != nil {
		t.Error(err)
	}
}

// custom are the parameters of a method of the server's own.
type custom struct{ mcp.ParamsBase }

type done struct{ mcp.ResultBase }

func TestMethodsOfTheServersOwnDoNotPass(t *testing.T) {
	w := open(t)
	passes := func(method string, request mcp.Request) bool {
		t.Helper()
		passed := false
		result, err := w.guard.Middleware()(func(context.Context, string, mcp.Request) (mcp.Result, error) {
			passed = true
			return &done{}, nil
		})(ctx, method, request)
		return passed || err == nil || result != nil
	}
	own := &mcp.ServerRequest[*custom]{Params: &custom{}}
	for _, method := range []string{"acme/run", "notifications/acme/run", "tools/call", "tools/list"} {
		w.guard.Open = []string{"tools/call", "tools/list"}
		if passes(method, own) {
			t.Error(method)
		}
	}
	if passes("acme/call", &mcp.CallToolRequest{Params: &mcp.CallToolParamsRaw{Name: "stock"}}) || passes("acme/list", &mcp.ListToolsRequest{}) {
		t.Error("a method of its own passes as one of tools")
	}
	if !passes("notifications/cancelled", own) {
		t.Error("a session does not hold together")
	}
}

func TestAToolThatIsNotListedIsRefused(t *testing.T) {
	w := open(t)
	w.guard.Tools["unlisted"] = w.guard.Tools["stock"]
	listed := func(context.Context, string, mcp.Request) (mcp.Result, error) { return &mcp.ListToolsResult{}, nil }
	asked := &mcp.CallToolRequest{Params: &mcp.CallToolParamsRaw{Name: "unlisted", Arguments: json.RawMessage(`{"count":2}`)}}
	if _, code, err := w.guard.judged(ctx, listed, asked); err == nil || code != "engine.trap" {
		t.Errorf("%s %v", code, err)
	}
}

func TestAListIsForItsCallerOnly(t *testing.T) {
	w := open(t)
	if list := w.guard.visible(ctx, nil, &mcp.ListToolsResult{Cacheable: mcp.Cacheable{CacheScope: "public"}}); list.CacheScope != "private" {
		t.Error(list.CacheScope)
	}
}

func TestTextsAndNumbersThatReadAsOthers(t *testing.T) {
	for _, text := range []string{"{\"a\":\"\xff\"}", `{"a":1e-400}`, `{"a":1.23456789012345e-320}`} {
		if _, err := read(json.RawMessage(text)); err == nil {
			t.Error(text)
		}
	}
	if _, err := read(json.RawMessage(`{"a":0e-400,"b":-0.0,"c":98.70}`)); err != nil {
		t.Error(err)
	}
	half, err := read(json.RawMessage(`{"invoice":"i\ud800"}`))
	if err != nil {
		t.Fatal(err)
	}
	if id, err := half.named("invoice"); err == nil {
		t.Errorf("%q", id)
	}
}

func TestACallHasNothingBesideItsArguments(t *testing.T) {
	g := &Guard{Tools: map[string]Operation{"stock": {}}}
	for _, params := range []*mcp.CallToolParamsRaw{
		{Name: "stock", RequestState: "x"}, {Name: "stock", InputResponses: mcp.InputResponseMap{"x": nil}},
	} {
		if _, code, err := g.judged(ctx, nil, &mcp.CallToolRequest{Params: params}); err == nil || code != "request.member" {
			t.Errorf("%s %v", code, err)
		}
	}
}

func TestASchemaThatFillsIsSeen(t *testing.T) {
	for schema, wanted := range map[string]bool{
		`{"properties":{"default":{"type":"string"}}}`:                        false,
		`{"properties":{"a":{"default":1}}}`:                                  true,
		`{"properties":{"a":{"items":[{"properties":{"b":{"default":1}}}]}}}`: true,
		`{"$defs":{"default":{"default":null}}}`:                              true,
		`{"properties":{"a":{"const":{"default":1}}}}`:                        false,
		`{"allOf":[{"default":{}}]}`:                                          true,
	} {
		var value any
		if err := json.Unmarshal([]byte(schema), &value); err != nil || fills(value) != wanted {
			t.Errorf("%s: %v", schema, err)
		}
	}
}

func TestANotificationThatNobodyKnowsDoesNotPass(t *testing.T) {
	passed := 0
	next := func(context.Context, string, mcp.Request) (mcp.Result, error) {
		passed++
		return nil, nil
	}
	handle := (&Guard{}).Middleware()(next)
	for _, method := range []string{"notifications/acme/run", "notifications/", "subscriptions/listen", "tools/other"} {
		if _, err := handle(context.Background(), method, &mcp.ListResourcesRequest{}); err == nil || passed > 0 {
			t.Errorf("%s: %v", method, err)
		}
	}
	if _, err := handle(context.Background(), "notifications/cancelled", &mcp.ListResourcesRequest{}); err != nil || passed != 1 {
		t.Error(err)
	}
}
