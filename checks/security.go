package checks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

func init() {
	family("security.secrets", "No secret is a published example, and no API key ends soon", core.Configuration, []rule{
		{core.Explanation{
			Code: "SEC-01", Title: "Published example secrets are in use", Severity: core.Warning,
			What:   "A secret of this stack is the value that upstream's .env.example, its compose files or its CLI publish.",
			Breaks: "Nothing fails, but anybody who reaches the stack can use it, or sign a key of any role with it.",
			Do:     "Make new secrets (upstream's utils/generate-keys.sh lists them all) and recreate the services. Change the database's password inside the database as well (PG-01).",
			Data:   "Data may be read or changed by anybody who reaches the stack.", Sources: "supabase/supabase docker/.env.example; #1227",
		}, exampleSecrets},
		{core.Explanation{
			Code: "SEC-02", Title: "The published demo API keys are in use", Severity: core.Warning,
			What:   "ANON_KEY or SERVICE_ROLE_KEY is of the issuer supabase-demo, or signed with the published JWT secret. The demo keys of .env.example end on 2027-01-09T23:00:00Z.",
			Breaks: "Anybody can sign in as service_role, past row level security. From the day on which the keys end, every request is answered with 401.",
			Do:     "Make a new JWT_SECRET, sign both keys anew, recreate every service, and give clients the new anon key, well before that day.",
			Data:   "Data may be read or changed by anybody who reaches the stack. Sessions end when the secret changes.", Sources: "supabase/supabase docker/.env.example",
		}, demoKeys},
		{core.Explanation{
			Code: "SEC-03", Title: "An API key ends soon", Severity: core.Warning,
			What:   "The exp of an API key is less than 90 days away. Upstream's keys live five years.",
			Breaks: "Nothing yet; from that moment every request with the key is answered with 401.",
			Do:     "Sign the key anew with the same secret, recreate the services, and give it to clients.",
			Data:   "No data is at risk.", Sources: "supabase/supabase docker/utils/generate-keys.sh",
		}, keysEnding},
		{core.Explanation{
			Code: "SEC-12", Title: "Studio works as superuser", Severity: core.Info,
			What:   "Studio and postgres-meta log in as supabase_admin, a superuser. Since June 2026 upstream uses postgres.",
			Breaks: "Nothing; who gets into Studio may do anything to the database, and what is made there belongs to supabase_admin.",
			Do:     "Follow upstream's guide: reassign the owner, then set PG_META_DB_USER and POSTGRES_USER_READ_WRITE to postgres.",
			Data:   "No data is at risk by this alone.", Sources: "Supabase docs, self-hosting, remove superuser access",
		}, func(_ context.Context, t core.Target) []core.Finding {
			p, ok := partOf(t, core.Meta)
			if !ok || p.env["PG_META_DB_USER"] != "supabase_admin" {
				return nil
			}
			return advice(core.Meta, evidence(p.setting("PG_META_DB_USER"), "PG_META_DB_USER is supabase_admin"))
		}},
		{core.Explanation{
			Code: "SEC-15", Title: "Edge functions run without a token", Severity: core.Info,
			What:   "FUNCTIONS_VERIFY_JWT is not true, which is upstream's default: every function answers anybody.",
			Breaks: "Nothing; a function that does not check its caller itself is open to all.",
			Do:     "Set FUNCTIONS_VERIFY_JWT=true and recreate functions, or check the token in each function.",
			Data:   "It depends on what the functions do.", Sources: "supabase/supabase docker/.env.example",
		}, func(_ context.Context, t core.Target) []core.Finding {
			p, ok := partOf(t, core.Functions)
			v, set := p.env["VERIFY_JWT"]
			if !ok || !set || v != "false" {
				return nil
			}
			return advice(core.Functions, evidence(p.setting("VERIFY_JWT"), "VERIFY_JWT is false"))
		}},
		{core.Explanation{
			Code: "SEC-17", Title: "Vector holds Docker's socket", Severity: core.Info,
			What:   "Vector mounts the socket of Docker. Mounted read-only it still takes every command.",
			Breaks: "Nothing; who breaks into Vector owns the host.",
			Do:     "Leave out the logs overlay, or put a filtering proxy between Vector and the socket.",
			Data:   "No data is at risk by this alone.", Sources: "supabase/supabase docker-compose.logs.yml",
		}, func(_ context.Context, t core.Target) []core.Finding {
			p, _ := partOf(t, core.Vector)
			i := slices.IndexFunc(p.mounts, func(m core.Mount) bool { return strings.HasSuffix(m.Target, "/docker.sock") })
			if i < 0 {
				return nil
			}
			return advice(core.Vector, evidence(p.at("volumes", p.mounts[i].Target), "mounts "+p.mounts[i].Source))
		}},
	})
}

