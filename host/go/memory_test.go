package ambit_test

import (
	"testing"

	"ambit.dev/host"
	"ambit.dev/host/storetest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(string) (ambit.Store, error) { return ambit.NewMemoryStore(), nil }, false)
}
