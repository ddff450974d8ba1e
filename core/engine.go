package core

import (
	"context"
	"io/fs"
	"net"
	"time"
)

// Inspector reads one instance: its containers, its database and its files. It
// has no method that changes anything.
type Inspector interface {
	// Observe gathers the facts of the instance: one list call, parallel
	// inspects, one bounded log tail per container, files once. It fails only
	// when the engine does not answer; what else it cannot see becomes a Gap.
	Observe(ctx context.Context) (*Observation, error)

	// Dial connects to a service, by its container's address or, where that
	// has no route, by a published port. A refused connection is the service's
	// own answer; when there is no way to look, the error's code is Unreachable.
	Dial(ctx context.Context, a Address) (net.Conn, error)

	// Login tries a database login over the stack's network, as the services
	// do, and logs out. An SQLError is the server's answer.
	Login(ctx context.Context, l Login) error

	// Query runs one SQL statement as superuser in a read-only transaction and
	// returns its rows as text. It needs no password that still works.
	Query(ctx context.Context, database, sql string) ([][]string, error)

	// ReadFile reads a file of the instance folder; a path that leaves the
	// folder is refused. A missing file is fs.ErrNotExist.
	ReadFile(ctx context.Context, name string) (File, error)

	// TakenPorts returns the ports of the host that are taken, sorted: published by
	// any container of the engine, running or not, and, where the engine is on
	// this machine, listened on.
	TakenPorts(ctx context.Context) ([]int, error)
}

// Glancer is an Inspector that shows an instance in two parts, so that probes
// need not wait for what they do not use.
type Glancer interface {
	Inspector

	// Glance is Observe in two parts. The first holds the containers without
	// their logs and memory, and .env; rest waits for the whole, which is another
	// Observation. An error of either means that the engine does not answer.
	Glance(ctx context.Context) (first *Observation, rest func() (*Observation, error), err error)
}

// Address is a port of a service.
type Address struct {
	Service   Service
	Port      int  // inside the container
	Published bool // go through the port published on the host, as a client would
}

// Login is what a service presents to the database.
type Login struct {
	Role     string
	Password Secret
	Database string
}

// File is a file of the instance folder with what a rollback must bring back.
type File struct {
	Name     string // relative to the instance folder, slashes
	Data     []byte
	Mode     fs.FileMode
	UID, GID int
	Absent   bool // there is no such file; writing it removes the file
}

// Engine also changes the instance. Only package apply holds one.
type Engine interface {
	Inspector
	Wiring
	Shelf
	Dismantler

	// Up makes containers match the compose files: it creates, recreates what
	// differs and starts.
	Up(ctx context.Context, r UpRequest) error
	// Start, Stop and Restart act on the containers that exist. Stopping waits
	// for the service's own grace period. A compose service that is none of
	// Supabase's goes by its own name.
	Start(ctx context.Context, s Service) error
	Stop(ctx context.Context, s Service) error
	Restart(ctx context.Context, s Service) error

	// Exec runs a command in a service's container and returns what it printed. One
	// that ended with another status than 0 is an ExitError.
	Exec(ctx context.Context, s Service, c Command) (stdout string, err error)

	// WriteFile writes f atomically with its mode and owner.
	WriteFile(ctx context.Context, f File) error

	// Capture describes every container of the instance so fully that Recover
	// can bring it back, also after it was removed. It holds secrets.
	Capture(ctx context.Context) ([]byte, error)
	// Recover makes the containers what Capture saw: same name, image,
	// environment, mounts, networks and running state. Containers that did not
	// change are left alone, and so are those of the compose services in leave.
	// Running it twice changes nothing the second time.
	Recover(ctx context.Context, captured []byte, leave ...string) error
}

// Dismantler takes an instance off the engine.
type Dismantler interface {
	// Down stops and removes the containers of the instance and the networks that
	// were made for it, and no volume. A network that somebody else's container is
	// on is a core.Conflict, and then nothing is removed. What is gone already is
	// no error. Recover brings everything back.
	Down(ctx context.Context) error
	// Alone returns the core.Conflict with which Down would refuse.
	Alone(ctx context.Context) error
}

// Wiring changes how the containers of an instance are named and connected,
// without making them anew. Recover brings both back.
type Wiring interface {
	// Connect puts the containers of a service on a network of the instance,
	// named as compose or as the engine names it, under its usual names there
	// and the alias, if one is given. What is so already is left alone.
	Connect(ctx context.Context, s Service, network, alias string) error
	// Rename gives the one container of a service another name.
	Rename(ctx context.Context, s Service, name string) error
}

// UpRequest says what Up is to do.
type UpRequest struct {
	Services []Service     // empty means all
	Recreate bool          // also recreate containers that match
	Leave    []string      // compose services whose containers are made and not started
	Wait     time.Duration // how long to wait until they are healthy; zero does not wait
}

// Command is what Exec runs. What must not be seen goes to Stdin.
type Command struct {
	Args  []string
	Env   []string
	User  string
	Stdin []byte
}
