// Package sqlite keeps what a policy's host must remember in an SQLite file: it outlives the process, and processes of
// one machine share it. Put the file on a local disk.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ambit.dev/host"
	"modernc.org/sqlite" // The driver, in Go.
)

const (
	// How long a call waits for another process.
	wait = 10 * time.Second
	// "ambp": whose file this is. The Python package has the same form, so services of both share a file.
	application = 0x616D6270
	format      = 1
	// SQLITE_BUSY, in the lowest byte of a code.
	busy = 5
)

const tables = `
	CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, until INTEGER) WITHOUT ROWID;
	CREATE INDEX IF NOT EXISTS kept_until ON kept (until) WHERE until IS NOT NULL;`

// Store keeps values in an SQLite file.
type Store struct {
	database *sql.DB
	path     string
}

var _ ambit.Store = (*Store)(nil)

// Open opens the store in this file, which is made (its owner's alone) where it is missing, in a folder that exists. A
// file of another program is refused and left as it is.
func Open(path string) (*Store, error) {
	s, err := open(path, wait)
	if err != nil {
		return nil, fmt.Errorf("`%s`: %w", path, err)
	}
	return s, nil
}

func open(path string, wait time.Duration) (*Store, error) {
	// Made here, because SQLite gives its log and index files the mode of this one.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	// A commit is on the disk before the call that it pays for happens: a write-ahead log with `synchronous = FULL` (with
	// `NORMAL` a power cut gives a spent budget back). `BEGIN IMMEDIATE` takes the only write lock before the first value
	// is read, so that between check and change nobody else writes.
	options := url.Values{
		"_txlock": {"immediate"},
		"_pragma": {fmt.Sprintf("busy_timeout(%d)", wait.Milliseconds()), "synchronous(FULL)"},
	}
	address := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: options.Encode()}
	database, err := sql.Open("sqlite", address.String())
	if err != nil {
		return nil, err
	}
	// The file has one write lock; calls of this process wait for it here.
	database.SetMaxOpenConns(1)
	if err := prepare(database, wait); err != nil {
		return nil, errors.Join(err, database.Close())
	}
	return &Store{database, path}, nil
}

// prepare makes the tables in an empty file. Of two processes that do so, one finds them made.
func prepare(database *sql.DB, wait time.Duration) error {
	transaction, err := database.Begin()
	if err != nil {
		return err
	}
	defer transaction.Rollback()
	var whose, version, count int
	for name, into := range map[string]*int{
		"PRAGMA application_id": &whose, "PRAGMA user_version": &version, "SELECT count(*) FROM sqlite_schema": &count,
	} {
		if err := transaction.QueryRow(name).Scan(into); err != nil {
			return err
		}
	}
	if whose == 0 && version == 0 && count == 0 {
		mark := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", application, format)
		if _, err := transaction.Exec(tables + mark); err != nil {
			return err
		}
	} else if whose != application || version != format {
		return errors.New("the file is another program's, or a store of another version")
	}
	if err := transaction.Commit(); err != nil {
		return err
	}
	// A foreign file is left as it is, so this comes after the question whose it is.
	var mode string
	err = patient(wait, func() error { return database.QueryRow("PRAGMA journal_mode = WAL").Scan(&mode) })
	if err != nil {
		return err
	}
	if !strings.EqualFold(mode, "wal") {
		return fmt.Errorf("the disk of this file does not allow a write-ahead log (`%s`)", mode)
	}
	return nil
}

// patient does again what SQLite does not wait for by itself: of several who turn the log on at once, it refuses some.
func patient(wait time.Duration, do func() error) error {
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		err := do()
		var why *sqlite.Error
		if !errors.As(err, &why) || why.Code()&0xFF != busy || time.Since(began) > wait {
			return err
		}
	}
}

// Close ends the use of the file.
func (s *Store) Close() error { return s.database.Close() }

// Transact is as ambit.Store says.
func (s *Store) Transact(ctx context.Context, keys []string, decide func(ambit.Values) (ambit.Change, error)) error {
	transaction, err := s.database.BeginTx(ctx, nil)
	if err != nil {
		return s.failed(err)
	}
	defer transaction.Rollback()
	found := ambit.Values{}
	for _, key := range keys {
		var kept ambit.Kept
		row := transaction.QueryRowContext(ctx, "SELECT value, until FROM kept WHERE key = ?", key)
		switch err := row.Scan(&kept.Value, &kept.Until); {
		case err == nil:
			found[key] = kept
		case !errors.Is(err, sql.ErrNoRows):
			return s.failed(err)
		}
	}
	change, err := decide(found)
	if err != nil {
		return err
	}
	for key, kept := range change.Write {
		const write = `INSERT INTO kept (key, value, until) VALUES (?, ?, ?)
			ON CONFLICT (key) DO UPDATE SET value = excluded.value, until = excluded.until`
		if _, err := transaction.ExecContext(ctx, write, key, kept.Value, kept.Until); err != nil {
			return s.failed(err)
		}
	}
	if change.Forget != nil {
		if _, err := transaction.ExecContext(ctx, "DELETE FROM kept WHERE until < ?", *change.Forget); err != nil {
			return s.failed(err)
		}
	}
	return s.failed(transaction.Commit())
}

func (s *Store) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("`%s`: %w", s.path, err)
}
