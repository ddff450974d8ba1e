package main

import (
	"errors"
	"strconv"
	"syscall"
)

// raiseFiles sets the limit of open files that RLIMIT_NOFILE asks for, as the start scripts of realtime and supavisor
// do; an empty value leaves it alone.
func raiseFiles(e env) error {
	n, err := strconv.ParseUint(e["RLIMIT_NOFILE"], 10, 64)
	if err != nil {
		return nil
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
		return errors.New("ulimit: open files: cannot modify limit: Operation not permitted")
	}
	return nil
}
