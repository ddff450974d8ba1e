package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/diagnose"
)

// TestAPluginIsACheck has a program find something about a stack that is well, and
// a playbook of a person's own mend its code.
func TestAPluginIsACheck(t *testing.T) {
	g := &global{dataDir: t.TempDir()}
	dir := filepath.Join(g.data(), "plugins")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r := record("shop")
	look := func(depth core.Depth) *core.Diagnosis {
		t.Helper()
		books := []core.Playbook{{ID: "renew", Fixes: []string{"EXT-TLS-EXPIRY"}}}
		d, err := g.look(t.Context(), r, nil, books, diagnose.Options{Depth: depth, Timeout: time.Minute, Total: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := look(core.Full); d.Status != core.Healthy {
		t.Fatalf("without a plugin: %s %v", d.Status, facts(d))
	}
	script := "#!/bin/sh\ngrep -q '\"project\":\"shop\"' && echo 'CRITICAL - it ends tomorrow' && exit 2\n"
	if err := os.WriteFile(filepath.Join(dir, "tls-expiry.sh"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	d := look(core.Full)
	if d.Status != core.Unhealthy || len(d.Findings) != 1 || len(d.RootCauses) != 1 {
		t.Fatalf("%s %v", d.Status, facts(d))
	}
	f := d.Findings[0]
	if f.Code != "EXT-TLS-EXPIRY" || f.Title != "tls-expiry: CRITICAL - it ends tomorrow" || f.Evidence[0].Source != "plugin:tls-expiry" {
		t.Errorf("%+v", f)
	}
	if len(f.Remedies) != 1 || f.Remedies[0].Playbook != "renew" {
		t.Errorf("remedies: %+v", f.Remedies)
	}
	if d := look(core.Quick); len(d.Findings) != 0 {
		t.Errorf("a quick look runs plugins: %v", facts(d))
	}
	broken := strings.Replace(script, "&& exit 2", "&& exit 3", 1)
	if err := os.WriteFile(filepath.Join(dir, "tls-expiry.sh"), []byte(broken), 0o755); err != nil {
		t.Fatal(err)
	}
	if d := look(core.Full); len(d.Unknowns) != 1 || !strings.Contains(d.Unknowns[0].Reason, "the plugin tls-expiry cannot tell") {
		t.Errorf("one that cannot tell: %s %+v", d.Status, d.Unknowns)
	}
}
