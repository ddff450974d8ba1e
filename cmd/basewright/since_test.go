package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
	"github.com/basewright/basewright/core/diagnose"
	"github.com/basewright/basewright/core/store"
)

// TestSinceHealthy spoils a stack that was seen healthy and wants each change by
// name, and no secret anywhere in the state.
func TestSinceHealthy(t *testing.T) {
	const old, fresh = "hunter2hunter2hunter2", "hunter3hunter3hunter3"
	dir := t.TempDir()
	s, err := store.Open(filepath.Join(dir, "basewright.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	r := record("shop")
	version, digest := "1.0", "aa"
	r.Databases["postgres"] = func(sql string) ([][]string, error) {
		if !strings.Contains(sql, "'role password'") {
			return nil, nil
		}
		return [][]string{{"extension", "pg_net", version}, {"role", "authenticator", "login"}, {"role password", "authenticator", digest}}, nil
	}
	auth := &r.Containers[1]
	auth.Env["GOTRUE_JWT_SECRET"] = old
	look := func() *core.Diagnosis {
		t.Helper()
		d, err := (&global{dataDir: t.TempDir()}).lookSince(t.Context(), r, s, nil, diagnose.Options{Timeout: time.Minute, Total: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	first := look()
	if first.Status != core.Healthy || first.Since.Baseline != nil {
		t.Fatalf("got %s %v, %+v", first.Status, facts(first), first.Since)
	}
	if again := look(); again.Since.Baseline == nil || len(again.Since.Changes) != 0 {
		t.Fatalf("without a change: %+v", again.Since)
	}
	r.Edit(func(*coretest.Engine) {
		auth.Env["GOTRUE_JWT_SECRET"] = fresh
		auth.Image = "supabase/gotrue:v9"
		version, digest = "1.1", "bb"
		r.fill()
	})
	d := look()
	var out bytes.Buffer
	printSince(&console{out: &out}, d)
	text, _ := json.Marshal(d)
	for _, want := range []string{"image auth", "env:auth GOTRUE_JWT_SECRET", "extension pg_net: 1.1, was 1.0", "role password authenticator", "disk /: "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not told:\n%s", want, out.String())
		}
	}
	if d.Status != core.Unhealthy || d.Since.Baseline == nil {
		t.Errorf("got %s, %+v", d.Status, d.Since)
	}
	look() // what is not healthy is not remembered
	if b, err := s.Baseline(t.Context(), "shop"); err != nil || b.Features["extension"]["pg_net"] != "1.0" {
		t.Errorf("the baseline is %+v, %v", b.Features["extension"], err)
	}
	s.Close()
	for _, name := range []string{"basewright.db", "basewright.db-wal"} {
		data, _ := os.ReadFile(filepath.Join(dir, name))
		text = append(text, data...)
	}
	for _, secret := range []string{old, fresh} {
		if bytes.Contains(append(text, out.Bytes()...), []byte(secret)) {
			t.Errorf("%s is told or stored", secret)
		}
	}
}