// published maps the SHA-256 of values that upstream publishes to what they are.
// Source: supabase/supabase docker/.env.example and docker-compose.yml, 2022 to
// 2026, and the CLI's defaults.
var published = map[string]string{
	"53d3eb3d9500cdcdbbe39c030eb2959438bcc459d5de9380db2a3c85b5de5360": "database password",
	"1453cea2dc3799e9026e42b3e465e455256d5a149582e4c5b92d4c8d604731a2": "JWT secret",
	"a064b502e61d27e94b8717290e5e1b32e36720e9fbdf952ec81a84c07128cb37": "JWT secret",
	"80d1c192cf2210c5282179cc9989f4be2e9b24605daabe1bc7da10fd9ed842ed": "dashboard password",
	"52f004438faf780274c9c95f79d1cf39d2355fbcf035899fc0242b1437f30df3": "SECRET_KEY_BASE",
	"627507f04b33fb434001b83fa1d73b39c7d9a88f2b9a3aec652527a7f0ea571a": "encryption key",
	"0a53c0992edae8ceb04c7a32ee47b49ad0b229c17b073e8c24683111c843d45e": "encryption key",
	"a51986d52a4109b0a31bd6cf76780b978e415c37e02fe9e4a7a67963028cbd3f": "Logflare key",
	"4feb5df17e31da658971467f079e9dfa946712c0281386fe631830bdfa1e7332": "Logflare key",
	"272b1f97285638be545049c9d56ed0c07b252faf0d47867068482d2b2374a2a9": "Logflare key",
	"b0f3a96ded759f6c5f13d27881ffcbfd7821fd6bb5858b0ab819e7a187e46452": "S3 key id",
	"7f59edafa4d502ca0156b8fddf28394634d77b1843838b5783a7c9c95fcbd32f": "S3 secret",
	"390d4757bf1b75e305984c99cdedfb1e7c201a2d143a53cfbc35075fa5f9a56f": "MinIO password",
	"9fa03fc1cd78ff85aec9f901f9383bf5c3dfbee93c7da7d5b9f526898a9d7a84": "encryption key of realtime",
}

func isPublished(v core.Secret) (what string, ok bool) {
	sum := sha256.Sum256([]byte(v.Reveal()))
	what, ok = published[hex.EncodeToString(sum[:])]
	return what, ok
}

// exampleSecrets looks at .env, then at what containers hold that it does not.
func exampleSecrets(_ context.Context, t core.Target) []core.Finding {
	var proof []core.Evidence
	seen := map[core.Secret]bool{}
	for _, v := range t.Env.Vars {
		counts, _ := t.Env.Lookup(v.Key)
		if what, ok := isPublished(v.Value); ok && counts == v.Value {
			seen[v.Value] = true
			proof = append(proof, evidence(fmt.Sprintf("file:.env:%d", v.Line), v.Key+" is the published "+what))
		}
	}
	for _, p := range parts(t) {
		for _, name := range slices.Sorted(maps.Keys(p.env)) {
			if what, ok := isPublished(p.env[name]); ok && !seen[p.env[name]] {
				seen[p.env[name]] = true
				proof = append(proof, evidence(p.setting(name), name+" is the published "+what))
			}
		}
	}
	return advice(core.Host, proof...)
}

// apiKeys lists the keys of .env and, where it lacks them, of the services.
func apiKeys(t core.Target) []namedKey {
	return []namedKey{
		{"ANON_KEY", "anon", core.Secret(envOr(t, "ANON_KEY", core.Storage, "ANON_KEY"))},
		{"SERVICE_ROLE_KEY", "service_role", core.Secret(envOr(t, "SERVICE_ROLE_KEY", core.Storage, "SERVICE_KEY"))},
		{"ANON_KEY_ASYMMETRIC", "anon", core.Secret(envOr(t, "ANON_KEY_ASYMMETRIC", core.Gateway, "ANON_KEY_ASYMMETRIC"))},
		{"SERVICE_ROLE_KEY_ASYMMETRIC", "service_role", core.Secret(envOr(t, "SERVICE_ROLE_KEY_ASYMMETRIC", core.Gateway, "SERVICE_ROLE_KEY_ASYMMETRIC"))},
	}
}

// isDemo reports whether anybody could have signed the key.
func isDemo(t core.Target, k core.Secret) (why string, yes bool) {
	claims, err := supabase.ReadKey(k)
	if err != nil {
		return "", false
	}
	if claims.Issuer == "supabase-demo" {
		return "its issuer is supabase-demo", true
	}
	secret := core.Secret(envOr(t, "JWT_SECRET", core.Auth, "GOTRUE_JWT_SECRET"))
	if _, ok := isPublished(secret); ok && supabase.SignedBy(k, secret) {
		return "it is signed with the published JWT secret", true
	}
	return "", false
}

func demoKeys(_ context.Context, t core.Target) []core.Finding {
	var proof []core.Evidence
	for _, k := range apiKeys(t) {
		if why, yes := isDemo(t, k.key); yes {
			claims, _ := supabase.ReadKey(k.key)
			proof = append(proof, evidence(fromEnv(t, k.name), k.name+": "+why+ends(claims, clock(t))))
		}
	}
	return advice(core.Auth, proof...)
}

func ends(k supabase.APIKey, now time.Time) string {
	if k.ExpiresAt.IsZero() {
		return ""
	}
	days := int(k.ExpiresAt.Sub(now).Hours() / 24)
	return fmt.Sprintf("; it ends on %s, %d days from now", k.ExpiresAt.UTC().Format(time.RFC3339), days)
}

// keysEnding leaves the demo keys to SEC-02 and those that have ended to REST-03.
func keysEnding(_ context.Context, t core.Target) []core.Finding {
	var proof []core.Evidence
	for _, k := range apiKeys(t) {
		claims, err := supabase.ReadKey(k.key)
		left := claims.ExpiresAt.Sub(clock(t))
		if _, demo := isDemo(t, k.key); err != nil || demo || claims.ExpiresAt.IsZero() || left <= 0 || left > 90*24*time.Hour {
			continue
		}
		proof = append(proof, evidence(fromEnv(t, k.name), k.name+ends(claims, clock(t))))
	}
	return advice(core.Auth, proof...)
}
