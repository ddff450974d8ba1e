package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/store"
)

func TestAuditUsed(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	s, err := store.Open(filepath.Join(data, "basewright.db"))
	if err != nil {
		t.Fatal(err)
	}
	e := core.AuditEntry{At: time.Now(), Actor: "user:ana", Action: "change.end", Instance: "shop", Outcome: "ok",
		Detail: "change C: committed: new keys; JWT_SECRET " + s.Key().Of("fresh") + ", was " + s.Key().Of("leaked")}
	if err := s.Append(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for secret, want := range map[string]string{
		"leaked\n": "JWT_SECRET", "fresh": "JWT_SECRET", "another": "no change put it into a .env or took it out of one",
		"\n": "standard input holds no secret",
	} {
		var out, errs bytes.Buffer
		run(context.Background(), []string{"--data", data, "audit", "used"}, console{out: &out, err: &errs, in: strings.NewReader(secret)})
		if said := out.String() + errs.String(); !strings.Contains(said, want) {
			t.Errorf("%q: %s", secret, said)
		}
	}
}
