package guard

import (
	"encoding/json"
	"testing"

	"ambit.dev/host"
)

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
