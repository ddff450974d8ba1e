package core

import (
	"cmp"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// Observation is the facts of one instance, gathered once per diagnosis and
// shared by all checks. What could not be seen is in Gaps, never guessed.
type Observation struct {
	Instance   Instance
	At         time.Time
	Containers []Container
	Env        EnvFile
	Compose    Compose
	Host       HostFacts
	Peers      []Peer // the other instances on the engine
	Gaps       []Gap
}

// Peer is another instance on the same engine, as far as two can get into each
// other's way.
type Peer struct {
	Instance   Instance
	Env        EnvFile     // its .env; its secrets are compared, and shown as fingerprints only
	Containers []Container // names, roles, states, ports, networks and mounts; nothing else of them
}

// Gap is a part of the instance that could not be looked at.
type Gap struct {
	What string // "compose files", "logs of auth"
	Why  string
	// Category is the one that nothing can be said of for it; empty for none.
	Category Category
}

// Container is one container of the instance as the engine sees it.
type Container struct {
	ID, Name       string
	Service        Service // role; empty when it is not one of Supabase's
	ComposeService string  // name in the compose file
	Image, ImageID string
	State          string // created, running, paused, restarting, removing, exited, dead
	Health         string // healthy, unhealthy, starting, or empty when it has no health check
	HealthOutput   string // what the last health check printed
	ExitCode       int
	OOMKilled      bool
	Error          string // the engine's own error, e.g. a port that is taken
	Restarts       int
	CreatedAt      time.Time
	StartedAt      time.Time // zero when it never ran
	FinishedAt     time.Time // zero while it has not stopped
	RestartPolicy  string
	StopTimeout    time.Duration // zero means the engine's default
	PID            int
	Env            map[string]Secret
	Labels         map[string]string
	Command        []string // entrypoint and arguments
	Healthcheck    []string
	Networks       []Endpoint
	Ports          []Port
	Mounts         []Mount
	LogDriver      string
	LogMaxSize     string
	MemoryLimit    int64 // bytes, 0 without a limit
	MemoryUsed     int64 // bytes, from the cgroup; -1 when it cannot be read
	Logs           []LogLine
}

// Endpoint is a container's place on one network.
type Endpoint struct {
	Network string
	IP      string
	Aliases []string
}

// Port is a port of a container, published when HostPort is not 0.
type Port struct {
	HostIP        string
	HostPort      int
	ContainerPort int
	Proto         string
}

// Mount is a bind mount or a volume in a container.
type Mount struct {
	Type     string // bind, volume or tmpfs
	Name     string // of a volume
	Source   string // path on the host
	Target   string // path in the container
	ReadOnly bool

	CreatedAt time.Time // of a volume of the database, zero when not known
}

// LogLine is one line of a container's log, without ANSI sequences, cut at a
// bounded length.
type LogLine struct {
	At   time.Time
	Text string
}

// EnvFile is the instance's .env on disk.
type EnvFile struct {
	Path string
	Mode fs.FileMode
	Vars []EnvVar // in file order; of equal keys the last one counts
	Err  error    // why it could not be read or parsed
}

// EnvVar is one assignment in a .env file, its value as Compose reads it.
type EnvVar struct {
	Key   string
	Value Secret
	Line  int
	// Written is the value with its dollar signs, where Compose takes one for a
	// variable; empty where the value is what is written.
	Written Secret
}

// Lookup returns the value of key that counts, and whether there is one.
func (e EnvFile) Lookup(key string) (Secret, bool) {
	for _, v := range slices.Backward(e.Vars) {
		if v.Key == key {
			return v.Value, true
		}
	}
	return "", false
}

// Written returns the value of key as it is written, where Compose reads another.
func (e EnvFile) Written(key string) (Secret, bool) {
	for _, v := range slices.Backward(e.Vars) {
		if v.Key == key {
			return v.Written, v.Written != ""
		}
	}
	return "", false
}

// Line returns the line of the assignment of key that counts, or 0.
func (e EnvFile) Line(key string) int {
	for _, v := range slices.Backward(e.Vars) {
		if v.Key == key {
			return v.Line
		}
	}
	return 0
}

// Compose is the instance's compose project as its files render it now, which
// may differ from what runs.
type Compose struct {
	Services []ComposeService
	Unset    []string // variables that the files use and nothing sets, which become blank

	// Structure lists those of Unset that names, images, ports, mounts or files
	// are made of, rather than a service's settings.
	Structure []string
	// Places says where the files set something: "auth/environment/SITE_URL" is
	// "docker-compose.yml:12". A variable that nothing sets is "${NAME}".
	Places map[string]string
	Err    error // why it could not be rendered
}

// Place names the file and line that set a part of a service, as the source of
// evidence: of the deepest part on the path whose line is known.
func (c Compose) Place(path ...string) string {
	for n := len(path); n > 0; n-- {
		if at := c.Places[strings.Join(path[:n], "/")]; at != "" {
			return "file:" + at
		}
	}
	return "compose"
}

// ComposeService is one service as the compose files render it.
type ComposeService struct {
	Name          string
	Service       Service // role; empty when it is not one of Supabase's
	Image         string
	ContainerName string
	Env           map[string]Secret
	DependsOn     map[string]string // compose service name to condition, e.g. service_healthy
	Ports         []Port
	Mounts        []Mount
	Restart       string
	HasHealth     bool     // it declares a health check
	Command       []string // entrypoint and arguments, where the files set them
	Aliases       []string // names that others of the stack know it by, besides its own two
	Optional      bool     // it is of a profile that .env does not select, or has no replicas
	Job           bool     // others wait for it to end: it is not meant to run on
}

// HostFacts is what is known of the machine and its Docker Engine.
type HostFacts struct {
	EngineID                            string // the engine's own, the same for life
	EngineVersion, APIVersion, OS, Arch string
	Local                               bool // the engine is on this machine, so files and disks below are its own
	Disks                               []Disk
	MemoryTotal, MemoryAvailable        uint64 // bytes; 0 when unknown
	Projects                            int    // Supabase instances on the engine
	Prunes                              []Prune
}

// Prune is a command that the host runs now and then and that removes volumes
// which no container uses.
type Prune struct {
	File    string // of cron, systemd, or a script that they run
	Line    int
	Command string
	Stopped bool // it removes containers that do not run first, and so frees their volumes
	Named   bool // it takes volumes with a name also where the engine by itself spares them
}

// Disk is the file system that holds something of the instance.
type Disk struct {
	Holds              string // "Docker's data", "the instance folder"
	Path               string
	Total, Free        uint64 // bytes; Free is what an unprivileged process may use
	Inodes, InodesFree uint64 // 0 when the file system does not count them
}

// Runs reports whether a container is up, or is on its way up again.
func (c Container) Runs() bool { return c.State == "running" || c.State == "restarting" }

// Fills reports whether a container is meant by s: by its role, or by its compose
// name when it has none.
func (c Container) Fills(s Service) bool {
	return s != "" && cmp.Or(c.Service, Service(c.ComposeService)) == s
}

// Container returns the container that fills the role s: a running one when
// there are several.
func (o *Observation) Container(s Service) (Container, bool) {
	found := Container{}
	for _, c := range o.Containers {
		if c.Service == s && (found.ID == "" || found.State != "running" && c.State == "running") {
			found = c
		}
	}
	return found, found.ID != ""
}

// Named returns the container of a service by its role or, for one that has none,
// by its compose name.
func (o *Observation) Named(s Service) (Container, bool) {
	if c, ok := o.Container(s); ok && s != "" {
		return c, true
	}
	if i := slices.IndexFunc(o.Containers, func(c Container) bool { return c.Fills(s) }); i >= 0 {
		return o.Containers[i], true
	}
	return Container{}, false
}

// Has reports whether the instance is meant to have the service s: its compose
// files say so or a container of that role exists.
func (o *Observation) Has(s Service) bool {
	if _, ok := o.Container(s); ok {
		return true
	}
	_, ok := o.Declared(s)
	return ok
}

// Declared returns the compose service that fills the role s: one that is meant
// to run when there are several.
func (o *Observation) Declared(s Service) (ComposeService, bool) {
	found := ComposeService{}
	for _, c := range o.Compose.Services {
		spare := c.Optional || c.Job
		if c.Service == s && (found.Name == "" || !spare && (found.Optional || found.Job)) {
			found = c
		}
	}
	return found, found.Name != ""
}

// Setting returns the value that the running container of s has for the
// variable key.
func (o *Observation) Setting(s Service, key string) (Secret, bool) {
	c, ok := o.Container(s)
	if !ok {
		return "", false
	}
	v, ok := c.Env[key]
	return v, ok
}
