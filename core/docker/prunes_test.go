package docker

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestScheduledPrunes(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"etc/crontab":                        "# docker system prune --volumes\n0 3 * * * root docker system prune -af --volumes >> /var/log/x 2>&1\n",
		"etc/cron.d/safe":                    "0 3 * * * root docker system prune -af; docker image prune -a --volumes; docker volume ls\n",
		"etc/cron.d/elsewhere":               "0 3 * * * root docker -H ssh://other volume prune -f; docker -c other volume prune -f\n",
		"etc/cron.d/labelled":                "0 3 * * * root docker volume prune -f --filter label=ci\n",
		"etc/cron.hourly/clean":              "#!/bin/sh\nset -e\nTOKEN=geheim docker -H unix:///run/docker.sock volume prune -af && echo geheim\n",
		"etc/cron.monthly/long":              "#!/bin/sh\n# docker volume prune \\\n# -f\n\ndocker --context default system prune \\\n  -af \\\n  --volumes\necho --volumes\n",
		"etc/cron.d/unlabelled":              "0 3 * * * root docker volume prune -f --filter label!=keep\n",
		"etc/cron.daily/docker":              "#!/bin/sh\n\n/usr/bin/docker volume prune --force\n",
		"var/spool/cron/crontabs/ana":        "@weekly bash -c 'docker volume prune -f --filter all=1'",
		"etc/systemd/system/clean.service":   "[Service]\nExecStart=/usr/bin/docker system prune --force --volumes\n",
		"etc/systemd/system/clean.timer":     "[Timer]\nOnCalendar=daily\n",
		"etc/systemd/system/by-hand.service": "[Service]\nExecStart=/usr/bin/docker system prune --force --volumes\n",
		"etc/cron.weekly/large":              "docker volume prune -f\n" + strings.Repeat("x", maxSchedule),
		"etc/cron.d/nested/docker":           "0 3 * * * root docker volume prune -f\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, p := range scheduledPrunes(root) {
		got = append(got, fmt.Sprintf("%s:%d %s stopped=%t named=%t", p.File, p.Line, p.Command, p.Stopped, p.Named))
	}
	want := []string{
		"/etc/crontab:2 docker system prune -af --volumes stopped=true named=false",
		"/etc/cron.d/unlabelled:1 docker volume prune -f --filter label!=keep stopped=false named=false",
		"/etc/cron.hourly/clean:3 docker -H unix:///run/docker.sock volume prune -af stopped=false named=true",
		"/etc/cron.daily/docker:3 docker volume prune --force stopped=false named=false",
		"/etc/cron.monthly/long:5 docker --context default system prune -af --volumes stopped=true named=false",
		"/var/spool/cron/crontabs/ana:1 docker volume prune -f --filter all=1 stopped=false named=true",
		"/etc/systemd/system/clean.service:2 docker system prune --force --volumes stopped=true named=false",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("it found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	many := filepath.Join(root, "etc/crontab")
	if err := os.WriteFile(many, []byte(strings.Repeat("docker volume prune -f;", 2000)), 0o644); err != nil {
		t.Fatal(err)
	}
	if n := len(scheduledPrunes(root)); n != maxPrunes {
		t.Errorf("of two thousand it shows %d", n)
	}
	if err := os.Remove(many); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/proc/kmsg", many); err != nil { // which is regular, empty, and never ends
		t.Fatal(err)
	}
	if n := len(scheduledPrunes(root)); n != len(want)-1 {
		t.Errorf("beside one that cannot be read it shows %d", n)
	}
}
