package ambitgrpc

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"ambit.dev/host"
	"ambit.dev/host/guard"
	"ambit.dev/host/internal/shop"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// schema has the messages of the service, as `protoc` would describe them.
const schema = `
name: "shop.proto" syntax: "proto3" package: "shop"
message_type { name: "Booking"
  field { name: "count" number: 1 type: TYPE_INT64 label: LABEL_OPTIONAL }
  field { name: "note" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL proto3_optional: true oneof_index: 0 }
  oneof_decl { name: "_note" } }
message_type { name: "Payment"
  field { name: "invoice" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "amount" number: 2 type: TYPE_DOUBLE label: LABEL_OPTIONAL }
  field { name: "currency" number: 3 type: TYPE_ENUM type_name: ".shop.Currency" label: LABEL_OPTIONAL } }
message_type { name: "All"
  field { name: "texts" number: 1 type: TYPE_STRING label: LABEL_REPEATED }
  field { name: "inner" number: 2 type: TYPE_MESSAGE type_name: ".shop.Payment" label: LABEL_OPTIONAL }
  field { name: "bytes" number: 3 type: TYPE_BYTES label: LABEL_OPTIONAL }
  field { name: "yes" number: 4 type: TYPE_BOOL label: LABEL_OPTIONAL }
  field { name: "named" number: 5 type: TYPE_MESSAGE type_name: ".shop.All.NamedEntry" label: LABEL_REPEATED }
  nested_type { name: "NamedEntry" options { map_entry: true }
    field { name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
    field { name: "value" number: 2 type: TYPE_INT32 label: LABEL_OPTIONAL } } }
enum_type { name: "Currency" value { name: "NONE" number: 0 } value { name: "EUR" number: 1 } }
`

// old is a schema of proto2, where texts are what was sent, and a message may be extended.
const old = `
name: "old.proto" syntax: "proto2" package: "old"
message_type { name: "All"
  field { name: "texts" number: 1 type: TYPE_STRING label: LABEL_REPEATED }
  field { name: "named" number: 5 type: TYPE_MESSAGE type_name: ".old.All.NamedEntry" label: LABEL_REPEATED }
  nested_type { name: "NamedEntry" options { map_entry: true }
    field { name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
    field { name: "value" number: 2 type: TYPE_INT32 label: LABEL_OPTIONAL } } }
message_type { name: "Filled"
  field { name: "count" number: 1 type: TYPE_INT64 label: LABEL_OPTIONAL default_value: "5" }
  field { name: "bare" number: 2 type: TYPE_INT64 label: LABEL_OPTIONAL } }
message_type { name: "Open" extension_range { start: 100 end: 200 } }
extension { name: "more" number: 100 type: TYPE_STRING label: LABEL_OPTIONAL extendee: ".old.Open" }
`

var types, oldTypes = described(schema), described(old)

func described(text string) protoreflect.FileDescriptor {
	described := &descriptorpb.FileDescriptorProto{}
	if err := prototext.Unmarshal([]byte(text), described); err != nil {
		panic(err)
	}
	file, err := protodesc.NewFile(described, nil)
	if err != nil {
		panic(err)
	}
	return file
}

func message(name protoreflect.Name, text string) *dynamicpb.Message {
	made := dynamicpb.NewMessage(types.Messages().ByName(name))
	if err := prototext.Unmarshal([]byte(text), made); err != nil {
		panic(err)
	}
	return made
}

type world struct {
	*shop.Shop
	t        *testing.T
	client   *grpc.ClientConn
	ran      []string
	proposed []ambit.Obligation
	token    string
}

