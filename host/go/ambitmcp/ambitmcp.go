// Package ambitmcp guards the tools of an MCP server made with `github.com/modelcontextprotocol/go-sdk`: the arguments that
// are judged are the arguments that run, and a denial reaches the model as an error of the tool, with its code, in words
// that say what would be allowed instead.
package ambitmcp

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"ambit.dev/host"
	"ambit.dev/host/guard"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Operation says what a tool does. Its arguments are those of the action.
type Operation struct {
	Action, Power string
	// Resource is the thing that is acted on. `{name}` as its ID is the argument of this name, a text, which is judged as
	// that and is no argument of the action.
	Resource ambit.Thing
	Purpose  string
}

// Guard lets only those calls pass that the policy allows. A tool that has no operation is hidden, and refused.
type Guard struct {
	*guard.Guard
	// URL is how clients reach this server (`https://mail.example/mcp`): proofs are for it.
	URL string
	// Tools are the operations, by the name of the tool.
	Tools map[string]Operation
	// Open names methods beside those of tools that need no permission, such as `resources/read`. Of the others only those
	// pass that a session needs.
	Open []string
	// Show gives what a caller has shown where there is no HTTP; nil: the headers of the request.
	Show func(context.Context, *mcp.RequestExtra) (guard.Shown, error)
}

// session has the methods that do nothing but hold a session together.
var session = []string{
	"initialize", "server/discover", "ping", "logging/setLevel", "notifications/initialized", "notifications/cancelled",
	"notifications/progress", "notifications/roots/list_changed",
}

// Middleware is for Server.AddReceivingMiddleware, as the last one that is added is asked first: add it first, so that
// nothing changes a call behind it.
func (g *Guard) Middleware() mcp.Middleware {
	return func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, request mcp.Request) (mcp.Result, error) {
			// By the method: a server may have others of its own, with parameters of the same type.
			switch asked := request.(type) {
			case *mcp.CallToolRequest:
				if method != "tools/call" {
					return nil, closed(method)
				}
				if refused := g.call(ctx, next, asked); refused != nil {
					return refused, nil
				}
			case *mcp.ListToolsRequest:
				if method != "tools/list" {
					return nil, closed(method)
				}
				result, err := next(ctx, method, request)
				if list, is := result.(*mcp.ListToolsResult); is && err == nil {
					return g.visible(ctx, asked.Extra, list), nil
				}
				return nil, cmp.Or(err, closed(method))
			default:
				if !slices.Contains(session, method) && (!slices.Contains(g.Open, method) || method == "tools/call" || method == "tools/list") {
					return nil, closed(method)
				}
			}
			return next(ctx, method, request)
		}
	}
}

func closed(method string) error {
	return &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: "`" + method + "` does not pass the guard of this server"}
}

// call is nil where the call may happen.
func (g *Guard) call(ctx context.Context, next mcp.MethodHandler, asked *mcp.CallToolRequest) *mcp.CallToolResult {
	call, code, err := g.judged(ctx, next, asked)
	if err != nil {
		return result(g.Refuse(ctx, code, err.Error()))
	}
	if err = g.Allow(ctx, call); err == nil {
		return nil
	}
	var refused *guard.Refused
	if !errors.As(err, &refused) {
		refused = g.Refuse(ctx, "engine.trap", "the guard gave no denial")
	}
	return result(refused)
}

func (g *Guard) judged(ctx context.Context, next mcp.MethodHandler, asked *mcp.CallToolRequest) (call guard.Call, code string, err error) {
	params := asked.Params
	operation, known := g.Tools[params.Name]
	if !known {
		return call, "capability.none", errors.New("the tool `" + params.Name + "` has no operation")
	}
	if len(params.InputResponses) > 0 || params.RequestState != "" {
		return call, "request.member", errors.New("a call has more than a name and arguments, which nobody would judge")
	}
	if err := g.fillsNothing(ctx, next, asked); err != nil {
		return call, "engine.trap", err
	}
	read, err := read(params.Arguments)
	if err != nil {
		return call, "request.syntax", err
	}
	shown, err := g.shown(ctx, asked.Extra)
	if err != nil {
		return call, "request.member", err
	}
	name, err := guard.Name(operation.Resource.ID)
	if err != nil {
		return call, "engine.trap", err
	}
	if name != "" {
		if operation.Resource.ID, err = read.named(name); err != nil {
			return call, "request.member", err
		}
	}
	return guard.Call{
		Action: operation.Action, Power: operation.Power, Resource: operation.Resource, Purpose: operation.Purpose,
		Args: read.without(name), Shown: shown,
	}, "", nil
}

// fillsNothing asks the server for its own list: what the SDK fills in from a schema would run without being judged.
func (g *Guard) fillsNothing(ctx context.Context, next mcp.MethodHandler, asked *mcp.CallToolRequest) error {
	list := &mcp.ListToolsRequest{Session: asked.Session, Params: &mcp.ListToolsParams{}, Extra: asked.Extra}
	for {
		result, err := next(ctx, "tools/list", list)
		tools, is := result.(*mcp.ListToolsResult)
		if err != nil || !is {
			return errors.Join(errors.New("the server does not list its tools"), err)
		}
		for _, tool := range tools.Tools {
			if tool.Name != asked.Params.Name {
				continue
			}
			var schema any
			text, err := json.Marshal(tool.InputSchema)
			if err = errors.Join(err, json.Unmarshal(text, &schema)); err != nil || fills(schema) {
				return errors.Join(errors.New("the schema of the tool has a `default`, which would run without being judged"), err)
			}
			return nil
		}
		if list.Params.Cursor = tools.NextCursor; list.Params.Cursor == "" {
			return errors.New("the server does not list the tool, so that nobody knows what its schema fills in")
		}
	}
}

func (g *Guard) shown(ctx context.Context, extra *mcp.RequestExtra) (guard.Shown, error) {
	if g.Show != nil {
		return g.Show(ctx, extra)
	}
	if extra == nil {
		return guard.Shown{}, nil
	}
	return guard.ReadHeader(extra.Header, http.MethodPost, g.URL)
}

// result is a denial as an error of the tool.
func result(refused *guard.Refused) *mcp.CallToolResult {
	words, told := refused.Told()
	meta := mcp.Meta{}
	for name, value := range told {
		meta["dev.ambit/"+name] = value
	}
	return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: words}}, Meta: meta}
}

// visible is the list of the tools that the token could ever allow. Nothing is verified, and nothing is allowed by it.
func (g *Guard) visible(ctx context.Context, extra *mcp.RequestExtra, list *mcp.ListToolsResult) *mcp.ListToolsResult {
	seen := *list
	// Another caller has another list.
	seen.CacheScope = "private"
	shown, err := g.shown(ctx, extra)
	seen.Tools = slices.DeleteFunc(slices.Clone(list.Tools), func(tool *mcp.Tool) bool {
		operation, known := g.Tools[tool.Name]
		return err != nil || !known || !operation.couldBeAllowed(shown.Token)
	})
	return &seen
}

func (o Operation) couldBeAllowed(token string) bool {
	var claims struct {
		Entries []struct {
			Actions    []string `json:"actions"`
			Privileges []string `json:"privileges"`
		} `json:"authorization_details"`
	}
	parts := strings.Split(token, ".")
	if len(parts) < 3 {
		return false
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(text, &claims) != nil {
		return false
	}
	for _, entry := range claims.Entries {
		proposes := o.Power == "execute" && slices.Contains(entry.Privileges, "propose")
		if slices.Contains(entry.Actions, o.Action) && (proposes || slices.Contains(entry.Privileges, o.Power)) {
			return true
		}
	}
	return false
}
