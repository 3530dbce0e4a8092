// Asks a policy about one call, and says why not.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"ambit.dev/host"
	"ambit.dev/host/sqlite"
)

func main() {
	ctx, store := context.Background(), must(sqlite.Open("ambit.db"))
	trust := ambit.Trust{Keys: ambit.File("keys.json"), UID: "example/assistant"}
	policy := must(ambit.Load(ctx, ambit.File("policy.wasm"), trust, ambit.Options{Store: store}))
	var request ambit.Request
	must(0, json.Unmarshal(must(os.ReadFile("request.json")), &request))
	request.Evaluation.Action.Properties.Power = "execute" // to send, not to prepare
	request.Token = strings.TrimSpace(string(must(os.ReadFile("token.jwt"))))
	request.Facts = ambit.Facts{Now: time.Now().Unix(), Audience: "https://mail.example"}
	var denied *ambit.Denied
	if errors.As(policy.Decide(ctx, request), &denied) {
		fmt.Println(denied.Status(), denied.Code, denied.Words)
		for _, way := range policy.Advise(ctx, request).Alternatives {
			fmt.Println("-", way.Text)
		}
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