func open(t *testing.T) *world {
	w := &world{t: t}
	w.Shop = shop.Open(t, ambit.Options{Handlers: map[string]ambit.Handler{"approve": func(_ context.Context, o ambit.Obligation) error {
		w.proposed = append(w.proposed, o)
		return nil
	}}})
	w.token = w.Token()
	stock := Operation{Action: "stock", Power: "execute", Resource: ambit.Thing{Type: "Contact", ID: "c-7"}, Purpose: "customer-care"}
	many := stock
	many.Messages = true
	judge := &Guard{Guard: &guard.Guard{Policy: func() *ambit.Policy { return w.Policy }, Audience: shop.Origin, Hold: true}, Origin: shop.Origin,
		Methods: map[string]Operation{
			"/shop.Shop/Book": stock, "/shop.Shop/Watch": stock, "/shop.Shop/Closed": stock, "/shop.Shop/Many": many, "/shop.Shop/Deaf": many, "/shop.Shop/Early": many,
			"/shop.Shop/Pay": {Action: "pay", Power: "execute", Resource: ambit.Thing{Type: "Invoice", ID: "{invoice}"}, Purpose: "customer-care"},
		},
		Open: []string{"/shop.Shop/Free"}}
	unary := func(method string, kind protoreflect.Name) grpc.MethodDesc {
		return grpc.MethodDesc{MethodName: method, Handler: func(server any, ctx context.Context, decode func(any) error, through grpc.UnaryServerInterceptor) (any, error) {
			in := dynamicpb.NewMessage(types.Messages().ByName(kind))
			if err := decode(in); err != nil {
				return nil, err
			}
			run := func(_ context.Context, in any) (any, error) {
				w.ran = append(w.ran, prototext.MarshalOptions{}.Format(in.(proto.Message)))
				return message("Booking", ""), nil
			}
			return through(ctx, in, &grpc.UnaryServerInfo{Server: server, FullMethod: "/shop.Shop/" + method}, run)
		}}
	}
	stream := func(method string, fromClient bool) grpc.StreamDesc {
		return grpc.StreamDesc{StreamName: method, ServerStreams: true, ClientStreams: fromClient, Handler: func(_ any, stream grpc.ServerStream) error {
			for {
				in := dynamicpb.NewMessage(types.Messages().ByName("Booking"))
				if err := stream.RecvMsg(in); errors.Is(err, io.EOF) {
					return nil
				} else if err != nil {
					return err
				}
				w.ran = append(w.ran, method)
				if err := stream.SendMsg(in); err != nil || !fromClient {
					return err
				}
			}
		}}
	}
	// Handlers that look at no error, and that answer before they are asked.
	rash := func(method string, early bool) grpc.StreamDesc {
		return grpc.StreamDesc{StreamName: method, ServerStreams: true, ClientStreams: true, Handler: func(_ any, stream grpc.ServerStream) error {
			if early {
				if err := stream.SendMsg(message("Booking", "")); err != nil {
					return err
				}
			}
			in := dynamicpb.NewMessage(types.Messages().ByName("Booking"))
			for range 2 {
				_ = stream.RecvMsg(in)
				w.ran = append(w.ran, prototext.MarshalOptions{}.Format(in))
				_ = stream.SendHeader(metadata.Pairs("secret", "x"))
				_ = stream.SendMsg(in)
			}
			return nil
		}}
	}
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(judge.Unary), grpc.ChainStreamInterceptor(judge.Stream))
	server.RegisterService(&grpc.ServiceDesc{ServiceName: "shop.Shop", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{unary("Book", "Booking"), unary("Pay", "Payment"), unary("Unknown", "Booking"), unary("Free", "Booking")},
		Streams: []grpc.StreamDesc{stream("Watch", false), stream("Closed", true), stream("Many", true), stream("Free2", false), rash("Deaf", false), rash("Early", true)}}, w)
	listener := bufconn.Listen(1 << 20)
	go func() { _ = server.Serve(listener) }()
	client, err := grpc.NewClient("passthrough:shop", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	w.client = client
	t.Cleanup(func() { client.Close(); server.Stop() })
	return w
}

// shows has a fresh proof for what is said to be called.
func (w *world) shows(method string, proved ambit.Evaluation, receipts ...string) context.Context {
	w.t.Helper()
	pairs := []string{"authorization", "DPoP " + w.token, "dpop", w.Proof(w.token, proved, "POST", shop.Origin+method)}
	for _, receipt := range receipts {
		pairs = append(pairs, "ambit-approval", receipt)
	}
	return metadata.AppendToOutgoingContext(context.Background(), pairs...)
}

func (w *world) call(ctx context.Context, method string, in proto.Message) error {
	return w.client.Invoke(ctx, method, in, message("Booking", ""))
}

// refused says with which code, and what else is told.
func (w *world) refused(err error, code codes.Code, reason string) *errdetails.ErrorInfo {
	w.t.Helper()
	said := status.Convert(err)
	info := &errdetails.ErrorInfo{}
	for _, detail := range said.Details() {
		info = detail.(*errdetails.ErrorInfo)
	}
	if said.Code() != code || info.GetReason() != reason {
		w.t.Errorf("%s %s: %s, wanted %s %s", said.Code(), info.GetReason(), said.Message(), code, reason)
	}
	return info
}

func book(args string) ambit.Evaluation { return shop.Call("stock", "execute", "Contact", "c-7", args) }

