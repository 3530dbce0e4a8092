// Package statuslist discharges the obligation `status`: whether a token was revoked. What a list says, when one is fetched
// again and what is kept of it, the core says; here lists are fetched and kept.
package statuslist

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"ambit.dev/host"
)

// Source says whose lists are believed: those at addresses that begin so, if one of the keys signed them.
type Source struct {
	Prefixes []string `json:"prefixes"`
	Keys     []Key    `json:"keys"`
}

// Key is a public key with its name; JWK is as RFC 7517 writes it.
type Key struct {
	KID string          `json:"kid"`
	JWK json.RawMessage `json:"jwk"`
}

// wait is how long a list may take; a call waits for it.
const wait = 10 * time.Second

// tries are how often what others kept in the meantime is looked at.
const tries = 8

type checker struct {
	store   ambit.Store
	sources []Source
	client  http.Client
	// lists has a lock for each address: who asks for the same list at the same time shares the fetch.
	lists sync.Map
}

// Handler is for Options.Handlers["status"]. The store keeps each list, so that after a restart no older one counts.
// transport fetches them; nil: http.DefaultTransport.
func Handler(store ambit.Store, transport http.RoundTripper, sources ...Source) ambit.Handler {
	c := &checker{store: store, sources: sources}
	c.client = http.Client{Transport: transport, Timeout: wait, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	return c.check
}

// request and answer are those of `ambit_status`.
type request struct {
	Sources []Source        `json:"sources"`
	Ext     json.RawMessage `json:"ext"`
	Now     *int64          `json:"now"`
	Kept    json.RawMessage `json:"kept"`
	Fetched *fetched        `json:"fetched,omitempty"`
}

type fetched struct {
	List   *string `json:"list,omitempty"`
	Failed *string `json:"failed,omitempty"`
}

type answer struct {
	Fetch  string          `json:"fetch"`
	Most   int64           `json:"most"`
	Keep   json.RawMessage `json:"keep"`
	Result struct {
		Done   bool   `json:"done"`
		Failed string `json:"failed"`
		Code   string `json:"code"`
	} `json:"result"`
}

func (c *checker) check(ctx context.Context, obligation ambit.Obligation) error {
	var place struct {
		URI string `json:"uri"`
	}
	if err := json.Unmarshal(obligation.Ext, &place); err != nil {
		return err
	}
	own, _ := c.lists.LoadOrStore(place.URI, make(chan struct{}, 1))
	turn := own.(chan struct{})
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	key := "status:" + place.URI
	asked := request{Sources: c.sources, Ext: obligation.Ext, Now: obligation.Now}
	for range tries {
		kept, err := c.kept(ctx, key)
		if err != nil {
			return err
		}
		if asked.Kept = json.RawMessage("null"); kept != nil {
			asked.Kept = json.RawMessage(*kept)
		}
		said, err := c.ask(ctx, &asked)
		if err != nil {
			return err
		}
		if said.Keep != nil {
			if changed, err := c.keep(ctx, key, kept, string(said.Keep)); err != nil {
				return fmt.Errorf("what was fetched is not kept: %w", err)
			} else if changed {
				continue
			}
		}
		if said.Result.Done {
			return nil
		}
		return &ambit.NotDischarged{Code: said.Result.Code, Detail: said.Result.Failed}
	}
	return errors.New("what is kept of the status list changes all the time")
}

// ask asks the core, and fetches what it wants.
func (c *checker) ask(ctx context.Context, asked *request) (said answer, err error) {
	if err = ambit.Core(ctx, "ambit_status", asked, &said); err != nil || said.Fetch == "" {
		return said, err
	}
	list, err := c.fetch(ctx, said.Fetch, said.Most)
	if asked.Fetched = (&fetched{List: &list}); err != nil {
		why := err.Error()
		asked.Fetched = &fetched{Failed: &why}
	}
	said = answer{}
	if err = ambit.Core(ctx, "ambit_status", asked, &said); err == nil && said.Fetch != "" {
		err = errors.New("the core wants a list that it was given")
	}
	return said, err
}

func (c *checker) fetch(ctx context.Context, address string, most int64) (string, error) {
	// Who asked first may go away; the others have waited for this fetch.
	request, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Accept", "application/statuslist+jwt")
	response, err := c.client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", errors.New(response.Status)
	}
	list, err := io.ReadAll(io.LimitReader(response.Body, most+1))
	if err == nil && int64(len(list)) > most {
		err = errors.New("the list is too long")
	}
	return string(list), err
}

func (c *checker) kept(ctx context.Context, key string) (kept *string, err error) {
	err = c.store.Transact(ctx, []string{key}, func(values ambit.Values) (ambit.Change, error) {
		kept = nil
		if value, is := values[key]; is {
			kept = &value.Value
		}
		return ambit.Change{}, nil
	})
	return kept, err
}

// keep writes, unless somebody else has in the meantime.
func (c *checker) keep(ctx context.Context, key string, before *string, now string) (changed bool, err error) {
	err = c.store.Transact(ctx, []string{key}, func(values ambit.Values) (ambit.Change, error) {
		value, is := values[key]
		if changed = is != (before != nil) || is && value.Value != *before; changed {
			return ambit.Change{}, nil
		}
		return ambit.Change{Write: ambit.Values{key: {Value: now}}}, nil
	})
	return changed, err
}
