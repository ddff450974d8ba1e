package core_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// TestMaskLooks plants secrets where services have printed them, and wants what
// is harmless left alone.
func TestMaskLooks(t *testing.T) {
	for in, want := range map[string]string{
		`parse "postgres://admin:p@ss/word@db:5432/postgres": invalid port`: `parse "postgres://admin:•••@db:5432/postgres": invalid port`,
		`parse "postgres://admin:hunter2/x": bad`:                           `parse "postgres://admin:•••": bad`,
		`https://ana:hunter2@example.com/x`:                                 `https://ana:•••@example.com/x`,
		`to http://localhost:18000/x?mail=a@b.c done`:                       `to http://localhost:18000/x?mail=a@b.c done`,
		`http://10.0.0.4:9999/settings`:                                     `http://10.0.0.4:9999/settings`,
		`key eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.c2ln rejected`:       `key ••• rejected`,
		`DB_PASSWORD=hunter2 next`:                                          `DB_PASSWORD=••• next`,
		`SECRET_KEY_BASE=hunter2`:                                           `SECRET_KEY_BASE=•••`,
		`{"apikey":"abc","x":1}`:                                            `{"apikey":"•••","x":1}`,
		`{"password":"two words","x":1}`:                                    `{"password":"•••","x":1}`,
		`said {\"password\":\"hunter2\"}`:                                   `said {\"password\":\"•••\"}`,
		`ALTER USER x PASSWORD 'it''s'; next`:                               `ALTER USER x PASSWORD '•••'; next`,
		`Authorization: Bearer abcdefghijkl`:                                `Authorization: Bearer •••`,
		`sb_secret_abc_def used`:                                            `••• used`,
		`GET /verify?token=abc123&type=signup`:                              `GET /verify?token=•••&type=signup`,
		`{"refresh_token":"abc"}`:                                           `{"refresh_token":"•••"}`,
		`the token: abcdefghij0123456789 ends`:                              `the token: ••• ends`,
		`{"token": "abc"}`:                                                  `{"token": "•••"}`,
		`Invalid Refresh Token: Refresh Token Not Found`:                    `Invalid Refresh Token: Refresh Token Not Found`,
		`nothing to hide here: all is = well`:                               `nothing to hide here: all is = well`,
		`password: ${POSTGRES_PASSWORD}`:                                    `password: ${POSTGRES_PASSWORD}`,
		`postgres://admin:${POSTGRES_PASSWORD}@db/postgres`:                 `postgres://admin:${POSTGRES_PASSWORD}@db/postgres`,
		`postgresql://${POSTGRES_HOST}:${POSTGRES_PORT}/_supabase`:          `postgresql://${POSTGRES_HOST}:${POSTGRES_PORT}/_supabase`,
		`postgres://admin:${A}hunter2/x`:                                    `postgres://admin:•••`,
		`password: ${POSTGRES_PASSWORD:-hunter2}`:                           `password: •••`,
		`password: ${PASSWORD:-}`:                                           `password: ${PASSWORD:-}`,
		`password: ${PASSWORD:-${OTHER}}`:                                   `password: ${PASSWORD:-${OTHER}}`,
		`apikey: $SUPABASE_ANON_KEY`:                                        `apikey: $SUPABASE_ANON_KEY`,
		`rolpassword md5d41d8cd98f00b204e9800998ecf8427e.`:                  `rolpassword •••.`,
		`SCRAM-SHA-256$4096:abc$def:ghi is kept`:                            `••• is kept`,
		"-----BEGIN RSA PRIVATE KEY-----\nMIIB/+=\nend":                     "•••",
		`md5 of nothing is short`:                                           `md5 of nothing is short`,
	} {
		if got := core.MaskLooks(in); got != want {
			t.Errorf("MaskLooks(%q)\n got %q\nwant %q", in, got, want)
		}
	}
}

// planted are passwords that somebody may have.
var planted = []string{"Hunter2-Hunter2", `q"uo\te<&>'s`, "pl4nted+s3cret/value=42", "ünï-côdé päss", "it's$$a$dollar9", "abcd", "12345", strings.Repeat("Long0", 400), strings.Repeat("Huge1-", 20_000)}

