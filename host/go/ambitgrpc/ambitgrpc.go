// Package ambitgrpc guards the methods of a gRPC server: the message that is judged is the message that the handler gets,
// and a denial is a status with the code, the remedies and, where a token or a proof is wanted, the challenge.
package ambitgrpc

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"ambit.dev/host"
	"ambit.dev/host/guard"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Operation says what a method does. The fields of its message are the arguments of the action, by their names.
type Operation struct {
	Action, Power string
	// Resource is the thing that is acted on. `{field}` as its ID is the text of this field, which is judged as that and is
	// no argument of the action.
	Resource ambit.Thing
	Purpose  string
	// Messages lets a client send a stream of messages: each is judged as a call when the handler receives it. What the
	// handler does before it has received one nobody has judged.
	Messages bool
}

// Guard lets only those calls pass that the policy allows. A method that has no operation is refused.
type Guard struct {
	*guard.Guard
	// Origin is how clients reach this server (`https://mail.example`): proofs are for POST, it and the method.
	Origin string
	// Methods are the operations, by the full name of the method (`/shop.Stock/Book`).
	Methods map[string]Operation
	// Open names methods that need no permission.
	Open []string
}

// Unary is for grpc.ChainUnaryInterceptor. Put it last, so that nothing changes a message behind it.
func (g *Guard) Unary(ctx context.Context, message any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if !slices.Contains(g.Open, info.FullMethod) {
		if err := g.judge(ctx, info.FullMethod, message); err != nil {
			return nil, err
		}
	}
	return handler(ctx, message)
}

// Stream is for grpc.ChainStreamInterceptor. Put it last.
func (g *Guard) Stream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if slices.Contains(g.Open, info.FullMethod) {
		return handler(server, stream)
	}
	operation, known := g.Methods[info.FullMethod]
	if !known || info.IsClientStream && !operation.Messages {
		return g.refuse(stream.Context(), "capability.none", "the method `"+info.FullMethod+"` has no operation, or not for a stream of messages")
	}
	judged := &judged{ServerStream: stream, guard: g, method: info.FullMethod}
	err := handler(server, judged)
	// Whatever the handler makes of it, who called is told the denial.
	if _, denied := judged.state(); denied != nil {
		return denied
	}
	return err
}

// judged is a stream whose messages are judged as they come. Nothing is sent before the first that is allowed, and nothing
// more is received or sent after one that is not.
type judged struct {
	grpc.ServerStream
	guard  *Guard
	method string
	lock   sync.Mutex
	begun  bool
	denied error
}

func (j *judged) state() (begun bool, denied error) {
	j.lock.Lock()
	defer j.lock.Unlock()
	return j.begun, j.denied
}

// RecvMsg gives only messages that the policy allows.
func (j *judged) RecvMsg(message any) error {
	begun, denied := j.state()
	if denied != nil {
		return denied
	}
	err := j.ServerStream.RecvMsg(message)
	switch {
	case errors.Is(err, io.EOF) && !begun:
		denied = j.guard.refuse(j.Context(), "capability.none", "the stream has no message to be judged by")
	case err != nil:
		return err
	default:
		denied = j.guard.judge(j.Context(), j.method, message)
	}
	if known, is := message.(proto.Message); is && denied != nil {
		// A handler that looks at no errors finds nothing.
		proto.Reset(known)
	}
	j.lock.Lock()
	defer j.lock.Unlock()
	// The first denial stays.
	if j.denied == nil {
		j.denied, j.begun = denied, j.begun || denied == nil
	}
	return j.denied
}

// SendMsg sends nothing that no message was allowed for.
func (j *judged) SendMsg(message any) error {
	if err := j.open(); err != nil {
		return err
	}
	return j.ServerStream.SendMsg(message)
}

// SendHeader is as SendMsg.
func (j *judged) SendHeader(header metadata.MD) error {
	if err := j.open(); err != nil {
		return err
	}
	return j.ServerStream.SendHeader(header)
}

func (j *judged) open() error {
	begun, denied := j.state()
	if denied == nil && !begun {
		return status.Error(codes.FailedPrecondition, "nothing is sent before a message was allowed")
	}
	return denied
}

func (g *Guard) judge(ctx context.Context, method string, message any) error {
	operation, known := g.Methods[method]
	if !known {
		return g.refuse(ctx, "capability.none", "the method `"+method+"` has no operation")
	}
	values, err := arguments(message)
	if err != nil {
		return g.refuse(ctx, "request.value", err.Error())
	}
	name, err := guard.Name(operation.Resource.ID)
	if err != nil {
		return g.refuse(ctx, "engine.trap", err.Error())
	}
	if name != "" {
		if operation.Resource.ID, err = resource(values, name); err != nil {
			return g.refuse(ctx, "request.member", err.Error())
		}
	}
	args, err := json.Marshal(values)
	if err != nil {
		return g.refuse(ctx, "request.value", err.Error())
	}
	shown, err := guard.ReadHeader(header(ctx), http.MethodPost, strings.TrimSuffix(g.Origin, "/")+method)
	if err != nil {
		return g.refuse(ctx, "request.member", err.Error())
	}
	err = g.Allow(ctx, guard.Call{
		Action: operation.Action, Power: operation.Power, Resource: operation.Resource, Purpose: operation.Purpose,
		Args: args, Shown: shown,
	})
	if refused := (*guard.Refused)(nil); errors.As(err, &refused) {
		return told(ctx, refused)
	}
	return err
}

func (g *Guard) refuse(ctx context.Context, code, admin string) error {
	return told(ctx, g.Refuse(ctx, code, admin))
}

func header(ctx context.Context) http.Header {
	sent, _ := metadata.FromIncomingContext(ctx)
	header := http.Header{}
	for name, values := range sent {
		for _, value := range values {
			header.Add(name, value)
		}
	}
	return header
}

// Statuses of HTTP as codes of gRPC.
var statuses = map[int]codes.Code{
	400: codes.InvalidArgument, 401: codes.Unauthenticated, 403: codes.PermissionDenied, 413: codes.ResourceExhausted,
	429: codes.ResourceExhausted, 503: codes.Unavailable,
}

// told is a denial as a status; the challenge goes into the trailer.
func told(ctx context.Context, refused *guard.Refused) error {
	code, known := statuses[refused.Status()]
	if !known {
		code = codes.Internal
	}
	words, members := refused.Told()
	said := status.New(code, words)
	if members != nil {
		info := &errdetails.ErrorInfo{Domain: "ambit.dev", Metadata: map[string]string{}}
		for name, value := range members {
			if name == "code" {
				_ = json.Unmarshal(value, &info.Reason)
			} else {
				info.Metadata[name] = string(value)
			}
		}
		if detailed, err := said.WithDetails(info); err == nil {
			said = detailed
		}
	}
	for _, name := range []string{"www-authenticate", "dpop-nonce"} {
		if value := refused.HTTP.Headers[name]; value != "" {
			_ = grpc.SetTrailer(ctx, metadata.Pairs(name, value))
		}
	}
	return said.Err()
}
