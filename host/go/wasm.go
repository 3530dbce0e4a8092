package ambit

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

const (
	abi = 2
	// Values that a function of the ABI takes at most.
	stackSize = 4
	// Bytes of one input: the longest policy file with what is said of it. The core's own limits lie below.
	inputMost = 33 << 20
	// Bytes of an answer, as in every host.
	answerMost = 4 << 20
	// Pages of memory (64 KiB): four times what the core's own limits allow, and room for the policy's file, which stays.
	memoryPages = (64 + 32 + 2) << 4
	// Memory that one call may leave behind in an instance that is used again.
	keptGrowth = 4 << 20
)

//go:embed core.wasm
var coreFile []byte

// fault says that the code gave no answer; code is the reason of the denial in its place.
type fault struct{ code, what string }

func (f *fault) Error() string { return f.what }

func trap(what string, values ...any) error {
	return &fault{"engine.trap", fmt.Sprintf(what, values...)}
}

// compiled is the core of this package, whose digest is compared before it is compiled.
var compiled = sync.OnceValues(func() (*code, error) { return compile(coreFile) })

// code is compiled once and instantiated as often as calls run at the same time.
type code struct {
	runtime wazero.Runtime
	wazero.CompiledModule
}

// compile sets no bound of time: the evaluator counts its own steps. wazero has no fuel, and its way to stop a call from
// outside (`WithCloseOnContextDone`) makes a decision three to five times slower.
func compile(wasm []byte) (*code, error) {
	if digest := sha256.Sum256(wasm); hex.EncodeToString(digest[:]) != SHA256 {
		return nil, &LoadError{"module.altered", "`core.wasm` is not the file that this package was built with"}
	}
	ctx := context.Background()
	runtime := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithMemoryLimitPages(memoryPages))
	module, err := runtime.CompileModule(ctx, wasm)
	return &code{runtime, module}, err
}

// instance serves one call at a time; after a fault it must not be used again.
type instance struct {
	api.Module
	functions map[string]api.Function
	first     uint32
}

func (c *code) start() (*instance, error) {
	// Without a name, so that there can be many.
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	module, err := c.runtime.InstantiateModule(context.Background(), c.CompiledModule, config)
	if err != nil {
		return nil, trap("the code cannot be started: %v", err)
	}
	i := &instance{module, map[string]api.Function{}, module.Memory().Size()}
	for name := range c.ExportedFunctions() {
		i.functions[name] = module.ExportedFunction(name)
	}
	if version, err := i.run("ambit_abi"); err != nil || uint32(version) != abi {
		i.close()
		return nil, trap("the code has another ABI than this package")
	}
	return i, nil
}

func (i *instance) close() {
	if i != nil {
		_ = i.Close(context.Background())
	}
}

// ask puts one question. Buffers of a policy that was loaded are the core's from then on: it passes over that they are freed.
func (i *instance) ask(export string, inputs ...[]byte) ([]byte, error) {
	var places []uint64
	for _, input := range inputs {
		if len(input) > inputMost {
			return nil, &fault{"engine.resources", "the request is too long to be read"}
		}
		at, err := i.run("ambit_alloc", uint64(len(input)))
		if err != nil {
			return nil, err
		}
		if uint32(at) == 0 || !i.Memory().Write(uint32(at), input) {
			return nil, &fault{"engine.resources", "the request does not fit into the memory of the code"}
		}
		places = append(places, uint64(uint32(at)), uint64(len(input)))
	}
	packed, err := i.run(export, places...)
	if err != nil {
		return nil, err
	}
	at, size := packed>>32, packed&(1<<32-1)
	inside, fits := i.Memory().Read(uint32(at), uint32(size))
	if size == 0 || size > answerMost || !fits {
		return nil, trap("the code gave no answer that can be read")
	}
	answer := bytes.Clone(inside)
	for places = append(places, at, size); len(places) > 0 && err == nil; places = places[2:] {
		_, err = i.run("ambit_free", places[:2]...)
	}
	return answer, err
}

func (i *instance) run(export string, arguments ...uint64) (uint64, error) {
	function := i.functions[export]
	if function == nil {
		return 0, trap("the code does not export `%s`", export)
	}
	// A result stands where the first argument was.
	var stack [stackSize]uint64
	copy(stack[:], arguments)
	if err := function.CallWithStack(context.Background(), stack[:]); err != nil {
		return 0, trap("the code stopped")
	}
	return stack[0], nil
}

// pool has a place for each call that may run at the same time, with an instance or nil; when all are taken, calls wait.
type pool struct {
	make   func() (*instance, error)
	places chan *instance
}

func newPool(most int, first *instance, again func() (*instance, error)) *pool {
	p := &pool{again, make(chan *instance, most)}
	for p.places <- first; len(p.places) < most; {
		p.places <- nil
	}
	return p
}

func (p *pool) ask(ctx context.Context, export string, inputs ...[]byte) (answer []byte, err error) {
	var taken, kept *instance
	select {
	case taken = <-p.places:
	case <-ctx.Done():
		return nil, &fault{"engine.resources", "the caller waited no longer"}
	}
	// What trapped or grew is thrown away.
	defer func() { p.places <- kept }()
	if taken == nil {
		if taken, err = p.make(); err != nil {
			return nil, err
		}
	}
	answer, err = taken.ask(export, inputs...)
	if err == nil && taken.Memory().Size()-taken.first <= keptGrowth {
		kept = taken
	} else {
		taken.close()
	}
	return answer, err
}

func (p *pool) close() {
	for range cap(p.places) {
		(<-p.places).close()
	}
}
