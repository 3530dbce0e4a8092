// Package guard asks a policy about one call, whatever it came through: it stands in front of handlers of HTTP
// (ambithttp), tools of MCP (ambitmcp), methods of gRPC.
package guard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"ambit.dev/host"
)

// Approval is the header that brings receipts of people's yes, several with commas between them or in several headers.
const Approval = "Ambit-Approval"

// Guard stands before calls: it decides each by the policy, and obeys the answer.
type Guard struct {
	// Policy gives the policy in force, such as the Load of an atomic.Pointer. While it gives nil, everything is refused.
	Policy func() *ambit.Policy
	// Audience is for whom tokens must be made. Location and Tenant may be empty.
	Audience, Location, Tenant string
	// Hold has what lacks only a person's yes put before people, by the policy's handler of `approve`.
	Hold bool
	// Nonce gives the one that a proof must carry; nil: none.
	Nonce func() string
	// Known adds what else only the service knows: statements, entities, further facts; nil: nothing.
	Known func(context.Context, *ambit.Request) error
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Shown is what whoever calls has shown: token, proof of possession, receipts; and to which method and URL.
type Shown struct {
	Token, Proof string
	Approvals    []string
	Method, URL  string
}

// Call is one call. Args is the text of a JSON object: it is judged as it came.
type Call struct {
	Action, Power string
	Resource      ambit.Thing
	Purpose       string
	Args          []byte
	Shown         Shown
}

// Refused is a denial in words for whoever called.
type Refused struct {
	*ambit.Denied
	// Held says that it was put before people: whoever called repeats exactly this call with a fresh proof and the
	// receipts, and it then runs once.
	Held bool
	// Ways are what would be allowed instead, each enough by itself.
	Ways []string
}

// Unwrap is the denial.
func (r *Refused) Unwrap() error { return r.Denied }

// ReadHeader reads what is shown over HTTP. What came twice could mean two things to two readers.
func ReadHeader(header http.Header, method, url string) (Shown, error) {
	shown := Shown{Method: method, URL: url}
	authorization, proof := header.Values("Authorization"), header.Values("Dpop")
	if len(authorization) > 1 || len(proof) > 1 {
		return Shown{}, errors.New("the header `Authorization` or `DPoP` came twice")
	}
	scheme, token, _ := strings.Cut(strings.Join(authorization, ""), " ")
	if strings.EqualFold(scheme, "DPoP") || strings.EqualFold(scheme, "Bearer") {
		shown.Token = strings.TrimSpace(token)
	}
	shown.Proof = strings.Join(proof, "")
	for _, receipt := range strings.Split(strings.Join(header.Values(Approval), ","), ",") {
		if receipt = strings.TrimSpace(receipt); receipt != "" {
			shown.Approvals = append(shown.Approvals, receipt)
		}
	}
	return shown, nil
}

// Name is the name for which the ID of a resource stands (`{name}`), or empty where the ID is the resource's own. A brace in
// any other place is an error: such an ID would be judged as it is written, whatever the call is for.
func Name(id string) (string, error) {
	inside, is := strings.CutPrefix(id, "{")
	name, closed := strings.CutSuffix(inside, "}")
	if is && closed && name != "" && !strings.ContainsAny(name, "{}") {
		return name, nil
	}
	if strings.ContainsAny(id, "{}") {
		return "", fmt.Errorf("the ID `%s` of a resource is neither a name in braces nor free of them", id)
	}
	return "", nil
}

// Allow gives nil when the call may happen, once; else a *Refused.
func (g *Guard) Allow(ctx context.Context, call Call) error {
	policy := g.Policy()
	if policy == nil {
		return unloaded(ctx)
	}
	request, nonce, err := g.request(ctx, call)
	if err != nil {
		return g.Refuse(ctx, "engine.trap", "what the service knows is not to be had: "+err.Error())
	}
	err = policy.Decide(ctx, request)
	if err == nil {
		return nil
	}
	var denied *ambit.Denied
	if !errors.As(err, &denied) {
		return g.Refuse(ctx, "engine.trap", "the policy gave no denial")
	}
	denied.HTTP = policy.HTTP(ctx, denied.Answer, nonce)
	refused := &Refused{Denied: denied}
	if g.mayHold(call, denied) {
		proposal := request
		proposal.Evaluation.Action.Properties.Power, proposal.Approvals = "propose", nil
		answer := policy.Evaluate(ctx, proposal)
		asks := slices.ContainsFunc(answer.Obligations, func(one ambit.Obligation) bool { return one.Type == "approve" })
		refused.Held = policy.Enforce(ctx, answer) == nil && asks
	}
	if refused.isTold() {
		for _, way := range policy.Advise(ctx, request).Alternatives {
			refused.Ways = append(refused.Ways, way.Text)
		}
	}
	return refused
}

// Refuse is a refusal of the service's own, written down like any other.
func (g *Guard) Refuse(ctx context.Context, code, admin string) *Refused {
	policy := g.Policy()
	if policy == nil {
		return unloaded(ctx)
	}
	answer := policy.Refuse(ctx, code, admin)
	var denied *ambit.Denied
	if !errors.As(policy.Enforce(ctx, answer), &denied) {
		denied = policy.Denied(ctx, answer)
	}
	return &Refused{Denied: denied}
}

// unloaded refuses everything while there is no policy. There is nothing to write it down by.
func unloaded(ctx context.Context) *Refused {
	ctx = context.WithoutCancel(ctx)
	denied := &ambit.Denied{Code: "engine.resources", HTTP: ambit.HTTP{Status: http.StatusServiceUnavailable}}
	var answer json.RawMessage
	err := ambit.Core(ctx, "ambit_refuse", map[string]string{"code": denied.Code, "admin": "no policy is loaded"}, &answer)
	denied.Answer = &ambit.Answer{Reason: ambit.Reason{Code: denied.Code}, Raw: answer}
	if err == nil {
		_ = ambit.Core(ctx, "ambit_http", map[string]any{"answer": answer}, &denied.HTTP)
	}
	return &Refused{Denied: denied}
}

// request is what is asked of the policy. What panics in the service's own functions denies.
func (g *Guard) request(ctx context.Context, call Call) (request ambit.Request, nonce string, err error) {
	defer func() {
		if why := recover(); why != nil {
			err = fmt.Errorf("a function of the service panicked (%T)", why)
		}
	}()
	if g.Nonce != nil {
		nonce = g.Nonce()
	}
	now := time.Now
	if g.Now != nil {
		now = g.Now
	}
	shown := call.Shown
	request = ambit.Request{
		Evaluation: ambit.Evaluation{
			Action:   ambit.Action{Name: call.Action, Properties: ambit.Properties{Power: call.Power, Args: call.Args}},
			Resource: call.Resource, Context: &ambit.Purpose{Purpose: call.Purpose},
		},
		Token: shown.Token, Proof: shown.Proof, Approvals: shown.Approvals,
	}
	if g.Known != nil {
		if err := g.Known(ctx, &request); err != nil {
			return request, nonce, err
		}
	}
	facts := &request.Facts
	facts.Now, facts.Audience, facts.Location, facts.Tenant = now().Unix(), g.Audience, g.Location, g.Tenant
	facts.Method, facts.URL, facts.Nonce = shown.Method, shown.URL, nonce
	return request, nonce, nil
}

// mayHold: where nothing but a person's yes is lacking. Where one is there and does not fit, nobody is asked again.
func (g *Guard) mayHold(call Call, denied *ambit.Denied) bool {
	unfit := strings.HasPrefix(denied.Code, "approval.") && denied.Code != "approval.required"
	other := slices.ContainsFunc(denied.Remedies, func(text json.RawMessage) bool {
		var remedy struct {
			StepUp string `json:"step_up"`
		}
		return json.Unmarshal(text, &remedy) != nil || remedy.StepUp != "approval"
	})
	return g.Hold && call.Power == "execute" && len(denied.Remedies) > 0 && !other && !unfit
}

// Problem is what the other side may know, as application/problem+json, without anything that is for operators.
func (r *Refused) Problem() []byte {
	problem := bytes.TrimSpace(r.HTTP.Problem)
	if r.Held && bytes.HasSuffix(problem, []byte("}")) {
		return append(bytes.TrimSuffix(bytes.Clone(problem), []byte("}")), `,"held":true}`...)
	}
	return problem
}

// isTold: of some denials whoever called learns nothing, least of all what would be allowed.
func (r *Refused) isTold() bool {
	var problem struct{ Code string }
	return json.Unmarshal(r.HTTP.Problem, &problem) == nil && problem.Code != ""
}

// Told is the part of the problem that a model reads: what is wrong, and what would help. For what only the operator can
// mend it says no more than that.
func (r *Refused) Told() (words string, told map[string]json.RawMessage) {
	var problem struct {
		Code, Detail string
		Remedy       json.RawMessage
	}
	if json.Unmarshal(r.HTTP.Problem, &problem) != nil || problem.Code == "" {
		return "Not done: the check itself failed, which only the operator can mend.", nil
	}
	told = map[string]json.RawMessage{"code": json.RawMessage(`"` + problem.Code + `"`)}
	if problem.Remedy != nil {
		told["remedy"] = problem.Remedy
	}
	if r.Held {
		told["held"] = json.RawMessage("true")
		return "Not done yet: a person must agree to exactly this call, and was asked. When they have agreed, repeat exactly " +
			"this call, with the same arguments, a fresh proof and their receipts. It then runs once. [" + problem.Code + "]", told
	}
	words = "Not allowed: " + problem.Detail + " [" + problem.Code + "]"
	if len(r.Ways) > 0 {
		words += "\nWhat would be allowed instead, each enough by itself:\n- " + strings.Join(r.Ways, "\n- ")
	}
	return words, told
}
