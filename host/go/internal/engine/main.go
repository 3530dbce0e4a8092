// The Go package behind the line protocol (`tests/conformance/README.md`): one JSON command a line in, one line out.
package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"ambit.dev/host"
)

type command struct {
	Op, Policy, Module, Trust, UID string
	Now                            int64
	Input                          []byte
}

func main() {
	policies := map[string]*ambit.Policy{}
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked command
		answer := "ok"
		if err = json.Unmarshal(line, &asked); err == nil {
			switch asked.Op {
			case "about":
				answer = about()
			case "load":
				policies[asked.Policy], err = load(asked)
			case "enforce", "consume", "status", "log":
				answer, err = rule(asked)
			default:
				answer, err = ask(policies[asked.Policy], asked)
			}
		}
		if err != nil {
			why := &ambit.LoadError{Code: "none"}
			errors.As(err, &why)
			answer = fmt.Sprintf("error: %s %s", why.Code, err)
		}
		fmt.Println(answer)
	}
}

// load has a store for every policy: what was kept of versions is not asked here.
func load(asked command) (*ambit.Policy, error) {
	return ambit.Load(context.Background(), ambit.File(asked.Module),
		ambit.Trust{Keys: ambit.Bytes{Content: []byte(asked.Trust)}, UID: asked.UID},
		ambit.Options{
			Store: ambit.NewMemoryStore(), Now: func() time.Time { return time.Unix(asked.Now, 0) },
			Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		})
}

// about says which Go this is, and which wazero.
func about() string {
	said := "Go " + strings.TrimPrefix(runtime.Version(), "go")
	if built, ok := debug.ReadBuildInfo(); ok {
		for _, used := range built.Deps {
			if strings.HasSuffix(used.Path, "/wazero") {
				said += ", wazero " + strings.TrimPrefix(used.Version, "v")
			}
		}
	}
	return said
}

// rule asks the core for what needs no policy.
func rule(asked command) (string, error) {
	var answer json.RawMessage
	err := ambit.Core(context.Background(), "ambit_"+asked.Op, json.RawMessage(asked.Input), &answer)
	return base64.StdEncoding.EncodeToString(answer), err
}

func ask(policy *ambit.Policy, asked command) (string, error) {
	if policy == nil {
		return "", fmt.Errorf("the policy is not loaded")
	}
	var request [][]byte
	if asked.Op != "info" {
		request = append(request, asked.Input)
	}
	return base64.StdEncoding.EncodeToString(policy.Raw(context.Background(), asked.Op, request...)), nil
}
