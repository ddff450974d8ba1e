package core

import "time"

// Snapshot is a verified copy of part of an instance at one moment.
type Snapshot struct {
	ID        string    `json:"id"`
	Instance  string    `json:"instance"`
	Scope     Scope     `json:"scope"`
	Reason    string    `json:"reason"` // "before change <id>", "manual"
	Path      string    `json:"path"`
	Size      int64     `json:"size"`   // bytes on disk
	SHA256    string    `json:"sha256"` // of the archive; with data, of the manifest
	Created   time.Time `json:"created"`
	Encrypted bool      `json:"encrypted,omitempty"`
	Proof     Proof     `json:"proof"`
}

// Holds reports whether the snapshot has the parts of scope.
func (s Snapshot) Holds(scope Scope) bool {
	return s.Scope == scope || s.Scope == FullScope || scope == ConfigScope
}

// Proof is what is known of a snapshot's worth: how far the last look at it went,
// and what it found.
type Proof struct {
	Level  ProofLevel `json:"level"`
	At     time.Time  `json:"at"`               // of the last look; when it was taken, it was read back
	RTO    Span       `json:"rto_ms,omitempty"` // how long the drill took to bring the data back
	Detail string     `json:"detail,omitempty"`
}

// ProofLevel is how far a snapshot was tried. Only a drill proves one.
type ProofLevel string

const (
	Damaged  ProofLevel = "damaged"  // it cannot be restored; Detail says why
	Exists   ProofLevel = "exists"   // its files are there
	Readable ProofLevel = "readable" // every byte was read and every hash matches
	Proven   ProofLevel = "proven"   // it was restored into a throwaway database and looked at
)
