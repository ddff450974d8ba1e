package ui

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceReceived is how long ago the kernel got the last bytes of a connection.
func sinceReceived(fd int) time.Duration {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0
	}
	return time.Duration(info.Last_data_recv) * time.Millisecond
}

// notAccepted is how many connections wait at a listener, which the kernel tells
// in the place of what a connection has sent.
func notAccepted(fd int) int64 {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0
	}
	return int64(info.Unacked)
}