func TestTheMessageThatIsJudgedIsTheOneThatRuns(t *testing.T) {
	w := open(t)
	const method = "/shop.Shop/Book"
	if err := w.call(w.shows(method, book(`{"count":2,"note":"a"}`)), method, message("Booking", `count: 2 note: "a"`)); err != nil || len(w.ran) != 1 {
		t.Fatalf("%v %v", err, w.ran)
	}
	two := book(`{"count":2}`)
	w.refused(w.call(w.shows(method, two), method, message("Booking", `count: 9`)), codes.Unauthenticated, "possession.call")
	// What was not sent reads as zero, and is judged as that.
	w.refused(w.call(w.shows(method, book(`{"count":0}`)), method, message("Booking", ``)), codes.PermissionDenied, "manifest.constraint")
	far := w.refused(w.call(w.shows(method, book(`{"count":20}`)), method, message("Booking", `count: 20`)), codes.PermissionDenied, "constraint.range")
	if far.GetMetadata()["remedy"] == "" {
		t.Errorf("%v", far)
	}
	unknown := message("Booking", `count: 2`)
	unknown.SetUnknown([]byte{0x7a, 0x01, 'x'})
	w.refused(w.call(w.shows(method, two), method, unknown), codes.InvalidArgument, "request.value")
	w.refused(w.call(w.shows("/shop.Shop/Unknown", two), "/shop.Shop/Unknown", message("Booking", `count: 2`)), codes.PermissionDenied, "capability.none")
	if len(w.ran) != 1 {
		t.Errorf("%v", w.ran)
	}
	if err := w.call(context.Background(), "/shop.Shop/Free", message("Booking", `count: 2`)); err != nil {
		t.Error(err)
	}
}

func TestWhoCallsMustShowIt(t *testing.T) {
	w := open(t)
	const method = "/shop.Shop/Book"
	in := message("Booking", `count: 2`)
	var trailer metadata.MD
	err := w.client.Invoke(context.Background(), method, in, message("Booking", ""), grpc.Trailer(&trailer))
	w.refused(err, codes.Unauthenticated, "token.missing")
	if challenge := trailer.Get("www-authenticate"); len(challenge) != 1 || !strings.HasPrefix(challenge[0], "DPoP ") {
		t.Errorf("the challenge is %q", challenge)
	}
	w.refused(w.call(w.shows("/shop.Shop/Pay", book(`{"count":2}`)), method, in), codes.Unauthenticated, "possession.url")
	shown := w.shows(method, book(`{"count":2}`))
	if err := w.call(shown, method, in); err != nil {
		t.Error(err)
	}
	w.refused(w.call(shown, method, in), codes.Unauthenticated, "possession.used")
	twice := metadata.AppendToOutgoingContext(w.shows(method, book(`{"count":2}`)), "authorization", "DPoP x")
	w.refused(w.call(twice, method, in), codes.InvalidArgument, "request.member")
}

func TestAProposalIsHeldAndTheCallRunsOnceWithTheYes(t *testing.T) {
	w := open(t)
	const method = "/shop.Shop/Pay"
	pay := shop.Call("pay", "execute", "Invoice", "i-9", `{"amount":125,"currency":"EUR"}`)
	in := message("Payment", `invoice: "i-9" amount: 125 currency: EUR`)
	held := w.refused(w.call(w.shows(method, pay), method, in), codes.PermissionDenied, "approval.required")
	if held.GetMetadata()["held"] != "true" || len(w.proposed) != 1 {
		t.Fatalf("%v %v", held, w.proposed)
	}
	yes := w.Receipt(w.proposed[0].Ext)
	w.refused(w.call(w.shows(method, pay, yes), method, message("Payment", `amount: 125 currency: EUR`)), codes.InvalidArgument, "request.member")
	if err := w.call(w.shows(method, pay, yes), method, in); err != nil || len(w.ran) != 1 {
		t.Fatalf("%v %v", err, w.ran)
	}
	w.refused(w.call(w.shows(method, pay, yes), method, in), codes.PermissionDenied, "approval.used")
}

// stream sends messages and reads until the end.
func (w *world) stream(ctx context.Context, method string, fromClient bool, in ...proto.Message) (answers int, err error) {
	w.t.Helper()
	stream, err := w.client.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: fromClient}, method)
	if err != nil {
		return 0, err
	}
	for _, each := range in {
		if err := stream.SendMsg(each); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
	}
	_ = stream.CloseSend()
	for {
		if err := stream.RecvMsg(message("Booking", "")); errors.Is(err, io.EOF) {
			return answers, nil
		} else if err != nil {
			return answers, err
		}
		answers++
	}
}

