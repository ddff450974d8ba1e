package core

import "time"

// Event tells whoever watches a change how far it is. It holds no secret.
type Event struct {
	Change   string      `json:"change"`
	Instance string      `json:"instance"`
	At       time.Time   `json:"at"`
	State    ChangeState `json:"state"`
	Step     string      `json:"step,omitempty"` // as in the journal; empty when only the state changed
	Outcome  string      `json:"outcome,omitempty"`
	Done     int         `json:"done"`  // actions done
	Total    int         `json:"total"` // actions of the plan

	Part  string `json:"part,omitempty"` // what a long step is at: "dump database postgres"
	Bytes int64  `json:"bytes,omitempty"`
	Of    int64  `json:"of,omitempty"` // bytes, estimated; 0 when unknown
}
