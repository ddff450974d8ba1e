package core

import "time"

// Status says how well an instance is.
type Status string

const (
	Healthy   Status = "healthy"
	Degraded  Status = "degraded"  // warnings, or a non-critical service
	Unhealthy Status = "unhealthy" // a critical finding
	Unknown   Status = "unknown"   // could not look; silence is not health
)

// Trigger says what asked for a diagnosis.
type Trigger string

const (
	ByHand     Trigger = "manual"
	BySchedule Trigger = "schedule"
	ByVerify   Trigger = "verify"
	ByCLI      Trigger = "cli"
)

// Diagnosis is one look at one instance.
type Diagnosis struct {
	ID         string                      `json:"id"`
	InstanceID string                      `json:"instance_id"`
	Project    string                      `json:"project"`
	Timestamp  time.Time                   `json:"timestamp"`
	DurationMS int64                       `json:"duration_ms"`
	Mode       Depth                       `json:"mode"`
	Trigger    Trigger                     `json:"trigger"`
	Status     Status                      `json:"status"`
	Results    map[Category]CategoryResult `json:"results"`
	Findings   []Finding                   `json:"findings"`
	RootCauses []string                    `json:"root_causes"`
	Unknowns   []Unknowable                `json:"unknown"`
	Services   []Service                   `json:"services,omitempty"` // that have a container, however it is

	// Since is what changed since it was last healthy; nil when nobody compared.
	Since *SinceHealthy `json:"since_healthy,omitempty"`
}

// CategoryResult sums up one category.
type CategoryResult struct {
	Healthy    bool     `json:"healthy"`
	Status     string   `json:"status"` // "ok", "1 critical", "unknown: …"
	Issues     []string `json:"issues"`
	DurationMS int64    `json:"duration_ms"`
}

// Unknowable is a check, or a part of the observation, that could not look.
type Unknowable struct {
	Check    string   `json:"check"`
	Category Category `json:"category,omitempty"`
	Reason   string   `json:"reason"`
}

// Finds reports whether d holds a finding with the code.
func (d *Diagnosis) Finds(code string) bool {
	for _, f := range d.Findings {
		if f.Code == code {
			return true
		}
	}
	return false
}
