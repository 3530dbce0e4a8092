// Package storetest is the contract of every store, as tests: all or nothing, never twice, the highest stays, eight
// writers, and what was said survives `kill -9`.
//
//	func TestContract(t *testing.T) {
//		storetest.Run(t, func(folder string) (ambit.Store, error) { return mine.Open(filepath.Join(folder, "db")) }, true)
//	}
package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"ambit.dev/host"
)

// Open opens the store in a folder: the same again for the same folder, if it is durable.
type Open func(folder string) (ambit.Store, error)

const (
	writers  = 8
	childEnv = "AMBIT_STORETEST_CHILD"
)

var (
	errUsed = errors.New("used")
	ctx     = context.Background()
)

// Run tests a store. A durable one is shared by processes and outlives them: the test's own binary is started again as
// those, so Run must be called directly by a test, and first.
func Run(t *testing.T, open Open, durable bool) {
	if role, folder, is := strings.Cut(os.Getenv(childEnv), ":"); is {
		child(t, open, role, folder)
		return
	}
	start := func(t *testing.T) ambit.Store { return opened(t, open, t.TempDir()) }
	t.Run("what is written is read", func(t *testing.T) { writtenIsRead(t, start(t)) })
	t.Run("all or nothing", func(t *testing.T) { allOrNothing(t, start(t)) })
	t.Run("what ended is forgotten and nothing else", func(t *testing.T) { endedIsForgotten(t, start(t)) })
	t.Run("who waits no longer writes nothing", func(t *testing.T) { cancelled(t, start(t)) })
	t.Run("eight goroutines never use twice and keep the highest", func(t *testing.T) { goroutines(t, start(t)) })
	if durable {
		name := t.Name()
		t.Run("eight processes never use twice and keep the highest", func(t *testing.T) { processes(t, open, name) })
		t.Run("what was said survives kill -9", func(t *testing.T) { killed(t, open, name) })
	}
}

