package core

import (
	"context"
	"path/filepath"
	"time"
)

// Aside is a file, a folder, the content of a mount, a database or a snapshot that
// was moved into quarantine instead of being deleted.
type Aside struct {
	ID       string     `json:"id"`                 // "<change>-<number>", or of the snapshot that was deleted
	Kind     AsideKind  `json:"kind,omitempty"`     // what it is, and with that who moves and purges it
	Snapshot string     `json:"snapshot,omitempty"` // beside which it lies, or that brings it back
	Instance string     `json:"instance"`
	Change   string     `json:"change"`
	Path     string     `json:"path,omitempty"`    // in the instance folder; or
	Service  Service    `json:"service,omitempty"` // of this service
	Mount    string     `json:"mount,omitempty"`   // what is mounted there in its container
	Why      string     `json:"why,omitempty"`
	Root     string     `json:"root"`             // folder of the host that holds both of (none of a database)
	Origin   string     `json:"origin"`           // where it was, relative to Root, and
	Place    string     `json:"place"`            // the folder where it is now
	Refill   bool       `json:"refill,omitempty"` // an empty folder takes its place, for containers to mount
	Size     int64      `json:"size"`             // bytes
	State    AsideState `json:"state"`
	At       time.Time  `json:"at"`
	Until    time.Time  `json:"until"` // from then on a person may want to purge it; nobody else does

	// Release is of Supabase, which the files of the instance tell of now that this
	// is back among them; the books follow. It is not kept.
	Release string `json:"release,omitempty"`
}

// AsideKind says what was set aside.
type AsideKind string

// The kinds beside the zero value, which is what a Shelf moved.
const (
	AsideFolder   AsideKind = "folder"   // of a volume that a restore replaced
	AsideDatabase AsideKind = "database" // that a restore replaced, under another name
	AsideFiles    AsideKind = "files"    // that were found otherwise, beside a snapshot
	AsideSnapshot AsideKind = "snapshot" // that a person deleted
)

// AsideState says where what was set aside is.
type AsideState string

const (
	Kept     AsideState = "kept"     // in quarantine
	Restored AsideState = "restored" // back where it was
	Purged   AsideState = "purged"   // deleted by a person
)

// From returns where it was: a place on the host, or the name of a database.
func (a Aside) From() string {
	if a.Kind == AsideDatabase {
		return "database " + a.Origin
	}
	if filepath.IsAbs(a.Origin) { // it is kept elsewhere than beside where it was
		return a.Origin
	}
	return filepath.Join(a.Root, a.Origin)
}

// In returns where it is, likewise.
func (a Aside) In() string {
	if a.Kind == AsideDatabase {
		return "database " + a.Place
	}
	return filepath.Join(a.Root, a.Place)
}

// Shelf moves things into quarantine and back, within one file system, so that
// each is whole in one of the two places whatever happens.
type Shelf interface {
	// Locate finds what Path, or Service and Mount, of a name, and says where it
	// would go. It touches nothing. What a running container or another instance
	// uses is a core.Conflict.
	Locate(ctx context.Context, a Aside) (Aside, error)
	// SetAside moves what Locate found. Doing it twice does no harm. With stop,
	// containers of the instance that use it are stopped first; without, they
	// are a core.Conflict.
	SetAside(ctx context.Context, a Aside, stop bool) error
	// PutBack moves it back. What is in its place by now is kept in quarantine
	// instead. It takes stop as SetAside does. Doing it twice does no harm.
	PutBack(ctx context.Context, a Aside, stop bool) error
	// Purge deletes what is in quarantine. No plan can.
	Purge(ctx context.Context, a Aside) error
}
