package supabase

import (
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

func TestKeys(t *testing.T) {
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	key, err := MintKey("anon", "secret-a", now)
	if err != nil {
		t.Fatal(err)
	}
	if !SignedBy(key, "secret-a") || SignedBy(key, "secret-b") || SignedBy("nonsense", "secret-a") {
		t.Error("the signature is not judged by the secret")
	}
	c, err := ReadKey(key)
	if err != nil || c.Role != "anon" || c.Issuer != "supabase" || !c.ExpiresAt.Equal(now.AddDate(5, 0, 0)) {
		t.Errorf("claims = %+v, %v", c, err)
	}
	if _, err := ReadKey("sb_publishable_x"); err == nil {
		t.Error("an opaque key was read as a token")
	}
	if _, err := MintKey("anon", "", now); err == nil {
		t.Error("a key was signed with an empty secret")
	}
	const none = core.Secret("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.")
	if SignedBy(none, "") || SignedBy(none, "secret-a") {
		t.Error("a token without a signature was accepted")
	}
}
