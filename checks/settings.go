package checks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

func init() {
	family("configuration.services", "Each service's settings are ones that it can work with", core.Configuration, []rule{
		{core.Explanation{Code: "POOL-03"}, length(core.Pooler, "VAULT_ENC_KEY", "The pooler's VAULT_ENC_KEY has the wrong length", 32)},
		{core.Explanation{Code: "RT-03"}, length(core.Realtime, "DB_ENC_KEY", "Realtime's encryption key has the wrong length", 16)},
		{core.Explanation{Code: "RT-07"}, metricsSecret},
		{core.Explanation{Code: "RT-08"}, realtimeBase},
		{core.Explanation{Code: "PG-02"}, passwordCharacters},
		{core.Explanation{Code: "FN-01"}, mainFunction},
		{core.Explanation{
			Code: "AUTH-13", Title: "Asymmetric signing keys are enabled in auth only", Severity: core.Warning,
			What:   "Auth signs tokens with the keys in GOTRUE_JWT_KEYS, and a service that verifies them was not given the public keys.",
			Breaks: "Signed-in users are rejected by that service: 401 or 403, \"No suitable key or wrong key type\".",
			Do:     "Enable all five: GOTRUE_JWT_KEYS, JWT_JWKS in PGRST_JWT_SECRET, API_JWT_JWKS (realtime), JWT_JWKS (storage), SUPABASE_JWKS (functions), and recreate.",
			Data:   "No data is at risk.", Sources: "Supabase docs, self-hosting auth keys",
		}, halfAsymmetric},
		{core.Explanation{
			Code: "RT-17", Title: "Realtime logs every health check", Severity: core.Info,
			What:   "Most of what realtime logs are its health checks; DISABLE_HEALTHCHECK_LOGGING is not set.",
			Breaks: "Nothing; the log grows by millions of lines, also in analytics' tables.",
			Do:     "Set DISABLE_HEALTHCHECK_LOGGING=true as upstream's compose file does, and recreate realtime.", Data: "No data is at risk until the disk is full.", Sources: "supabase/realtime#1175; supabase/supabase docker/CHANGELOG 2026-01",
		}, loggedHealth},
		{core.Explanation{
			Code: "META-01", Title: "Studio and postgres-meta hold different encryption keys", Severity: core.Warning,
			What:   "Studio sends postgres-meta an encrypted connection string; PG_META_CRYPTO_KEY of Studio and CRYPTO_KEY of meta differ.",
			Breaks: "Studio's tables stay empty: 500 \"failed to process upstream connection details\".",
			Do:     "Give both the same PG_META_CRYPTO_KEY and recreate both.", Data: "No data is at risk.", Sources: "supabase/postgres-meta src/server/routes/index.ts",
		}, cryptoKeys},
		{core.Explanation{
			Code: "IMG-01", Title: "imgproxy does not see storage's files", Severity: core.Warning,
			What:   "Storage keeps files in its folder and has imgproxy transform them there, and imgproxy does not mount the same folder.",
			Breaks: "Transformed images are not served; the originals are.",
			Do:     "Mount the folder of storage into imgproxy at the same place.", Data: "No data is at risk.", Sources: "supabase/supabase docker-compose.yml",
		}, imageFolder},
		{core.Explanation{
			Code: "ST-05", Title: "Storage does not know its public URL", Severity: core.Info,
			What:   "This storage needs STORAGE_PUBLIC_URL, or REQUEST_ALLOW_X_FORWARDED_PATH=true, to tell a client where to continue an upload, and has neither.",
			Breaks: "Resumable uploads (over 6 MB) may be sent to a wrong address.",
			Do:     "Set both as upstream's compose file does, and recreate storage.", Data: "No data is at risk.", Sources: "supabase/supabase PR#40500, #27409",
		}, uploadURL},
		{core.Explanation{
			Code: "ST-12", Title: "Storage's backend is about to change", Severity: core.Warning,
			What:   "Storage runs with one STORAGE_BACKEND and the files say another: an overlay was added or dropped.",
			Breaks: "After the next `up` buckets are listed and no file in them can be downloaded.",
			Do:     "Put the overlay back, or copy the objects to the new backend first.",
			Data:   "Files are not lost, but are where storage no longer looks.", Sources: "supabase/supabase docker-compose.s3.yml",
		}, backendSwitch},
	})
}

