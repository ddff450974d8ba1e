package repairs

import (
	"os"
	"syscall"
)

// isolations returns how a child may be started, the strongest first: with
// empty network, process, IPC, mount and name spaces of its own, or, where the
// kernel forbids that, only in a group of its own.
func isolations() []*syscall.SysProcAttr {
	const spaces = syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS
	plain := syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	apart := plain
	apart.Cloneflags = spaces
	if os.Geteuid() != 0 {
		apart.Cloneflags |= syscall.CLONE_NEWUSER
		apart.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		apart.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return []*syscall.SysProcAttr{&apart, &plain}
}

// killGroup ends the child and all it might have started.
func killGroup(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }
