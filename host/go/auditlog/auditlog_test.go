package auditlog

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ambit.dev/host"
	"ambit.dev/host/internal/shop"
)

var (
	ctx = context.Background()
	key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{5}, 32))
)

// log is one as a host has it, closed or open.
type log struct {
	t      *testing.T
	path   string
	origin string
	open   *Log
	entry  any
}

func (l *log) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *log) file(name string) []byte {
	l.t.Helper()
	text, err := os.ReadFile(l.path + name)
	l.must(err)
	return text
}

func (l *log) put(name string, text []byte) {
	l.t.Helper()
	l.must(os.WriteFile(l.path+name, text, 0o600))
}

func said(err error) string {
	if err == nil {
		return "ok"
	}
	_, text, is := strings.Cut(": "+err.Error(), ": audit.")
	if !is {
		return err.Error()
	}
	code, _, _ := strings.Cut(text, ":")
	return "audit." + code
}

// reopen is as after a restart.
func (l *log) reopen() string {
	l.t.Helper()
	if l.open != nil {
		l.must(l.open.Close())
	}
	before, _ := os.ReadFile(l.path)
	var err error
	l.open, err = Open(ctx, l.path, l.origin, key)
	if err != nil {
		return said(err)
	}
	if !bytes.Equal(before, l.file("")) {
		return "mended"
	}
	return "ok"
}

func given(name string) []byte {
	decision, code, amount := strings.HasPrefix(name, "allow"), "limit.spend", ""
	if decision {
		code = "allowed"
	}
	if strings.HasSuffix(name, "inexact") {
		amount = `,"amount":1.5`
	}
	return fmt.Appendf(nil, `{"decision":%v,"context":{"reason":{"code":"%s"},"record":{"actor":{"sub":"agent"},"now":1%s}}}`, decision, code, amount)
}

// step does one of a vector.
func (l *log) step(name string, value any) string {
	l.t.Helper()
	text, _ := value.(string)
	number, _ := value.(float64)
	switch name {
	case "open":
		if part = int64(number); part == 0 {
			part = 2 << 20
		}
		return l.reopen()
	case "decided", "unsigned":
		if l.open == nil {
			l.reopen()
		}
		notes := l.file(".checkpoints")
		entry, err := l.open.Write(ctx, ambit.Event{Name: "decided", Answer: given(text)})
		if l.entry = entry; name == "unsigned" {
			l.put(".checkpoints", notes)
		}
		return said(err)
	case "ended":
		event := ambit.Event{Name: "ended", Permitted: value.(bool), Discharged: []string{"consume"}, Entry: l.entry}
		if !event.Permitted {
			event.Answer = given("deny")
		}
		_, err := l.open.Write(ctx, event)
		return said(err)
	case "torn":
		l.put("", append(l.file(""), text...))
	case "cut_notes":
		notes := l.file(".checkpoints")
		l.put(".checkpoints", notes[:len(notes)-int(number)])
	case "cut_lines":
		lines := bytes.SplitAfter(l.file(""), []byte("\n"))
		l.put("", bytes.Join(lines[:len(lines)-1-int(number)], nil))
	case "edit":
		pair := value.([]any)
		l.put("", []byte(strings.Replace(string(l.file("")), pair[0].(string), pair[1].(string), 1)))
	case "forge_note":
		l.put(".checkpoints", []byte(strings.Replace(string(l.file(".checkpoints")), "\n1\n", "\n2\n", 1)))
	case "origin":
		// Another writer has this name for the log; one that has it open goes on under it.
		if l.origin = text; l.open != nil {
			l.open.origin = text
		}
	default:
		l.t.Fatal(name)
	}
	return "ok"
}

// verify has the command read the log.
func (l *log) verify() {
	l.t.Helper()
	public := l.path + ".jwk"
	x := b64(key.Public().(ed25519.PublicKey))
	l.must(os.WriteFile(public, []byte(`{"kty":"OKP","crv":"Ed25519","x":"`+x+`"}`), 0o600))
	verify := exec.Command(os.Getenv("AMBIT_COMMAND"), "audit", "verify", "--key", public, "--name", l.origin, l.path)
	out, err := verify.CombinedOutput()
	// 5: lines that were signed late, which the log itself says.
	if code := verify.ProcessState.ExitCode(); err != nil && code != 5 {
		l.t.Errorf("%v: %s", err, out)
	}
}

