package main

import (
	"bytes"
	"strings"
	"testing"
)

// What holds is told with where it comes from, and no secret with it.
func TestSettingsThatHold(t *testing.T) {
	t.Setenv("BASEWRIGHT_DATABASE", "postgres://ana:sesame-9f2@db.example.com:5433/basewright")
	t.Setenv(oidcSecret, "sesame-1c3")
	var out, wrong bytes.Buffer
	code := run(t.Context(), []string{"serve", "--show-settings", "--data", t.TempDir(), "--oidc-issuer", "https://login.example.com", "--oidc-client", "bw",
		"--public-url", "https://bw.example.com", "--oidc-role", "ops=operator", "--oidc-role", "bosses=admin"}, console{out: &out, err: &wrong})
	if code != exitOK {
		t.Fatalf("%d: %s", code, wrong.String())
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{"listen 127.0.0.1:3080 default", "database basewright at db.example.com:5433 as ana BASEWRIGHT_DATABASE", "public-url https://bw.example.com --public-url",
		"oidc-issuer https://login.example.com --oidc-issuer", "oidc-client bw --oidc-client", "oidc-secret ••• " + oidcSecret, "oidc-groups-claim groups default",
		"oidc-role bosses=admin ops=operator --oidc-role", "oidc-create-role - default", "trusted-proxy - default"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if strings.Contains(text, "sesame") {
		t.Errorf("it tells a secret:\n%s", out.String())
	}
}
