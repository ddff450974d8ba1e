package checks

import (
	"bytes"
	"cmp"
	"crypto/aes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/basewright/basewright/core"
)

// staleTenant compares the digest of the secret in realtime's row with that of
// the secret that realtime would write there now. Where it does so at every
// start, and is well, the row is left alone: it may be encrypted in another way.
func staleTenant(t core.Target, rows [][]string) []core.Finding {
	c, ok := t.Container(core.Realtime)
	key, secret := c.Env["DB_ENC_KEY"], c.Env["API_JWT_SECRET"]
	seeds := c.Env["SEED_SELF_HOST"] == "true"
	if !ok || c.State != "running" || c.Env["DB_ENC_KEY_GCM"] != "" || secret == "" || seeds && c.Health != "unhealthy" {
		return nil
	}
	want, ok := sealed(key, secret)
	name := tenantOf(c)
	i := slices.IndexFunc(rows, func(r []string) bool { return r[0] == name })
	if !ok || i < 0 || rows[i][1] == "" || rows[i][1] == want {
		return nil
	}
	return fault(core.Realtime,
		evidence("sql:_realtime.tenants", fmt.Sprintf("the row of %s, of %s, holds another JWT secret", clip(name), clip(rows[i][2]))),
		evidence("env:realtime", "API_JWT_SECRET has the "+fingerprint(t, secret)+fmt.Sprintf("; SEED_SELF_HOST=true is set: %v", seeds)))
}

// tenantOf is the tenant that realtime makes for the stack.
func tenantOf(rt core.Container) string {
	return cmp.Or(rt.Env["SELF_HOST_TENANT_NAME"].Reveal(), "realtime-dev")
}

// sealed returns the SHA-256 of what realtime stores of a secret: AES-128 in ECB
// mode with PKCS #7 padding, in base64. Source: supabase/realtime, crypto.ex.
func sealed(key, secret core.Secret) (digest string, ok bool) {
	block, err := aes.NewCipher([]byte(key.Reveal()))
	if err != nil || len(key) != aes.BlockSize {
		return "", false
	}
	pad := aes.BlockSize - len(secret)%aes.BlockSize
	text := append([]byte(secret.Reveal()), bytes.Repeat([]byte{byte(pad)}, pad)...)
	for i := 0; i < len(text); i += aes.BlockSize {
		block.Encrypt(text[i:], text[i:i+aes.BlockSize])
	}
	sum := sha256.Sum256([]byte(base64.StdEncoding.EncodeToString(text)))
	return hex.EncodeToString(sum[:]), true
}

// youngKeyVolume compares when the cluster was made with when the volume was
// that holds its root key.
func youngKeyVolume(t core.Target, rows [][]string) []core.Finding {
	db, _ := t.Container(core.DB)
	seconds, err := strconv.ParseInt(rows[0][0], 10, 64)
	if err != nil {
		return nil
	}
	made := time.Unix(seconds, 0)
	for _, m := range db.Mounts {
		if m.Target != "/etc/postgresql-custom" || m.CreatedAt.IsZero() || m.CreatedAt.Sub(made) < 24*time.Hour {
			continue
		}
		return advice(core.DB,
			evidence("volume:"+m.Name, "it was made at "+m.CreatedAt.UTC().Format(time.RFC3339)),
			evidence("sql:pg_stat_file", "the database's files were made at "+made.UTC().Format(time.RFC3339)))
	}
	return nil
}