func opened(t *testing.T, open Open, folder string) ambit.Store {
	t.Helper()
	store, err := open(folder)
	if err != nil {
		t.Fatal(err)
	}
	if closer, is := store.(interface{ Close() error }); is {
		t.Cleanup(func() {
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return store
}

func until(second int64) *int64 { return &second }

func read(t *testing.T, store ambit.Store, keys ...string) ambit.Values {
	t.Helper()
	found := ambit.Values{}
	err := store.Transact(ctx, keys, func(kept ambit.Values) (ambit.Change, error) {
		maps.Copy(found, kept)
		return ambit.Change{}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func write(t *testing.T, store ambit.Store, change ambit.Change) {
	t.Helper()
	if err := store.Transact(ctx, nil, func(ambit.Values) (ambit.Change, error) { return change, nil }); err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, got, wanted any) {
	t.Helper()
	if !reflect.DeepEqual(got, wanted) {
		t.Errorf("got %v, wanted %v", got, wanted)
	}
}

func writtenIsRead(t *testing.T, store ambit.Store) {
	values := ambit.Values{"a": {Value: "1"}, "b": {Value: "ß \x00 2", Until: until(7)}}
	write(t, store, ambit.Change{Write: values})
	same(t, read(t, store, "a", "b", "c"), values)
	same(t, read(t, store, "b"), ambit.Values{"b": values["b"]})
	write(t, store, ambit.Change{Write: ambit.Values{"b": {Value: "3"}}})
	same(t, read(t, store, "a", "b"), ambit.Values{"a": {Value: "1"}, "b": {Value: "3"}})
}

func allOrNothing(t *testing.T, store ambit.Store) {
	write(t, store, ambit.Change{Write: ambit.Values{"a": {Value: "1"}}})
	err := store.Transact(ctx, []string{"a"}, func(ambit.Values) (ambit.Change, error) {
		return ambit.Change{Write: ambit.Values{"a": {Value: "2"}, "b": {Value: "2"}}, Forget: until(9)}, errUsed
	})
	if !errors.Is(err, errUsed) {
		t.Errorf("%v", err)
	}
	same(t, read(t, store, "a", "b"), ambit.Values{"a": {Value: "1"}})
	func() {
		defer func() { _ = recover() }()
		_ = store.Transact(ctx, nil, func(ambit.Values) (ambit.Change, error) { panic("stopped") })
	}()
	write(t, store, ambit.Change{Write: ambit.Values{"a": {Value: "2"}}})
	same(t, read(t, store, "a"), ambit.Values{"a": {Value: "2"}})
}

func endedIsForgotten(t *testing.T, store ambit.Store) {
	write(t, store, ambit.Change{Write: ambit.Values{
		"never": {Value: "1"}, "before": {Value: "1", Until: until(9)}, "then": {Value: "1", Until: until(10)},
		"later": {Value: "1", Until: until(11)},
	}})
	write(t, store, ambit.Change{Forget: until(10)})
	left := slices.Sorted(maps.Keys(read(t, store, "never", "before", "then", "later")))
	same(t, left, []string{"later", "never", "then"})
}

func cancelled(t *testing.T, store ambit.Store) {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	err := store.Transact(ended, nil, func(ambit.Values) (ambit.Change, error) {
		return ambit.Change{Write: ambit.Values{"a": {Value: "1"}}}, nil
	})
	if err == nil {
		t.Error("it wrote")
	}
	same(t, read(t, store, "a"), ambit.Values{})
}

// once is something that may happen once: whether it was this call.
func once(store ambit.Store, key string) (bool, error) {
	return won(store.Transact(ctx, []string{key}, func(kept ambit.Values) (ambit.Change, error) {
		if _, used := kept[key]; used {
			return ambit.Change{}, errUsed
		}
		return ambit.Change{Write: ambit.Values{key: {Value: "1", Until: until(100)}}}, nil
	}))
}

func add(store ambit.Store, most int) (bool, error) {
	return won(store.Transact(ctx, []string{"sum"}, func(kept ambit.Values) (ambit.Change, error) {
		sum, _ := strconv.Atoi(kept["sum"].Value)
		if sum >= most {
			return ambit.Change{}, errUsed
		}
		return ambit.Change{Write: ambit.Values{"sum": {Value: strconv.Itoa(sum + 1)}}}, nil
	}))
}

func raise(store ambit.Store, version int) error {
	_, err := won(store.Transact(ctx, []string{"version"}, func(kept ambit.Values) (ambit.Change, error) {
		if known, _ := strconv.Atoi(kept["version"].Value); known > version {
			return ambit.Change{}, errUsed
		}
		return ambit.Change{Write: ambit.Values{"version": {Value: strconv.Itoa(version)}}}, nil
	}))
	return err
}

func won(err error) (bool, error) {
	if errors.Is(err, errUsed) {
		return false, nil
	}
	return err == nil, err
}

// work does what eight do at the same time, and says how often it was the one.
func work(store ambit.Store, number int) (uses, sums int, err error) {
	for key := range 20 {
		is, wrong := once(store, fmt.Sprintf("once:%d", key))
		err = errors.Join(err, wrong)
		if is {
			uses++
		}
		if is, wrong = add(store, 50); is {
			sums++
		}
		err = errors.Join(err, wrong)
	}
	for version := number; version < 80; version += writers {
		err = errors.Join(err, raise(store, version))
	}
	return uses, sums, err
}

func all(t *testing.T, store ambit.Store, uses, sums int) {
	t.Helper()
	same(t, []int{uses, sums}, []int{20, 50})
	same(t, read(t, store, "sum", "version"), ambit.Values{"sum": {Value: "50"}, "version": {Value: "79"}})
}

func goroutines(t *testing.T, store ambit.Store) {
	var group sync.WaitGroup
	var lock sync.Mutex
	var uses, sums int
	for number := range writers {
		group.Go(func() {
			used, summed, err := work(store, number)
			lock.Lock()
			defer lock.Unlock()
			if uses, sums = uses+used, sums+summed; err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	all(t, store, uses, sums)
}

// again starts this test's binary as a child.
func again(name, role, folder string) *exec.Cmd {
	command := exec.Command(os.Args[0], "-test.run=^"+name+"$", "-test.count=1")
	command.Env = append(os.Environ(), childEnv+"="+role+":"+folder)
	command.Stderr = os.Stderr
	return command
}

func child(t *testing.T, open Open, role, folder string) {
	store := opened(t, open, folder)
	if role != "kill" {
		number, _ := strconv.Atoi(role)
		uses, sums, err := work(store, number)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("did %d %d\n", uses, sums)
		return
	}
	for step := 0; ; step++ {
		text := strconv.Itoa(step)
		write(t, store, ambit.Change{Write: ambit.Values{"a" + text: {Value: text}, "b" + text: {Value: text}}})
		fmt.Printf("did %d\n", step)
	}
}

func processes(t *testing.T, open Open, name string) {
	folder := t.TempDir()
	var group sync.WaitGroup
	var lock sync.Mutex
	var uses, sums int
	for number := range writers {
		group.Go(func() {
			said, err := again(name, strconv.Itoa(number), folder).Output()
			lock.Lock()
			defer lock.Unlock()
			var used, summed int
			if _, unread := fmt.Sscanf(string(said), "did %d %d", &used, &summed); err != nil || unread != nil {
				t.Errorf("%s: %v, %v", said, err, unread)
			}
			uses, sums = uses+used, sums+summed
		})
	}
	group.Wait()
	all(t, opened(t, open, folder), uses, sums)
}

// killed: two values a step, told when the step is done. After `kill -9` all that was told is there, and no half step.
func killed(t *testing.T, open Open, name string) {
	folder := t.TempDir()
	command := again(name, "kill", folder)
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	last := -1
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, err := fmt.Sscanf(lines.Text(), "did %d", &last); err == nil && last == 25 {
			if err := command.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = command.Wait()
	if last < 25 {
		t.Fatalf("it stopped after step %d", last)
	}
	store := opened(t, open, folder)
	for step := range last + 2 {
		found := read(t, store, fmt.Sprintf("a%d", step), fmt.Sprintf("b%d", step))
		if len(found) != 2 && (step <= last || len(found) != 0) {
			t.Errorf("step %d of %d: %v", step, last, found)
		}
	}
}
