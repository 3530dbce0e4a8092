package statuslist

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"ambit.dev/host"
)

const uri = "https://status.example/lists/1"

var ctx = context.Background()

func key(seed byte) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32)) }

func b64(content []byte) string { return base64.RawURLEncoding.EncodeToString(content) }

// list is a signed one, issued at a second.
func list(seed byte, iat int, values ...byte) string {
	var packed bytes.Buffer
	writer := zlib.NewWriter(&packed)
	_, _ = writer.Write(values)
	_ = writer.Close()
	claims := fmt.Appendf(nil, `{"sub":"%s","iat":%d,"exp":%d,"ttl":60,"status_list":{"bits":1,"lst":"%s"}}`, uri, iat, iat+1000, b64(packed.Bytes()))
	text := b64([]byte(`{"alg":"Ed25519","kid":"status-1","typ":"statuslist+jwt"}`)) + "." + b64(claims)
	return text + "." + b64(ed25519.Sign(key(seed), []byte(text)))
}

// web is the service of the lists.
type web struct {
	list   string
	status int
	err    error
	asked  atomic.Int64
}

func (w *web) RoundTrip(request *http.Request) (*http.Response, error) {
	w.asked.Add(1)
	if w.err != nil {
		return nil, w.err
	}
	header := http.Header{"Location": {"https://status.example/lists/2"}}
	return &http.Response{StatusCode: w.status, Status: "a status", Header: header, Body: io.NopCloser(strings.NewReader(w.list)), Request: request}, nil
}

func handler(store ambit.Store, w *web) ambit.Handler {
	jwk := fmt.Appendf(nil, `{"kty":"OKP","crv":"Ed25519","x":"%s"}`, b64(key(3).Public().(ed25519.PublicKey)))
	return Handler(store, w, Source{[]string{"https://status.example/lists/"}, []Key{{"status-1", jwk}}})
}

// ask is an obligation for the first token of the list: the code of a failure, or what it begins with.
func ask(check ambit.Handler, address string, now int64) string {
	ext := fmt.Appendf(nil, `{"uri":"%s","idx":0,"max_age":300}`, address)
	err := check(ctx, ambit.Obligation{ID: "status", Type: "status", Ext: json.RawMessage(ext), Now: &now})
	why := (*ambit.NotDischarged)(nil)
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &why) && why.Code != "":
		return why.Code
	}
	code, _, _ := strings.Cut(err.Error(), ": ")
	return code
}

func same(t *testing.T, what string, got, wanted any) {
	t.Helper()
	if got != wanted {
		t.Errorf("%s: %v, wanted %v", what, got, wanted)
	}
}

func TestAListSaysWhetherATokenWasRevoked(t *testing.T) {
	w := &web{list: list(3, 990, 0), status: 200}
	store := ambit.NewMemoryStore()
	check := handler(store, w)
	same(t, "valid", ask(check, uri, 1000), "ok")
	same(t, "kept", ask(check, uri, 1001), "ok")
	same(t, "fetches", w.asked.Load(), int64(1))
	w.list = list(3, 1100, 1)
	same(t, "revoked", ask(check, uri, 1200), "status.revoked")
	same(t, "fetches", w.asked.Load(), int64(2))
	w.list = list(3, 1000, 0)
	same(t, "an older one", ask(handler(store, w), uri, 1300), "status.revoked")
}

func TestWhatCannotBeFetchedOrBelievedDenies(t *testing.T) {
	fresh := func(w *web) string { return ask(handler(ambit.NewMemoryStore(), w), uri, 1000) }
	good := list(3, 990, 0)
	same(t, "no way", fresh(&web{err: errors.New("no route")}), "status.fetch")
	same(t, "not there", fresh(&web{list: good, status: 404}), "status.fetch")
	elsewhere := &web{list: good, status: 302}
	same(t, "elsewhere", fresh(elsewhere), "status.fetch")
	same(t, "a redirect is not followed", elsewhere.asked.Load(), int64(1))
	same(t, "too long", fresh(&web{list: strings.Repeat("a", 13<<20), status: 200}), "status.fetch")
	same(t, "another key", fresh(&web{list: list(4, 990, 0), status: 200}), "status.token")
	same(t, "no token", fresh(&web{list: "no", status: 200}), "status.token")
	w := &web{list: good, status: 200}
	same(t, "an address that nobody named", ask(handler(ambit.NewMemoryStore(), w), "https://evil.example/1", 1000), "status.address")
	same(t, "fetches", w.asked.Load(), int64(0))
}

func TestThoseWhoAskAtTheSameTimeShareAFetch(t *testing.T) {
	w := &web{list: list(3, 990, 0), status: 200}
	check := handler(ambit.NewMemoryStore(), w)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() { same(t, "valid", ask(check, uri, 1000), "ok") })
	}
	group.Wait()
	same(t, "fetches", w.asked.Load(), int64(1))
}

// full takes nothing.
type full struct{ *ambit.MemoryStore }

func (f full) Transact(ctx context.Context, keys []string, decide func(ambit.Values) (ambit.Change, error)) error {
	return f.MemoryStore.Transact(ctx, keys, func(values ambit.Values) (ambit.Change, error) {
		change, err := decide(values)
		if len(change.Write) > 0 {
			return ambit.Change{}, errors.New("the disk is full")
		}
		return change, err
	})
}

func TestWhatIsNotKeptClearsNobody(t *testing.T) {
	check := handler(full{ambit.NewMemoryStore()}, &web{list: list(3, 990, 0), status: 200})
	same(t, "a full disk", ask(check, uri, 1000), "what was fetched is not kept")
}

// busy is a store that somebody else writes between what is read and what is kept.
type busy struct {
	*ambit.MemoryStore
	list string
}

func (b *busy) Transact(ctx context.Context, keys []string, decide func(ambit.Values) (ambit.Change, error)) error {
	err := b.MemoryStore.Transact(ctx, keys, decide)
	if other := b.list; other != "" && err == nil {
		b.list = ""
		return b.MemoryStore.Transact(ctx, nil, func(ambit.Values) (ambit.Change, error) {
			text, err := json.Marshal(map[string]any{"iat": 995, "list": other, "next": 1055})
			return ambit.Change{Write: ambit.Values{"status:" + uri: {Value: string(text)}}}, err
		})
	}
	return err
}

func TestANewerListThatAnotherKeptIsNotWrittenOver(t *testing.T) {
	store := &busy{ambit.NewMemoryStore(), list(3, 995, 1)}
	same(t, "revoked by the newer", ask(handler(store, &web{list: list(3, 990, 0), status: 200}), uri, 1000), "status.revoked")
}