// TestMaskForms wants a known secret hidden in every form in which it travels.
func TestMaskForms(t *testing.T) {
	for _, secret := range planted {
		m := core.NewMask(&core.Observation{Env: core.EnvFile{Vars: []core.EnvVar{{Key: "POSTGRES_PASSWORD", Value: core.Secret(secret)}}}})
		inJSON, _ := json.Marshal(map[string]string{"message": "it is " + secret + "!"})
		twice, _ := json.Marshal(string(inJSON))
		var plain bytes.Buffer
		enc := json.NewEncoder(&plain)
		enc.SetEscapeHTML(false)
		enc.Encode("it is " + secret + "!")
		for name, text := range map[string]string{
			"as it is":           "the value " + secret + " is refused; " + secret,
			"alone":              secret,
			"in a URL":           (&url.URL{Scheme: "postgres", User: url.UserPassword("ana", secret), Host: "db:5432", Path: "/x"}).String(),
			"in a query":         "/x?" + url.Values{"q": {secret}}.Encode(),
			"escaped small":      strings.ToLower("%2f") + " " + url.QueryEscape(secret),
			"in JSON":            string(inJSON),
			"in JSON in JSON":    string(twice),
			"in JSON, as node":   plain.String(),
			"in Go's quotes":     fmt.Sprintf("%q", "parse "+secret),
			"in SQL":             "alter role x with password '" + strings.ReplaceAll(secret, "'", "''") + "'",
			"in a .env":          `X="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`).Replace(secret) + `"`,
			"in compose":         "x: " + strings.ReplaceAll(secret, "$", "$$"),
			"in base64":          "Authorization " + base64.StdEncoding.EncodeToString([]byte("ana:"+secret)),
			"in base64, for URL": base64.RawURLEncoding.EncodeToString([]byte("a:" + secret + ":b")),
			"in hexadecimal":     fmt.Sprintf("%x", secret),
		} {
			if len(secret) < 8 && (strings.Contains(name, "base64") || strings.Contains(name, "hexa")) {
				continue // its digits cannot be told from others
			}
			if len(secret) > 4096 && (strings.Contains(name, "base64") || strings.Contains(name, "hexa")) {
				text = text[:1000] // all that any output shows of it
			}
			got := m.Text(text)
			digits := strings.TrimRight(base64.RawStdEncoding.EncodeToString([]byte(secret)), "=")
			for _, form := range []string{secret[:min(len(secret), 128)], digits[:min(len(digits), 128)]} {
				if strings.Contains(got, form) {
					t.Errorf("%.20s %s: %.200s", secret, name, got)
				}
			}
			if !strings.Contains(got, "•••") {
				t.Errorf("%.20s %s is not masked: %.200s", secret, name, got)
			}
		}
	}
}

// TestMaskKnows wants to know what may be secret in an environment, and to leave
// words alone that every text holds.
func TestMaskKnows(t *testing.T) {
	m := core.NewMask(&core.Observation{
		Env: core.EnvFile{Vars: []core.EnvVar{
			{Key: "POSTGRES_PASSWORD", Value: "postgres"}, {Key: "POSTGRES_HOST", Value: "db.internal1"},
			{Key: "JWT_EXPIRY", Value: "36000"}, {Key: "SITE_URL", Value: "http://localhost:3000"}, {Key: "POOLER_TENANT_ID", Value: "tenant-0815"},
			{Key: "SMTP_ADMIN_EMAIL", Value: "admin1@example.com"}, {Key: "MY_SETTING", Value: "x9-Odd-Value"}, {Key: "SHORT_PASS", Value: "abc1"},
			{Key: "ENABLE_PHONE_SIGNUP", Value: "true"}, {Key: "GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRED", Value: "truely1"},
		}},
		Containers: []core.Container{{Env: map[string]core.Secret{"PGRST_DB_URI": "postgres://u:p@ss/w0rd@db:5432/x", "PATH": "/usr/bin:/bin", "PEM_KEY": "-----BEGIN X-----\nAAAABBBBCCCCDDDDEEEE\n"}}},
		Compose:    core.Compose{Services: []core.ComposeService{{Env: map[string]core.Secret{"SECRET_KEY_BASE": "fromCompose9"}}}},
	})
	for in, want := range map[string]string{
		"database postgres of postgres":            "database postgres of postgres",
		"db.internal1 36000 http://localhost:3000": "db.internal1 36000 http://localhost:3000",
		"tenant-0815 admin1@example.com true":      "tenant-0815 admin1@example.com true",
		"truely1 /usr/bin:/bin":                    "truely1 /usr/bin:/bin",
		"x9-Odd-Value":                             "•••",
		"abc1 and xabc1x":                          "••• and xabc1x",
		"p@ss/w0rd fails":                          "••• fails",
		"fromCompose9fromCompose9":                 "•••",
		"read AAAABBBBCCCCDDDDEEEE of the key":     "read ••• of the key",
		"ends with fromCompose":                    "ends with fromCompose",
	} {
		if got := m.Text(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// TestMaskErr wants an error that keeps its code and what it is, and says and
// unwraps to no secret.
func TestMaskErr(t *testing.T) {
	m := core.NewMask(nil)
	m.Add("Hunter2-Hunter2")
	cause := errors.New("cause")
	err := m.Err(&core.Error{Code: core.Conflict, Message: "no Hunter2-Hunter2", Err: cause})
	if err.Error() != "no •••: cause" && err.Error() != "no •••" || core.CodeOf(err) != core.Conflict || !errors.Is(err, cause) || errors.Unwrap(err) != nil {
		t.Errorf("%v, code %s, unwraps to %v", err, core.CodeOf(err), errors.Unwrap(err))
	}
	if m.Err(nil) != nil || (&core.Mask{}).Text("harmless") != "harmless" {
		t.Error("nothing is masked")
	}
}

// BenchmarkMask looks for the values of a whole stack in an ordinary line.
func BenchmarkMask(b *testing.B) {
	m := core.NewMask(nil)
	for i := range 40 {
		m.Add(core.Secret(fmt.Sprintf("%02d-secret-Value-%d", i*7, i)))
	}
	line := strings.Repeat(`{"component":"api","duration":28350251,"level":"info","method":"GET","msg":"request completed","path":"/admin/users"}`, 3)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		m.Text(line)
	}
}
