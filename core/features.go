package core

import (
	"cmp"
	"slices"
	"time"
)

// Features is what of an instance may change between two looks: by area
// ("image", "env:auth", "extension") and name, a value that tells whether it
// did. What may be secret is there as a fingerprint only.
type Features map[string]map[string]string

// Set notes one feature.
func (f Features) Set(area, name, value string) {
	if f[area] == nil {
		f[area] = map[string]string{}
	}
	f[area][name] = value
}

// Baseline is the features of an instance when it was last found healthy.
type Baseline struct {
	Diagnosis string    `json:"diagnosis"` // its ID
	At        time.Time `json:"at"`
	Features  Features  `json:"-"`
}

// SinceHealthy is what changed since an instance was last found healthy.
type SinceHealthy struct {
	Baseline *Baseline `json:"baseline,omitempty"` // nil when it was never seen healthy
	Changes  []Drift   `json:"changes"`
}

// Drift is a feature that is not what it was; empty means that there is none.
type Drift struct {
	Area string `json:"area"`
	Name string `json:"name"`
	Was  string `json:"was"`
	Now  string `json:"now"`
}

// Since returns what differs between two sets of features. An area that one of
// them lacks could not be looked at, which is no change.
func (f Features) Since(was Features) []Drift {
	changes := []Drift{}
	for area, now := range f {
		then, ok := was[area]
		if !ok {
			continue
		}
		for name, value := range now {
			if then[name] != value {
				changes = append(changes, Drift{area, name, then[name], value})
			}
		}
		for name, value := range then {
			if _, still := now[name]; !still {
				changes = append(changes, Drift{area, name, value, ""})
			}
		}
	}
	slices.SortFunc(changes, func(a, b Drift) int { return cmp.Or(cmp.Compare(a.Area, b.Area), cmp.Compare(a.Name, b.Name)) })
	return changes
}
