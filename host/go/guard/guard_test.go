package guard

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"ambit.dev/host"
	"ambit.dev/host/internal/shop"
)

func refused(t *testing.T, err error) *Refused {
	t.Helper()
	var told *Refused
	if !errors.As(err, &told) {
		t.Fatalf("%v", err)
	}
	return told
}

func TestWithoutAPolicyNothingIsAllowed(t *testing.T) {
	g := &Guard{Policy: func() *ambit.Policy { return nil }}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, ctx := range []context.Context{context.Background(), ended} {
		for _, told := range []*Refused{refused(t, g.Allow(ctx, Call{})), g.Refuse(ctx, "capability.none", "")} {
			words, members := told.Told()
			if told.Status() != 500 || told.Code != "engine.resources" || words == "" || members != nil || len(told.Problem()) == 0 {
				t.Errorf("%+v: %s", told.HTTP, words)
			}
		}
	}
}

func TestWhatPanicsDenies(t *testing.T) {
	s := shop.Open(t, ambit.Options{})
	for _, g := range []*Guard{
		{Known: func(context.Context, *ambit.Request) error { panic("secret") }},
		{Nonce: func() string { panic("secret") }},
	} {
		g.Policy = func() *ambit.Policy { return s.Policy }
		if told := refused(t, g.Allow(context.Background(), Call{})); told.Code != "engine.trap" || told.Status() != 500 {
			t.Errorf("%v", told)
		}
	}
}

func TestTheNameInAnID(t *testing.T) {
	for id, wanted := range map[string]string{"c-7": "", "": "", "{contact}": "contact"} {
		if name, err := Name(id); err != nil || name != wanted {
			t.Errorf("%s: %s, %v", id, name, err)
		}
	}
	for _, id := range []string{"c-{contact}", "{contact", "contact}", "{}", "{a}{b}", "{a}/b"} {
		if name, err := Name(id); err == nil {
			t.Errorf("%s: %s", id, name)
		}
	}
}

func TestACallIsHeldWhereNothingButAYesIsLacking(t *testing.T) {
	const yes, login = `{"step_up":"approval"}`, `{"step_up":"authentication"}`
	for _, each := range []struct {
		power, code string
		remedies    []string
		held        bool
	}{
		{"execute", "approval.required", []string{yes}, true},
		{"execute", "step_up.approval", []string{yes, yes}, true},
		{"execute", "step_up.approval", []string{login, yes}, false},
		{"execute", "step_up.approval", []string{yes, `{"change_request":{}}`}, false},
		{"execute", "step_up.approval", []string{yes, `"?"`}, false},
		{"execute", "constraint.range", nil, false},
		{"draft", "approval.required", []string{yes}, false},
		{"execute", "approval.used", []string{yes}, false},
	} {
		denied := &ambit.Denied{Code: each.code}
		for _, remedy := range each.remedies {
			denied.Remedies = append(denied.Remedies, json.RawMessage(remedy))
		}
		if got := (&Guard{Hold: true}).mayHold(Call{Power: each.power}, denied); got != each.held {
			t.Errorf("%+v: %v", each, got)
		}
		if (&Guard{}).mayHold(Call{Power: each.power}, denied) {
			t.Errorf("%+v: nobody asked for holding", each)
		}
	}
}

func TestWhatIsToldOfADenial(t *testing.T) {
	for problem, told := range map[string]bool{`{"code":"capability.power"}`: true, `{"title":"Internal Server Error"}`: false, ``: false} {
		refused := &Refused{Denied: &ambit.Denied{HTTP: ambit.HTTP{Problem: json.RawMessage(problem)}}}
		if refused.isTold() != told {
			t.Errorf("%s: not %v", problem, told)
		}
	}
}
