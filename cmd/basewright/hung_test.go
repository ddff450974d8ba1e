package main

import (
	"bytes"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// An engine that takes connections and never answers is told in one sentence.
func TestHungEngine(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // what it accepted, or did not, goes with it
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"doctor", "--docker-host", "unix://" + socket}, console{out: &out, err: &errs})
	said := strings.TrimSpace(errs.String())
	if code != exitNoSight || strings.Contains(said, "\n") || !strings.Contains(said, socket) || out.Len() > 0 {
		t.Errorf("exit code %d, said %q, printed %q", code, said, out.String())
	}
}

// An engine that is not there is said once, in every way of printing, and nothing
// is concluded of any stack.
func TestEngineDown(t *testing.T) {
	socket := "unix://" + filepath.Join(t.TempDir(), "nobody.sock")
	for output, row := range map[string]struct {
		code     int
		out, err string // how each begins
	}{
		"text":   {exitNoSight, "", "basewright: "},
		"json":   {exitNoSight, "", "basewright: "},
		"html":   {exitNoSight, "", "basewright: "},
		"nagios": {3, "SUPABASE UNKNOWN - ", ""},
	} {
		t.Run(output, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := run(t.Context(), []string{"doctor", "shop", "blog", "--output", output, "--docker-host", socket}, console{out: &out, err: &errs})
			said := out.String() + errs.String()
			if code != row.code || !strings.HasPrefix(out.String(), row.out) || !strings.HasPrefix(errs.String(), row.err) || strings.Count(said, "\n") != 1 || !strings.Contains(said, "nobody.sock") {
				t.Errorf("exit code %d, printed %q, complained %q", code, out.String(), errs.String())
			}
			if (row.out == "") != (out.Len() == 0) {
				t.Errorf("printed %q", out.String())
			}
		})
	}
}

// How long checks may take is refused in one sentence when it makes no sense.
func TestTimeoutFlags(t *testing.T) {
	for name, row := range map[string]struct {
		args []string
		want string
	}{
		"a check that is none": {[]string{"--check-timeout", "no.such=5s"}, "no.such"},
		"no duration":          {[]string{"--check-timeout", "database.catalog=fast"}, "database.catalog"},
		"no time at all":       {[]string{"--timeout", "0s"}, "--timeout"},
		"a day":                {[]string{"--total", "24h"}, "--total"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := run(t.Context(), append([]string{"doctor"}, row.args...), console{out: &out, err: &errs})
			if code != exitNoSight || !strings.Contains(errs.String(), row.want) || strings.Count(errs.String(), "\n") != 1 {
				t.Errorf("exit code %d, said %q", code, errs.String())
			}
		})
	}
}