// length tells of a key that is not exactly n characters long. An empty one is
// DK-05's.
func length(s core.Service, variable, title string, n int) func(context.Context, core.Target) []core.Finding {
	return func(_ context.Context, t core.Target) []core.Finding {
		p, _ := partOf(t, s)
		v := p.env[variable]
		if v == "" || len(v) == n {
			return nil
		}
		f := fault(s, evidence(p.setting(variable), fmt.Sprintf("%s has %d characters instead of %d", variable, len(v), n)))
		f[0].Title, f[0].Severity = title, severity(s)
		return f
	}
}

// metricsSecret knows the first image that asks for it only roughly, so it
// speaks of images that upstream released with the variable in the files.
func metricsSecret(_ context.Context, t core.Target) []core.Finding {
	p, ok := partOf(t, core.Realtime)
	v, tagged := parseVersion(supabase.Tag(p.image))
	if _, set := p.env["METRICS_JWT_SECRET"]; !ok || set || !tagged || older(v, version{2, 102, 3}) || provenWell(t, core.Realtime) {
		return nil
	}
	f := fault(core.Realtime, evidence(p.at("image"), p.image+" asks for METRICS_JWT_SECRET, which nothing sets"))
	f[0].Title, f[0].Severity = "Realtime lacks METRICS_JWT_SECRET", severity(core.Realtime)
	return f
}

// provenWell reports whether the service has a container that proves it can start.
func provenWell(t core.Target, s core.Service) bool {
	c, ok := t.Container(s)
	return ok && well(t, c) && c.Health != "starting"
}

func realtimeBase(_ context.Context, t core.Target) []core.Finding {
	p, ok := partOf(t, core.Realtime)
	v := p.env["SECRET_KEY_BASE"]
	if !ok || v == "" || len(v) >= 64 || provenWell(t, core.Realtime) {
		return nil
	}
	f := fault(core.Realtime, evidence(p.setting("SECRET_KEY_BASE"), fmt.Sprintf("SECRET_KEY_BASE has %d characters; 64 is the least", len(v))))
	f[0].Title, f[0].Severity = "Realtime's SECRET_KEY_BASE is too short", severity(core.Realtime)
	return f
}

// reserved are the characters that mean something in a connection string.
const reserved = "@/?#:%&[] \\"

// passwordCharacters matters where the files put the password into connection
// strings. One that was encoded on purpose holds no such character after a %. Some
// of the characters do no harm to some services, so that it weighs more only where
// one that got such a string fails.
func passwordCharacters(_ context.Context, t core.Target) []core.Finding {
	v, ok := t.Env.Lookup("POSTGRES_PASSWORD")
	if !ok || !strings.ContainsAny(v.Reveal(), reserved) {
		return nil
	}
	holds := func(env map[string]core.Secret) bool {
		for _, dsn := range env {
			if strings.Contains(dsn.Reveal(), "://") && strings.Contains(dsn.Reveal(), ":"+v.Reveal()+"@") {
				return true
			}
		}
		return false
	}
	var hit []core.Service
	weight := core.Warning
	for _, d := range t.Compose.Services {
		if d.Service == "" || !holds(d.Env) {
			continue
		}
		hit = append(hit, d.Service)
		if c, runs := t.Container(d.Service); runs && holds(c.Env) && fails(t, c) && severity(d.Service) == core.Critical {
			weight = core.Critical
		}
	}
	if len(hit) == 0 {
		return nil
	}
	f := fault(core.DB, evidence(fromEnv(t, "POSTGRES_PASSWORD"), "POSTGRES_PASSWORD holds a character of "+reserved), evidence("compose", "connection strings of "+join(hit)+" hold it as it is"))
	f[0].Severity, f[0].Affects, f[0].Title = weight, hit, "The database password breaks connection strings"
	return f
}

// fails reports whether a container does not stay up, or says itself that it is ill.
func fails(t core.Target, c core.Container) bool { return !answers(t, c) || c.Health == "unhealthy" }

// mainFunction looks where the edge runtime's command says that main is.
func mainFunction(ctx context.Context, t core.Target) []core.Finding {
	p, ok := partOf(t, core.Functions)
	i := slices.IndexFunc(p.mounts, func(m core.Mount) bool { return m.Target == "/home/deno/functions" })
	if !ok || i < 0 {
		return nil
	}
	if c, has := t.Container(core.Functions); has && !slices.Contains(c.Command, "/home/deno/functions/main") {
		return nil
	}
	folder, inside := local(t, p.mounts[i].Source)
	name := path.Join(folder, "main/index.ts")
	_, err := readFile(ctx, t, name)
	if !inside || !errors.Is(err, fs.ErrNotExist) && !notAFile(err) || mainByAnotherName(ctx, t, folder) {
		return nil
	}
	f := fault(core.Functions, evidence("file:"+name, "it is no file that can be read"))
	f[0].Title, f[0].Severity = "The main edge function is missing", core.Warning
	return f
}

