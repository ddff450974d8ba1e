package docker

import (
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
)

// A list is made of text that anybody could have written, and lacks what it likes.
func TestOutlineOfStrangers(t *testing.T) {
	for name, row := range map[string]struct {
		listed  container.Summary
		service string
	}{
		"nothing at all":        {container.Summary{}, ""},
		"labels of 64 KiB":      {container.Summary{Names: []string{"/" + strings.Repeat("n", 64<<10)}, Labels: map[string]string{serviceLabel: strings.Repeat("db", 32<<10), projectLabel: "x"}}, ""},
		"a service of upstream": {container.Summary{Names: []string{"/shop-db"}, Image: "supabase/postgres:15", Labels: map[string]string{serviceLabel: "db"}}, "db"},
		"a one-off container":   {container.Summary{Image: "supabase/postgres:15", Labels: map[string]string{serviceLabel: "db", oneoffLabel: "True"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if c := outline(row.listed); string(c.Service) != row.service || len(c.Networks) != 0 || len(c.Ports) != 0 {
				t.Errorf("got service %q", c.Service)
			}
		})
	}
}
