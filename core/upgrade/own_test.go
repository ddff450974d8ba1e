package upgrade

import (
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// TestContained: the copy of a rehearsal must not work on what is the original's.
func TestContained(t *testing.T) {
	for name, tt := range map[string]struct {
		own     Own
		refuses string // what the sentence names, or ""
	}{
		"routes and limits":       {Own{Files: map[string]string{"volumes/api/kong.yml": "x"}, Env: map[string]core.Secret{"JWT_EXPIRY": "60", "SMTP_HOST": "mail"}}, ""},
		"a compose file":          {Own{Files: map[string]string{"docker-compose.yml": "x"}}, "docker-compose.yml"},
		"an overlay":              {Own{Files: map[string]string{"docker-compose.override.yml": "x"}}, "docker-compose.override.yml"},
		"a database of elsewhere": {Own{Env: map[string]core.Secret{"POSTGRES_HOST": "10.0.0.9"}}, "POSTGRES_HOST"},
		"a bucket of elsewhere":   {Own{Env: map[string]core.Secret{"GLOBAL_S3_BUCKET": "photos"}}, "GLOBAL_S3_BUCKET"},
	} {
		t.Run(name, func(t *testing.T) {
			err := tt.own.Contained("shop")
			if (err != nil) != (tt.refuses != "") || err != nil && !strings.HasPrefix(err.Error(), tt.refuses+" of shop") {
				t.Errorf("%v", err)
			}
		})
	}
}
