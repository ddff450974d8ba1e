package apply

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// FailpointFromEnv returns a failpoint that does what BASEWRIGHT_FAILPOINT says,
// or nil when it is not set. "action-1-restart.do.after:kill" kills the process
// there, as a power cut would; tests use it to see what the next start makes of
// it. "list" only names each on stderr.
func FailpointFromEnv() func(name string) {
	if os.Getenv("BASEWRIGHT_FAILPOINT") == "list" {
		return func(name string) { fmt.Fprintln(os.Stderr, "failpoint", name) }
	}
	at, what, ok := strings.Cut(os.Getenv("BASEWRIGHT_FAILPOINT"), ":")
	if !ok || what != "kill" {
		return nil
	}
	return func(name string) {
		if name == at {
			Kill()
		}
	}
}

// Kill ends this process at once, without any clean-up.
func Kill() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal is on its way
}
