// The Go package behind the line protocol of `tests/engines/node.mjs`: one JSON command a line in, one line out.
package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
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
		if err = json.Unmarshal(line, &asked); err == nil && asked.Op == "load" {
			policies[asked.Policy], err = load(asked)
		} else if err == nil {
			answer, err = ask(policies[asked.Policy], asked)
		}
		if err != nil {
			answer = "error: " + err.Error()
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