func mainByAnotherName(ctx context.Context, t core.Target, folder string) bool {
	return slices.ContainsFunc([]string{"index.js", "index.tsx", "index.mjs", "index.jsx", "index.mts"}, func(n string) bool {
		_, err := readFile(ctx, t, path.Join(folder, "main", n))
		return err == nil
	})
}

// keySets are the variables in which each verifier gets the public keys.
var keySets = []struct {
	service   core.Service
	variables []string
}{
	{core.Rest, []string{"PGRST_JWT_SECRET"}},
	{core.Realtime, []string{"API_JWT_JWKS"}},
	{core.Storage, []string{"JWT_JWKS", "AUTH_JWT_JWKS", "PGRST_JWT_SECRET"}},
	{core.Functions, []string{"SUPABASE_JWKS"}},
}

var keySet = regexp.MustCompile(`"keys"\s*:`)

func halfAsymmetric(_ context.Context, t core.Target) []core.Finding {
	a, _ := partOf(t, core.Auth)
	if len(a.env["GOTRUE_JWT_KEYS"]) < 10 { // unset, or an empty list
		return nil
	}
	var proof []core.Evidence
	for _, k := range keySets {
		p, ok := partOf(t, k.service)
		if ok && !slices.ContainsFunc(k.variables, func(v string) bool { return keySet.MatchString(p.env[v].Reveal()) }) {
			proof = append(proof, evidence(p.setting(k.variables[0]), "no key set in "+strings.Join(k.variables, ", ")))
		}
	}
	return advice(core.Auth, proof...)
}

func cryptoKeys(_ context.Context, t core.Target) []core.Finding {
	studio, meta := core.Secret(value(t, core.Studio, "PG_META_CRYPTO_KEY")), core.Secret(value(t, core.Meta, "CRYPTO_KEY"))
	if studio == "" || meta == "" || studio == meta {
		return nil
	}
	f := fault(core.Studio, evidence(settingOf(t, core.Studio, "PG_META_CRYPTO_KEY"), "PG_META_CRYPTO_KEY: "+fingerprint(t, studio)), evidence(settingOf(t, core.Meta, "CRYPTO_KEY"), "CRYPTO_KEY: "+fingerprint(t, meta)))
	f[0].Affects = []core.Service{core.Studio, core.Meta}
	return f
}

func imageFolder(_ context.Context, t core.Target) []core.Finding {
	s, has := partOf(t, core.Storage)
	p, ok := partOf(t, core.Imgproxy)
	if !has || !ok || s.env["STORAGE_BACKEND"] != "file" || s.env["ENABLE_IMAGE_TRANSFORMATION"] != "true" {
		return nil
	}
	at := s.env["FILE_STORAGE_BACKEND_PATH"].Reveal()
	source := func(p part) string {
		for _, m := range p.mounts {
			if m.Target == at {
				return m.Source + m.Name
			}
		}
		return ""
	}
	if source(s) == "" || source(s) == source(p) {
		return nil
	}
	return advice(core.Imgproxy, evidence(s.at("volumes", at), "storage mounts "+source(s)+" at "+at), evidence(p.at("volumes"), "imgproxy mounts "+orNothing(source(p))+" there"))
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// uploadURL speaks of images that came after upstream added the variables.
func uploadURL(_ context.Context, t core.Target) []core.Finding {
	p, ok := partOf(t, core.Storage)
	v, tagged := parseVersion(supabase.Tag(p.image))
	if !ok || !tagged || older(v, version{1, 37, 0}) || p.env["STORAGE_PUBLIC_URL"] != "" || p.env["REQUEST_ALLOW_X_FORWARDED_PATH"] == "true" || p.env["TUS_URL_HOST"] != "" {
		return nil
	}
	return advice(core.Storage, evidence(p.at("image"), p.image+" has neither STORAGE_PUBLIC_URL nor REQUEST_ALLOW_X_FORWARDED_PATH"))
}

func backendSwitch(_ context.Context, t core.Target) []core.Finding {
	now, runs := t.Setting(core.Storage, "STORAGE_BACKEND")
	d, declared := t.Declared(core.Storage)
	next := d.Env["STORAGE_BACKEND"]
	if !runs || !declared || now == "" || next == "" || now == next {
		return nil
	}
	return advice(core.Storage, evidence("env:storage", "STORAGE_BACKEND is "+clip(now.Reveal())), evidence(t.Compose.Place(d.Name, "environment", "STORAGE_BACKEND"), "STORAGE_BACKEND is "+clip(next.Reveal())))
}
