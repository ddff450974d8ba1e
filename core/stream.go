package core

import (
	"context"
	"io"
)

// Streamer moves data of any size into and out of an instance's containers, and
// keeps none of it in memory.
type Streamer interface {
	// Stream runs a command in a service's container to its end. The command
	// reads what in gives, nothing when that is nil; what it prints goes to out as
	// it comes. An exit status other than 0 is an error with the last line that
	// the command complained. Command.Stdin is not used.
	Stream(ctx context.Context, s Service, c Command, in io.Reader, out io.Writer) error
}

// Workbench makes databases to try a snapshot on.
type Workbench interface {
	// Throwaway starts an empty database from the image and the command of the
	// database in captured, which Capture gave. It has no port on the host, no
	// network but its own loopback, and none of the instance's volumes. The id
	// makes it known to Sweep.
	Throwaway(ctx context.Context, id string, captured []byte) (Throwaway, error)
	// SweepThrowaways removes the throwaways that a killed program left: those
	// whose id is not alive.
	SweepThrowaways(ctx context.Context, alive func(id string) bool) error
}

// Throwaway is a database of a Workbench.
type Throwaway interface {
	// Stream is Streamer's, in the throwaway.
	Stream(ctx context.Context, c Command, in io.Reader, out io.Writer) error
	// Remove removes it with its data. Removing it twice does no harm.
	Remove(ctx context.Context) error
}
