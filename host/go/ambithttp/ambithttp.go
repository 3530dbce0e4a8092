// Package ambithttp guards handlers of net/http: the arguments that are judged are the arguments that run. The body is
// read once, within a bound, judged, and handed on as it was judged.
package ambithttp

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"ambit.dev/host"
	"ambit.dev/host/guard"
)

// BodyMost is how many bytes of a body are read.
const BodyMost = 64 << 10

// Endpoint says what a handler does. Everything that it may read of a request beside headers is named here: the
// wildcards of its pattern, the parameters of its query (each a text), and the members of its body, a JSON object.
type Endpoint struct {
	Action, Power string
	// Resource is the thing that is acted on. `{name}` as its ID is what the wildcard of this name matched.
	Resource ambit.Thing
	Purpose  string
	// Path and Query name wildcards and parameters that are arguments. A wildcard of the pattern that neither Path nor
	// Resource names is refused, as its handler could read it.
	Path, Query []string
	// Method is for routers that put none into Request.Pattern: requests with another are refused.
	Method string
}

// Guard lets only those requests pass that the policy allows.
type Guard struct {
	*guard.Guard
	// Origin is how clients reach this service (`https://mail.example`): proofs are for it and the path.
	Origin string
}

// Wrap puts an endpoint behind the guard. Register what it gives with its method:
//
//	mux.Handle("POST /contacts/{contact}/mail", guard.Wrap(endpoint, handler))
func (g *Guard) Wrap(endpoint Endpoint, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, BodyMost))
		if err == nil {
			err = g.allow(r, endpoint, body)
		} else if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
			err = &refusal{"request.size", "the body is too long"}
		} else {
			err = &refusal{"request.syntax", "the body cannot be read"}
		}
		if err != nil {
			g.deny(w, r, err)
			return
		}
		judged := r.Clone(r.Context())
		judged.Body, judged.ContentLength, judged.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
		judged.Trailer, judged.Form, judged.PostForm, judged.MultipartForm = nil, nil, nil, nil
		handler.ServeHTTP(w, judged)
	})
}

// refusal is what the guard itself refuses.
type refusal struct{ code, admin string }

func (r *refusal) Error() string { return r.admin }

func (g *Guard) allow(r *http.Request, endpoint Endpoint, body []byte) error {
	name, err := guard.Name(endpoint.Resource.ID)
	if err != nil {
		return &refusal{"engine.trap", err.Error()}
	}
	if err := endpoint.fits(r); err != nil {
		return err
	}
	shown, err := guard.ReadHeader(r.Header, r.Method, strings.TrimSuffix(g.Origin, "/")+r.URL.EscapedPath())
	if err != nil {
		return &refusal{"request.member", err.Error()}
	}
	resource := endpoint.Resource
	if name != "" {
		if resource.ID = r.PathValue(name); resource.ID == "" {
			return &refusal{"request.member", "the path does not name the resource"}
		}
	}
	if wildcard, is := endpoint.unnamed(r.Pattern, name); is {
		return &refusal{"engine.trap", "the endpoint does not name the wildcard `" + wildcard + "`, which nobody would judge"}
	}
	texts, err := endpoint.texts(r)
	if err != nil {
		return err
	}
	args, err := arguments(body, r.Header, texts)
	if err != nil {
		return err
	}
	return g.Allow(r.Context(), guard.Call{
		Action: endpoint.Action, Power: endpoint.Power, Resource: resource, Purpose: endpoint.Purpose, Args: args, Shown: shown,
	})
}

// fits says whether the endpoint is for this method: another could do something else with the same arguments.
func (e Endpoint) fits(r *http.Request) error {
	method, _, is := strings.Cut(r.Pattern, " ")
	if !is {
		method = ""
	}
	if method = cmp.Or(e.Method, method); method != r.Method {
		return &refusal{"capability.none", "neither the pattern `" + r.Pattern + "` nor the endpoint names this method"}
	}
	return nil
}

// unnamed is a wildcard of the pattern that the endpoint does not name.
func (e Endpoint) unnamed(pattern, resource string) (name string, is bool) {
	for _, wildcard := range strings.Split(pattern, "{")[1:] {
		name, _, _ = strings.Cut(wildcard, "}")
		name = strings.TrimSuffix(name, "...")
		if name != "$" && name != resource && !slices.Contains(e.Path, name) {
			return name, true
		}
	}
	return "", false
}

// texts are the arguments in path and query. A parameter that is not named is refused: nobody would judge it.
func (e Endpoint) texts(r *http.Request) (map[string]string, error) {
	texts := map[string]string{}
	for _, name := range e.Path {
		if texts[name] = r.PathValue(name); texts[name] == "" {
			return nil, &refusal{"request.member", "the path has no `" + name + "`"}
		}
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	for name, values := range query {
		if _, twice := texts[name]; twice || len(values) != 1 || !slices.Contains(e.Query, name) {
			err = errors.New("the query has a parameter twice, or one that nobody judges")
		}
		texts[name] = values[0]
	}
	for _, text := range texts {
		if !utf8.ValidString(text) {
			err = errors.New("a text of path or query is no UTF-8")
		}
	}
	if err != nil {
		return nil, &refusal{"request.member", err.Error()}
	}
	return texts, nil
}

// arguments is the text of all arguments: that of the body as it came, and what stands in path and query. A member that
// stands in two of them, or twice in one, the core refuses.
func arguments(body []byte, header http.Header, texts map[string]string) ([]byte, error) {
	front, err := json.Marshal(texts)
	if err != nil || len(body) == 0 {
		return front, err
	}
	kinds := header.Values("Content-Type")
	kind, parameters, err := mime.ParseMediaType(strings.Join(kinds, ","))
	charset, named := parameters["charset"]
	switch {
	case err != nil || len(kinds) != 1 || kind != "application/json" || named && !strings.EqualFold(charset, "utf-8"):
		return nil, &refusal{"request.syntax", "the body must be JSON, in UTF-8"}
	case len(header.Values("Content-Encoding")) > 0:
		return nil, &refusal{"request.syntax", "the body must not be packed"}
	}
	// One value, so that nothing of it can end up beside the arguments.
	trimmed := bytes.Trim(body, " \t\r\n")
	if !json.Valid(body) || trimmed[0] != '{' {
		return nil, &refusal{"request.syntax", "the body is not a JSON object"}
	}
	inside := bytes.TrimSpace(trimmed[1 : len(trimmed)-1])
	between := ","
	if len(texts) == 0 || len(inside) == 0 {
		between = ""
	}
	return fmt.Appendf(nil, "%s%s%s}", front[:len(front)-1], between, inside), nil
}

func (g *Guard) deny(w http.ResponseWriter, r *http.Request, err error) {
	var refused *guard.Refused
	if own := (*refusal)(nil); errors.As(err, &own) {
		refused = g.Refuse(r.Context(), own.code, own.admin)
	} else if !errors.As(err, &refused) {
		refused = g.Refuse(context.WithoutCancel(r.Context()), "engine.trap", err.Error())
	}
	Write(w, refused)
}

// Write tells a denial: status, challenge, and application/problem+json.
func Write(w http.ResponseWriter, refused *guard.Refused) {
	for name, value := range refused.HTTP.Headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(refused.HTTP.Status)
	_, _ = w.Write(refused.Problem())
}
