// Package auditlog writes down what was decided and what became of it, in the form that `ambit audit` reads: a file of
// lines, each linked to the one before, and beside it a file of signed checkpoints. What a line says and what is signed,
// the core says; here lines are appended, synced and signed.
package auditlog

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"ambit.dev/host"
)

const (
	// Bytes of the file of notes, from its end, that have the last checkpoint.
	notesRead = 128 << 10
	// How long a process waits for the one that writes the log.
	wait = 5 * time.Second
)

// part is how many more bytes of a log are read at a time.
var part int64 = 2 << 20

// ErrBroken says that the log is not written any more: what happened to its last line is not known. Open it again.
var ErrBroken = errors.New("audit.broken: the log cannot be written any further; open it again")

// Log is an open log. One process at a time writes it.
type Log struct {
	lock         sync.Mutex
	lines, notes *os.File
	guard        *os.File
	key          ed25519.PrivateKey
	origin       string
	now          func() time.Time
	state        json.RawMessage
	broken       bool
}

var _ ambit.Journal = (*Log)(nil)

// Open opens a log, or begins it where there is no file. origin names it (`mail.example/audit`), and key signs its
// checkpoints. The whole file is read: a log that was changed is not written on. A line that a crash tore is taken out, and
// the next says so.
func Open(ctx context.Context, path, origin string, key ed25519.PrivateKey) (*Log, error) {
	l := &Log{key: key, origin: origin, now: time.Now, state: json.RawMessage("null")}
	err := l.open(ctx, path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("`%s`: %w", path, err), l.Close())
	}
	return l, nil
}

func (l *Log) open(ctx context.Context, path string) (err error) {
	if l.guard, err = private(path + ".lock"); err != nil {
		return err
	}
	for started := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if taken, err := lock(l.guard); err != nil {
			return err
		} else if taken {
			break
		} else if time.Since(started) > wait || ctx.Err() != nil {
			return errors.New("audit.locked: another process writes this log")
		}
	}
	if err = ahead(path + ".ahead"); err != nil {
		return err
	}
	if l.lines, err = private(path); err != nil {
		return err
	}
	if l.notes, err = private(path + ".checkpoints"); err != nil {
		return err
	}
	return l.read(ctx)
}

// ahead fails where a Rust host keeps lines that it has not brought into the log, and that are not read here.
func ahead(path string) error {
	facts, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil || facts.Size() == 0 {
		return err
	}
	return fmt.Errorf("audit.ahead: `%s` may have lines that the log lacks; "+
		"open the log once with the Rust host that wrote it (as `ambit pdp … --log`)", path)
}

func private(path string) (*os.File, error) { return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) }

// Close lets others write the log.
func (l *Log) Close() (err error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.broken = true
	for _, file := range []*os.File{l.lines, l.notes, l.guard} {
		if file != nil {
			err = errors.Join(err, file.Close())
		}
	}
	return err
}

// answer is what the core says of any question.
type answer struct {
	line
	Failed    string          `json:"failed"`
	State     json.RawMessage `json:"state"`
	Note      string          `json:"note"`
	Taken     int64           `json:"taken"`
	TornNotes int64           `json:"torn_notes"`
	Mend      *line           `json:"mend"`
}

// line is what is to be written, and signed.
type line struct {
	Line  string          `json:"line"`
	At    int64           `json:"at"`
	Sign  string          `json:"sign"`
	Entry json.RawMessage `json:"entry"`
}

type object = map[string]any

func (l *Log) ask(ctx context.Context, do string, asked object) (said answer, err error) {
	asked["do"], asked["origin"] = do, l.origin
	asked["public"] = b64(l.key.Public().(ed25519.PublicKey))
	err = ambit.Core(ctx, "ambit_log", asked, &said)
	return said, err
}

func b64(content []byte) string { return base64.RawURLEncoding.EncodeToString(content) }

// read reads the log from its beginning, whatever its length, and mends its end.
func (l *Log) read(ctx context.Context) error {
	end, err := l.notes.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	notes := make([]byte, min(end, notesRead))
	if _, err := l.notes.ReadAt(notes, end-int64(len(notes))); err != nil && len(notes) > 0 {
		return err
	}
	length, err := l.lines.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	for from, to := int64(0), int64(0); ; {
		to = min(to+part, length)
		lines := make([]byte, to-from)
		if _, err := l.lines.ReadAt(lines, from); err != nil && len(lines) > 0 {
			return err
		}
		last := to == length
		asked := object{"state": l.state, "now": l.now().Unix(), "lines": b64(lines), "last": last}
		if string(l.state) == "null" {
			asked["notes"] = b64(notes)
		}
		said, err := l.ask(ctx, "read", asked)
		if err == nil && said.Failed != "" {
			err = errors.New(said.Failed)
		}
		if err == nil && said.TornNotes > 0 {
			err = l.notes.Truncate(end - said.TornNotes)
		}
		if err != nil {
			return err
		}
		l.state = said.State
		if from += said.Taken; last && said.Mend != nil {
			return l.append(ctx, *said.Mend, true)
		} else if last {
			return nil
		}
	}
}

// Write is as ambit.Journal says.
func (l *Log) Write(ctx context.Context, event ambit.Event) (any, error) {
	step := object{"do": "log", "event": event.Name}
	if event.Answer != nil {
		step["answer"] = json.RawMessage(event.Answer)
	}
	asked := object{"step": step, "now": l.now().Unix()}
	if event.Name == "ended" {
		step["permitted"], step["discharged"] = event.Permitted, append([]string{}, event.Discharged...)
		asked["entry"] = event.Entry
	}
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.broken {
		return nil, ErrBroken
	}
	asked["state"] = l.state
	said, err := l.ask(ctx, "append", asked)
	if err != nil {
		return nil, err
	}
	if said.Line != "" {
		// What is begun is ended, whoever waits for it.
		if err := l.append(context.WithoutCancel(ctx), said.line, false); err != nil {
			return nil, err
		}
		l.state = said.State
	}
	if said.Failed != "" {
		return nil, errors.New(said.Failed)
	}
	return said.Entry, nil
}

// append writes a line where it belongs, and a note over it. A line that cannot be written whole is taken back.
func (l *Log) append(ctx context.Context, line line, mends bool) error {
	l.broken = true
	facts, err := l.lines.Stat()
	if err != nil {
		return err
	}
	// Somebody else wrote, lock or not: what stands there is not ours to write over.
	if facts.Size() != line.At && !mends {
		return ErrBroken
	}
	if _, err := l.lines.WriteAt([]byte(line.Line), line.At); err != nil {
		cut := l.lines.Truncate(line.At)
		l.broken = cut != nil
		return errors.Join(err, cut)
	}
	if err := l.lines.Sync(); err != nil {
		return err
	}
	said, err := l.ask(ctx, "note", object{"text": line.Sign, "signature": b64(ed25519.Sign(l.key, []byte(line.Sign)))})
	if err != nil || said.Note == "" {
		return errors.Join(errors.New("the checkpoint cannot be noted: "+said.Failed), err)
	}
	end, err := l.notes.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = l.notes.WriteAt([]byte(said.Note), end)
	}
	if err = errors.Join(err, l.notes.Sync()); err == nil {
		l.broken = false
	}
	return err
}
