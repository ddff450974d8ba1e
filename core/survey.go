package core

import "net/netip"

// Survey is what is taken on a host: a new instance must stay clear of it.
type Survey struct {
	EngineID   string
	Local      bool                    // the engine is on this machine, so ports and disks below are its own
	Ports      map[int]string          // published host port to the container that has it, running or not
	Networks   map[netip.Prefix]string // subnet to what has it: a network of the engine or an interface of the host
	Containers map[string]string       // name to its compose project, empty for none
	Projects   map[string]string       // compose project to something that it left: "container shop-db", "volume shop_db-config"

	Disk            Disk   // that holds the engine's data; zero when unknown
	MemoryAvailable uint64 // bytes; 0 when unknown
}

// Reservation keeps something of the host for one instance, so that two
// creations at once do not choose the same.
type Reservation struct {
	Kind     string // "port" or "subnet"
	Value    string
	Instance string
}

// Kinds of reservations.
const (
	PortReservation   = "port"
	SubnetReservation = "subnet"
)
