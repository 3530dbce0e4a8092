//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package auditlog

import (
	"errors"
	"os"
	"syscall"
)

// lock takes the lock of a file, which ends with the process: whether it did.
func lock(file *os.File) (bool, error) {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
