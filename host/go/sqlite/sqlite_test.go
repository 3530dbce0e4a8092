package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ambit.dev/host"
	"ambit.dev/host/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(folder string) (ambit.Store, error) { return Open(filepath.Join(folder, "a ?#%&.db")) }, true)
}

func write(store *Store) error {
	return store.Transact(context.Background(), nil, func(ambit.Values) (ambit.Change, error) {
		return ambit.Change{Write: ambit.Values{"a": {Value: "1"}}}, nil
	})
}

func TestTheFileIsItsOwnersAlone(t *testing.T) {
	folder := t.TempDir()
	store, err := Open(filepath.Join(folder, "ambit.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := write(store); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != 3 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		if facts, err := file.Info(); err != nil || facts.Mode() != fs.FileMode(0o600) {
			t.Errorf("%v, %v", facts.Mode(), err)
		}
	}
	var safe int
	if err := store.database.QueryRow("PRAGMA synchronous").Scan(&safe); err != nil || safe != 2 {
		t.Errorf("synchronous is %d, %v", safe, err)
	}
}

func TestAForeignFileIsRefusedAndLeftAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.db")
	other, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec("CREATE TABLE theirs (x)"); err != nil {
		t.Fatal(err)
	}
	other.Close()
	before, _ := os.ReadFile(path)
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "another program's") {
		t.Errorf("%v", err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("it was changed")
	}
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, bytes.Repeat([]byte("no database "), 99), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(text); err == nil {
		t.Error("a text was opened")
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none", "x.db")); err == nil {
		t.Error("a folder was made")
	}
}

func TestAStoreThatIsLockedSaysSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ambit.db")
	store, err := open(path, 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	other, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	transaction, err := other.database.Begin()
	if err != nil {
		t.Fatal(err)
	}
	locked := write(store)
	if locked == nil || !strings.Contains(locked.Error(), "locked") {
		t.Fatal(locked)
	}
	// Who opens a fresh file with others is patient, and not with other errors.
	for _, each := range []struct {
		first, last error
		wait        time.Duration
		times       int
	}{{locked, nil, time.Second, 3}, {locked, locked, 0, 2}, {sql.ErrNoRows, sql.ErrNoRows, time.Second, 1}} {
		times := 0
		err := patient(each.wait, func() error {
			if times++; times < 3 {
				return each.first
			}
			return nil
		})
		if err != each.last || times > each.times {
			t.Errorf("%v: %v after %d", each.first, err, times)
		}
	}
	if err := transaction.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := write(store); err != nil {
		t.Error(err)
	}
}
