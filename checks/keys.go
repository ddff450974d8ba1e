package checks

import (
	"context"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

func init() {
	register(core.Checker{
		ID: "keys.verify", Title: "The API keys are signed with the secret that every verifier holds, and are accepted",
		Category: core.AuthService, Check: keysVerify,
		Finds: []core.Explanation{
			{
				Code: "REST-02", Title: "API keys and JWT secret do not belong together", Severity: core.Critical, SymptomOf: []string{"DK-05"},
				What:   "ANON_KEY or SERVICE_ROLE_KEY is not signed with the secret that a service verifies it with, or services hold different secrets.",
				Breaks: "Requests pass the gateway and are then rejected with 401 or 403.",
				Do:     "Sign both keys anew with the JWT secret and recreate every service that holds them.",
				Data:   "No data is at risk; clients need the new keys.", Sources: "supabase/supabase#17164, #35459",
			},
			{
				Code: "ST-10", Title: "Storage verifies with another secret than the rest of the stack", Severity: core.Warning, SymptomOf: []string{"DK-05"},
				What:   "The API keys are signed with the secret that every other service holds; storage holds another.",
				Breaks: "Storage answers 400 or 403 to requests that the gateway let through.",
				Do:     "Recreate storage with the stack's JWT secret (playbook recreate-stale-containers).",
				Data:   "No data is at risk.",
			},
			{
				Code: "REST-03", Title: "An API key has expired", Severity: core.Critical,
				What:   "The key's exp lies in the past.",
				Breaks: "Every request with it is answered with 401.", Do: "Sign a new key with the same secret, recreate the services, and give it to clients.",
				Data: "No data is at risk.",
			},
			{
				Code: "SEC-19", Title: "ANON_KEY and SERVICE_ROLE_KEY are swapped", Severity: core.Critical,
				What:   "The key that is handed to browsers has the role service_role, which bypasses row level security.",
				Breaks: "Anybody with the public key can read and write everything.", Do: "Swap the two, and rotate the JWT secret, since the service key has been public.",
				Data: "Data may have been read or changed by anybody.", Sources: "supabase/supabase#9815",
			},
		},
	})
}

// secretHolders are the variables that hold what a service verifies keys with.
var secretHolders = []struct {
	service  core.Service
	variable string
}{
	{core.Auth, "GOTRUE_JWT_SECRET"},
	{core.Rest, "PGRST_JWT_SECRET"},
	{core.Realtime, "API_JWT_SECRET"},
	{core.Storage, "AUTH_JWT_SECRET"},
	{core.Storage, "PGRST_JWT_SECRET"},
	{core.Functions, "JWT_SECRET"},
}

func keysVerify(ctx context.Context, t core.Target) ([]core.Finding, error) {
	gw, _ := t.Container(core.Gateway)
	h := gatewayKeys(t, gw)
	keys := []namedKey{{"ANON_KEY", "anon", h.gateway.anon}, {"SERVICE_ROLE_KEY", "service_role", h.gateway.service}}
	found := keyClaims(t, keys)
	f := core.Finding{Code: "REST-02", Service: core.Gateway}
	for _, k := range keys {
		mismatches(t, k, &f)
	}
	refused, err := accepted(ctx, t, h)
	for _, r := range refused {
		f.Affects, f.Evidence = append(f.Affects, r.Affects...), append(f.Evidence, r.Evidence...)
	}
	if len(f.Affects) > 0 {
		slices.Sort(f.Affects)
		f.Affects = slices.Compact(f.Affects)
		f.Service = f.Affects[0]
		if len(f.Affects) == 1 && f.Service == core.Storage {
			f.Code = "ST-10"
		}
		f.Details = map[string]string{"services": join(f.Affects)}
		found = append(found, f)
	}
	return found, err
}

type namedKey struct {
	name, role string
	key        core.Secret
}

// keyClaims looks at what the keys say of themselves.
func keyClaims(t core.Target, keys []namedKey) []core.Finding {
	var found []core.Finding
	for _, k := range keys {
		c, err := supabase.ReadKey(k.key)
		if err != nil {
			continue // an sb_ key, or none: GW-04 and DK-05 tell
		}
		if !c.ExpiresAt.IsZero() && c.ExpiresAt.Before(t.At) {
			found = append(found, core.Finding{
				Code: "REST-03", Service: core.Gateway, Title: k.name + " has expired",
				Affects:  []core.Service{core.Gateway, core.Realtime, core.Functions}, // realtime's health check shows it, too
				Evidence: []core.Evidence{evidence("key:"+k.name, "exp is "+c.ExpiresAt.UTC().Format(time.RFC3339))},
			})
		}
		if k.role == "anon" && c.Role == "service_role" {
			found = append(found, core.Finding{
				Code: "SEC-19", Service: core.Gateway,
				Evidence: []core.Evidence{evidence("key:ANON_KEY", "its role is service_role")},
			})
		}
	}
	return found
}

// mismatches verifies k offline with the secret of each service that will have
// to accept it. A JWKS instead of a secret is left to the probe.
func mismatches(t core.Target, k namedKey, f *core.Finding) {
	if c, err := supabase.ReadKey(k.key); err != nil || c.Algorithm != "HS256" {
		return
	}
	for _, v := range secretHolders {
		secret, ok := t.Setting(v.service, v.variable)
		if !ok || secret == "" || elsewhere(secret) || supabase.SignedBy(k.key, secret) || signedByDecoded(t, v.service, k.key, secret) {
			continue
		}
		f.Affects = append(f.Affects, v.service)
		f.Evidence = append(f.Evidence, evidence("env:"+string(v.service), fmt.Sprintf(
			"%s (%s) is not signed with %s (%s)", k.name, fingerprint(t, k.key), v.variable, fingerprint(t, secret))))
	}
}

// elsewhere reports whether a verifier's secret is not the text that verifies: a
// key set, which the probe tries, or the name of a file.
func elsewhere(secret core.Secret) bool {
	text := strings.TrimSpace(secret.Reveal())
	return strings.HasPrefix(text, "{") || strings.HasPrefix(text, "@")
}

// signedByDecoded knows PostgREST's way of giving the secret in Base64.
func signedByDecoded(t core.Target, s core.Service, key, secret core.Secret) bool {
	if on, _ := t.Setting(s, "PGRST_JWT_SECRET_IS_BASE64"); !strings.EqualFold(on.Reveal(), "true") {
		return false
	}
	raw, err := base64.StdEncoding.DecodeString(secret.Reveal())
	return err == nil && supabase.SignedBy(key, core.Secret(raw))
}

// verifiers are the services that check a key themselves, a request that makes
// them, and what they say of one that is signed with another secret.
var verifiers = []struct {
	service core.Service
	path    string
	says    *regexp.Regexp
}{
	{core.Auth, "/admin/users?page=1&per_page=1", regexp.MustCompile(`bad_jwt|signature is invalid`)},
	{core.Rest, "/", regexp.MustCompile(`PGRST301|JWSInvalidSignature|No suitable key`)},
}

// accepted shows the service key to the verifiers themselves.
func accepted(ctx context.Context, t core.Target, h held) ([]core.Finding, error) {
	key := h.gateway.service
	bearer := map[string]string{"Authorization": "Bearer " + key.Reveal(), "apikey": key.Reveal()}
	var asks []func() (*core.Finding, error)
	for _, v := range verifiers {
		c, ok := t.Container(v.service)
		if !ok || !answers(t, c) || key == "" {
			continue
		}
		asks = append(asks, func() (*core.Finding, error) {
			r := core.Request{Address: core.Address{Service: v.service, Port: portOf(c, probeOf(v.service))}, Path: v.path, Headers: bearer}
			resp, err := core.Send(ctx, t, r)
			if core.CodeOf(err) == core.Unreachable {
				return nil, err
			}
			if err != nil || resp.Status != 401 && resp.Status != 403 || !v.says.MatchString(resp.Body) || strings.Contains(resp.Body, "expired") {
				return nil, nil // services.answer tells whether it answers at all, keyClaims of the key's end
			}
			source := fmt.Sprintf("http:%s:%d%s", v.service, r.Port, v.path)
			return &core.Finding{
				Affects:  []core.Service{v.service},
				Evidence: []core.Evidence{evidence(source, answer(resp)+" — asked with SERVICE_ROLE_KEY")},
			}, nil
		})
	}
	return together(asks)
}

func probeOf(s core.Service) probe {
	return probes[slices.IndexFunc(probes, func(p probe) bool { return p.service == s })]
}
