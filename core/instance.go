package core

import (
	"regexp"
	"strings"
)

// Instance is one self-hosted Supabase stack: one Compose project on one Docker
// Engine.
type Instance struct {
	ID      string   `json:"id"`                 // slug, fixed for life
	Name    string   `json:"name"`               // for people; may change
	Project string   `json:"project"`            // Compose project name
	Dir     string   `json:"dir"`                // Compose working directory on the host, from the containers' labels
	Files   []string `json:"files"`              // Compose files in order, absolute
	EnvFile string   `json:"env_file,omitempty"` // file with the variables, absolute; empty means .env in Dir
	Origin  Origin   `json:"origin"`
	Mode    Mode     `json:"mode"`
	Release string   `json:"release,omitempty"` // Supabase release, when it can be told
	Tags    []string `json:"tags,omitempty"`    // words of people, to find and group instances by
}

// Origin says who made an instance.
type Origin string

const (
	Created Origin = "created" // by Basewright
	Adopted Origin = "adopted" // found running
)

// Mode says what may be done to an instance.
type Mode string

const (
	Observe Mode = "observe" // read only
	Control Mode = "control" // also change
)

// Controlled refuses an instance that is only observed: it may neither be changed
// nor snapshotted.
func (i Instance) Controlled() error {
	if i.Mode != Observe {
		return nil
	}
	return &Error{Code: Forbidden, Message: i.ID + " is only observed", Hint: "switch it to control first"}
}

var validID = regexp.MustCompile(`^[a-z][a-z0-9-]{1,38}[a-z0-9]$`)

// ValidID reports whether id may name an instance.
func ValidID(id string) bool { return validID.MatchString(id) }

var notSlug = regexp.MustCompile(`[^a-z0-9]+`)

// Slug makes an instance ID of a Compose project name, which may hold
// underscores, begin with a digit, or be one character long.
func Slug(project string) string {
	s := strings.Trim(notSlug.ReplaceAllString(strings.ToLower(project), "-"), "-")
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		s = "s-" + s
	}
	if len(s) > 40 {
		s = strings.TrimRight(s[:40], "-")
	}
	for len(s) < 3 {
		s += "0"
	}
	return s
}