func TestStreamsAreJudgedByTheirMessages(t *testing.T) {
	w := open(t)
	two, in := book(`{"count":2}`), message("Booking", `count: 2`)
	if answers, err := w.stream(w.shows("/shop.Shop/Watch", two), "/shop.Shop/Watch", false, in); err != nil || answers != 1 {
		t.Errorf("%d %v", answers, err)
	}
	_, err := w.stream(w.shows("/shop.Shop/Watch", two), "/shop.Shop/Watch", false, message("Booking", `count: 9`))
	w.refused(err, codes.Unauthenticated, "possession.call")
	_, err = w.stream(w.shows("/shop.Shop/Closed", two), "/shop.Shop/Closed", true, in)
	w.refused(err, codes.PermissionDenied, "capability.none")
	_, err = w.stream(w.shows("/shop.Shop/Free2", two), "/shop.Shop/Free2", false, in)
	w.refused(err, codes.PermissionDenied, "capability.none")
	before := len(w.ran)
	// A proof is for one message.
	answers, err := w.stream(w.shows("/shop.Shop/Many", two), "/shop.Shop/Many", true, in, in)
	w.refused(err, codes.Unauthenticated, "possession.used")
	if answers != 1 || len(w.ran) != before+1 {
		t.Errorf("%d answers, %v", answers, w.ran)
	}
}

func TestAHandlerThatLooksAtNoErrorHasNothingAndSendsNothing(t *testing.T) {
	w := open(t)
	two, nine := book(`{"count":2}`), message("Booking", `count: 9`)
	answers, err := w.stream(w.shows("/shop.Shop/Deaf", two), "/shop.Shop/Deaf", true, nine, message("Booking", `count: 2`))
	w.refused(err, codes.Unauthenticated, "possession.call")
	if answers != 0 || len(w.ran) != 2 || w.ran[0] != "" || w.ran[1] != "" {
		t.Errorf("%d answers, %q", answers, w.ran)
	}
	answers, err = w.stream(w.shows("/shop.Shop/Deaf", two), "/shop.Shop/Deaf", true)
	w.refused(err, codes.PermissionDenied, "capability.none")
	if answers != 0 {
		t.Errorf("%d answers to no message", answers)
	}
	answers, err = w.stream(w.shows("/shop.Shop/Early", two), "/shop.Shop/Early", true, message("Booking", `count: 2`))
	if status.Code(err) != codes.FailedPrecondition || answers != 0 {
		t.Errorf("%d answers, %v", answers, err)
	}
}

// What was not sent reads as the default of the schema.
func TestADefaultOfTheSchemaIsJudged(t *testing.T) {
	values, err := arguments(dynamicpb.NewMessage(oldTypes.Messages().ByName("Filled")))
	if said, _ := json.Marshal(values); err != nil || string(said) != `{"count":5}` {
		t.Errorf("%s %v", said, err)
	}
}

func TestAMessageInWordsOfItsSchema(t *testing.T) {
	all := message("All", `texts: "a" texts: "b" inner { invoice: "i" amount: 9870.25 currency: EUR } bytes: "\x00\xff" named { key: "k" value: -3 }`)
	values, err := arguments(all)
	said, _ := json.Marshal(values)
	const wanted = `{"bytes":"AP8=","inner":{"amount":9870.25,"currency":"EUR","invoice":"i"},"named":{"k":-3},"texts":["a","b"],"yes":false}`
	if got := string(said); err != nil || got != wanted {
		t.Errorf("%s %v", got, err)
	}
	for _, broken := range []string{`inner { amount: nan }`, `inner { amount: inf }`} {
		if _, err := arguments(message("All", broken)); err == nil {
			t.Error(broken)
		}
	}
	number := message("Payment", "")
	number.Set(number.Descriptor().Fields().ByName("currency"), protoreflect.ValueOfEnum(7))
	if _, err := arguments(number); err == nil {
		t.Error("a value that the schema does not know")
	}
	if _, err := arguments("no message"); err == nil {
		t.Error("no message")
	}
	for name, bytes := range map[string]string{"texts": "\x0a\x01\xff", "the key of a map": "\x2a\x05\x0a\x01\xff\x10\x01"} {
		old := dynamicpb.NewMessage(oldTypes.Messages().ByName("All"))
		if err := proto.Unmarshal([]byte(bytes), old); err != nil {
			t.Fatal(err)
		}
		if _, err := arguments(old); err == nil || !strings.Contains(err.Error(), "no UTF-8") {
			t.Errorf("%s: %v", name, err)
		}
	}
	extended := dynamicpb.NewMessage(oldTypes.Messages().ByName("Open"))
	extension := dynamicpb.NewExtensionType(oldTypes.Extensions().ByName("more"))
	extended.Set(extension.TypeDescriptor(), protoreflect.ValueOfString("x"))
	if _, err := arguments(extended); err == nil || !strings.Contains(err.Error(), "extension") {
		t.Error(err)
	}
}