func TestLogsOfTheVectors(t *testing.T) {
	file := filepath.Join(os.Getenv("AMBIT_SUITES"), "enforce/log.json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err, "AMBIT_SUITES names the folder `tests` of the repository")
	}
	var cases []struct {
		Name  string
		Steps []map[string]any
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, each := range cases {
		// Of a state that was changed the core is asked elsewhere: here it is the log's own.
		if bytes.Contains(fmt.Append(nil, each.Steps), []byte("map[state:")) {
			continue
		}
		ran++
		t.Run(each.Name, func(t *testing.T) {
			l := &log{t: t, path: filepath.Join(t.TempDir(), "audit.log"), origin: "mail.example/audit"}
			defer func() {
				if part = 2 << 20; l.open != nil {
					l.must(l.open.Close())
				}
			}()
			if _, fresh := each.Steps[0]["origin"]; !fresh {
				l.reopen()
			}
			for at, step := range each.Steps {
				wanted, _ := step["says"].(string)
				if wanted == "" {
					wanted = "ok"
				}
				delete(step, "says")
				for name, value := range step {
					if got := l.step(name, value); got != wanted {
						t.Fatalf("step %d, %s: %s, wanted %s", at, name, got, wanted)
					}
					if name == "open" && wanted == "ok" && len(l.file("")) > 0 {
						l.verify()
					}
				}
			}
		})
	}
	if ran < 12 {
		t.Errorf("%d cases", ran)
	}
}

func TestDecisionsAreWrittenBeforeTheyAreObeyed(t *testing.T) {
	l := &log{t: t, path: filepath.Join(t.TempDir(), "audit.log"), origin: "mail.example/audit"}
	l.reopen()
	s := shop.Open(t, ambit.Options{Journal: l.open})
	token := s.Token()
	call := shop.Call("stock", "execute", "Contact", "c-7", `{"count":2}`)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			asked := ambit.Request{Evaluation: call, Token: token, Proof: s.Proof(token, call, "POST", shop.Origin), Facts: s.Facts("POST", shop.Origin)}
			_ = s.Decide(ctx, asked)
		})
	}
	group.Wait()
	lines := strings.Split(strings.TrimSpace(string(l.file(""))), "\n")
	if len(lines) != 8 || strings.Contains(string(l.file("")), "eyJ") {
		t.Errorf("%d lines", len(lines))
	}
	l.verify()
	// Somebody else writes: nothing is written over, and nothing is allowed.
	l.put("", append(l.file(""), "x\n"...))
	asked := ambit.Request{Evaluation: call, Token: token, Proof: s.Proof(token, call, "POST", shop.Origin), Facts: s.Facts("POST", shop.Origin)}
	var denied *ambit.Denied
	if err := s.Decide(ctx, asked); !errors.As(err, &denied) || denied.Code != "obligation.failed" {
		t.Errorf("%v", err)
	}
	if !bytes.HasSuffix(l.file(""), []byte("}\nx\n")) {
		t.Error("it was written over")
	}
	l.must(l.open.Close())
}

func TestOneProcessWritesALog(t *testing.T) {
	l := &log{t: t, path: filepath.Join(t.TempDir(), "audit.log"), origin: "mail.example/audit"}
	l.reopen()
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Open(ended, l.path, l.origin, key); said(err) != "audit.locked" {
		t.Errorf("%v", err)
	}
	l.must(l.open.Close())
	if _, err := l.open.Write(ctx, ambit.Event{Name: "decided", Answer: given("deny")}); !errors.Is(err, ErrBroken) {
		t.Errorf("closed: %v", err)
	}
	l.open = nil
	if got := l.reopen(); got != "ok" {
		t.Error(got)
	}
	l.must(l.open.Close())
	for _, name := range []string{"", ".lock", ".checkpoints"} {
		if facts, err := os.Stat(l.path + name); err != nil || facts.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, facts.Mode(), err)
		}
	}
}

func TestALogWithLinesAheadIsLeftToTheRustHost(t *testing.T) {
	l := &log{t: t, path: filepath.Join(t.TempDir(), "audit.log"), origin: "mail.example/audit"}
	l.put(".ahead", []byte("ambtgrp1"))
	_, err := Open(ctx, l.path, l.origin, key)
	if said(err) != "audit.ahead" || !strings.Contains(err.Error(), "ambit pdp") {
		t.Fatal(err)
	}
	if _, err := os.Stat(l.path); err == nil {
		t.Fatal("a log was begun")
	}
	l.put(".ahead", nil)
	l.open, err = Open(ctx, l.path, l.origin, key)
	l.must(err)
	l.must(l.open.Close())
}
