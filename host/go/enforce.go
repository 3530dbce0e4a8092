package ambit

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Decide judges a call and obeys the answer: nil means act. The error is a *Denied.
func (p *Policy) Decide(ctx context.Context, question Question) error {
	return p.Enforce(ctx, p.Evaluate(ctx, question))
}

// Enforce obeys an answer: nil means act. The error is a *Denied. What is to be done, and in which order, the core says:
// log first, all kinds of obligations known before the first is done, what only checks before what uses up, people last,
// the outcome logged before yes.
func (p *Policy) Enforce(ctx context.Context, answer *Answer) error {
	var entry any
	asked := enforceRequest{string(answer.Raw), []string{"consume"}, p.options.Journal != nil, true, []result{}}
	asked.Knows = slices.AppendSeq(asked.Knows, maps.Keys(p.options.Handlers))
	for {
		var next step
		if err := Core(context.WithoutCancel(ctx), "ambit_enforce", asked, &next); err != nil {
			p.options.Logger.ErrorContext(ctx, "not enforced", "error", err)
			return p.Denied(ctx, p.Refuse(ctx, "engine.trap", "the answer was not enforced: "+err.Error()))
		}
		if next.Do == "verdict" && next.Permitted {
			return nil
		} else if next.Do == "verdict" {
			denied := p.Denied(ctx, p.answer(ctx, next.Answer))
			denied.Discharged, denied.cause = next.Discharged, causeOf(asked.Results)
			p.options.Logger.InfoContext(ctx, "refused", "code", denied.Code)
			return denied
		}
		asked.Results = append(asked.Results, p.do(ctx, next, &entry))
	}
}

// do does one step. One that is not known here is not done, and denies.
func (p *Policy) do(ctx context.Context, next step, entry *any) (came result) {
	defer recovered(&came)
	var before map[string]uint64
	err := fmt.Errorf("there is no way to %s %s%s here", next.Do, next.Event, next.Type)
	handler := p.options.Handlers[next.Type]
	switch next.Do + " " + next.Event + next.Type {
	case "keep ":
		before, err = p.heard.keep(ctx, p, next.Epochs)
	case "log decided", "log ended":
		// Who asked may be gone: what was decided, and what became of it, is written all the same.
		*entry, err = p.options.Journal.Write(context.WithoutCancel(ctx), Event{next.Event, next.Answer, next.Permitted, next.Discharged, *entry})
	default:
		if next.Do == "discharge" && handler != nil {
			err = handler.do(ctx, next.Obligation)
		} else if next.Do == "discharge" && next.Type == "consume" {
			err = p.consume(ctx, next.Obligation)
		}
	}
	if err == nil {
		return result{Done: before == nil, Kept: before}
	}
	return failed(err)
}

// heard is what was heard of revocation epochs and the store did not take: nothing is allowed by less.
type heard struct {
	sync.Mutex
	unsaved map[string]uint64
}

// keep remembers versions of epochs for good, the highest of each issuer, and gives those that were known before.
func (h *heard) keep(ctx context.Context, p *Policy, epochs []epoch) (map[string]uint64, error) {
	h.Lock()
	key, before := "epochs:"+p.Statement.UID, maps.Clone(h.unsaved)
	for _, one := range epochs {
		h.unsaved[one.Iss] = max(h.unsaved[one.Iss], one.Version)
	}
	heard := maps.Clone(h.unsaved)
	// A store that is slow makes nobody wait who has a context that ends.
	h.Unlock()
	err := p.options.Store.Transact(ctx, []string{key}, func(kept Values) (Change, error) {
		highest := map[string]uint64{}
		if err := json.Unmarshal([]byte(kept.or(key, "{}")), &highest); err != nil {
			return Change{}, err
		}
		for iss, version := range highest {
			before[iss] = max(before[iss], version)
		}
		for iss, version := range heard {
			highest[iss] = max(highest[iss], version)
		}
		text, err := encode(highest)
		if err != nil || len(heard) == 0 || string(text) == kept.or(key, "") {
			return Change{}, err
		}
		return Change{Write: map[string]Kept{key: {Value: string(text)}}}, nil
	})
	h.Lock()
	defer h.Unlock()
	if err == nil {
		maps.DeleteFunc(h.unsaved, func(iss string, version uint64) bool { return version <= heard[iss] })
	}
	return before, err
}

// consume charges all charges of an obligation in one step, or none. What fits the core says.
func (p *Policy) consume(ctx context.Context, obligation Obligation) error {
	var ext charged
	if err := json.Unmarshal(obligation.Ext, &ext); err != nil {
		return fmt.Errorf("the charges cannot be read: %w", err)
	}
	keys := []string{forgotten}
	for _, charge := range ext.Charges {
		keys = append(keys, "budget:"+charge.Key)
	}
	return p.options.Store.Transact(ctx, keys, func(kept Values) (Change, error) {
		asked := consumeRequest{obligation.Ext, obligation.Now, 0, map[string]*budget{}}
		for _, key := range keys {
			used, err := strconv.ParseInt(kept.or(key, "0"), 10, 64)
			if err != nil {
				return Change{}, fmt.Errorf("what is kept of a budget is no number: %w", err)
			}
			name, is := strings.CutPrefix(key, "budget:")
			if !is {
				asked.Forgotten = used
			} else if value, known := kept[key]; known {
				asked.Budgets[name] = &budget{Used: used, Until: value.Until}
			} else {
				asked.Budgets[name] = nil
			}
		}
		return p.charge(ctx, asked)
	})
}

// charge asks what is to be written.
func (p *Policy) charge(ctx context.Context, asked consumeRequest) (Change, error) {
	var said consumed
	if err := Core(ctx, "ambit_consume", asked, &said); err != nil {
		return Change{}, err
	}
	if said.Failed != nil {
		return Change{}, &NotDischarged{said.Code, *said.Failed}
	}
	change := Change{Write: map[string]Kept{}, Forget: said.Forget}
	for _, one := range said.Set {
		change.Write["budget:"+one.Key] = Kept{strconv.FormatInt(one.Used, 10), one.Until}
	}
	if said.Forget != nil {
		change.Write[forgotten] = Kept{Value: strconv.FormatInt(*said.Forget, 10)}
	}
	return change, nil
}
