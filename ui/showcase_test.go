package ui

import (
	"context"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/logs"
)

// showcase fills a world with what the pages of an instance show when much
// happened to it: a cause with symptoms, a repair, one that was taken back,
// logs, settings.
func showcase(w *world) {
	w.t.Helper()
	ctx, now := context.Background(), time.Now().UTC()
	must(w.t, w.a.Store.EndWindow(ctx, "window-shop", entryOf("maintenance.end")))
	for k := 40; k > 0; k-- {
		d := aDiagnosis("shop")
		d.Timestamp, d.Mode, d.DurationMS, d.Trigger = now.Add(-time.Duration(k)*9*time.Hour), core.Full, 812, core.BySchedule
		switch {
		case k > 16 && k < 20 || k == 30:
			d.RootCauses = []string{"REST-02"}
		case k%9 == 2:
			d.Status, d.RootCauses = core.Degraded, []string{"DK-15"}
		default:
			d.Status, d.Findings, d.RootCauses = core.Healthy, []core.Finding{}, []string{}
		}
		must(w.t, w.a.Store.SaveDiagnosis(ctx, d))
	}
	must(w.t, w.a.Store.SaveDiagnosis(ctx, brokenShop(now)))
	must(w.t, w.a.Store.SaveChange(ctx, aRepair(now.Add(-26*time.Hour), "repair-kept", core.Committed)))
	back := aRepair(now.Add(-2*time.Hour), "repair-back", core.RolledBack)
	back.Reason = "PG-01 is still there after the change"
	back.After = back.Before
	must(w.t, w.a.Store.SaveChange(ctx, back))
	for _, id := range []string{"repair-kept", "repair-back"} {
		journal(w, id, now.Add(-2*time.Hour))
	}
	w.a.Works.Checks = func() []core.Checker {
		return []core.Checker{{ID: "x.y", Finds: []core.Explanation{{Code: "PG-01", Title: "The database does not accept the password that the stack uses"},
			{Code: "REST-02", Title: "PostgREST does not know the schema as it is"}, {Code: "DK-15", Title: "The log of a container grows without bound"}}}}
	}
	w.a.Works.Settings = func(context.Context, core.Instance) ([]Setting, error) { return someSettings, nil }
	w.a.Works.Logs = func(ctx context.Context, _ core.Instance, q LogQuery, emit func(logs.Entry) error, _ func(string)) error {
		for i := range 120 {
			e := logs.Entry{At: now.Add(time.Duration(i-120) * time.Second), Service: core.Services[i%6], Level: logs.Info, Message: "GET /auth/v1/health 200 in 1.4 ms"}
			if i%17 == 0 {
				e.Level, e.Service, e.Code, e.Message = logs.Error, core.Auth, "PG-01", `FATAL: password authentication failed for user "supabase_auth_admin" (SQLSTATE 28P01)`
			} else if i%11 == 0 {
				e.Level, e.Message = logs.Warning, "slow query: 812 ms"
			}
			if err := emit(e); err != nil {
				return err
			}
		}
		if q.Follow {
			<-ctx.Done()
		}
		return nil
	}
	w.a.Works.Playbooks = func(context.Context) ([]core.Playbook, []string, error) { return someBooks, nil, nil }
	shared := aDiagnosis("customer-002")
	shared.Findings = []core.Finding{{Code: "SEC-16", Severity: core.Warning, Service: core.Auth, Category: core.Isolation, Title: "Two stacks share a secret", Evidence: []core.Evidence{{Source: "file:.env", Text: "JWT_SECRET has the fingerprint of customer-004's"}}, Remedies: []core.Remedy{}}}
	shared.Status, shared.RootCauses = core.Degraded, []string{"SEC-16"}
	must(w.t, w.a.Store.SaveDiagnosis(ctx, shared))
	w.a.Works.Plan = func(context.Context, core.Instance, RepairOrder) (core.Plan, error) {
		p := aRepair(now, "", core.Planned).Plan
		return p, p.Seal()
	}
}

// brokenShop is the diagnosis of a database whose password was changed.
func brokenShop(now time.Time) *core.Diagnosis {
	cause := "PG-01"
	d := aDiagnosis("shop")
	d.Timestamp, d.Mode, d.DurationMS = now.Add(-4*time.Minute), core.Full, 227
	d.Results = map[core.Category]core.CategoryResult{}
	for _, c := range core.Categories {
		d.Results[c] = core.CategoryResult{Healthy: true, Status: "ok", Issues: []string{}}
	}
	d.Findings[0].Title = "The database does not accept the password that the stack uses"
	d.Findings[0].Explanation = "The services present one password and the database holds another: POSTGRES_PASSWORD was changed after the data folder was made, and the folder keeps the old one."
	d.Findings[0].Evidence = []core.Evidence{
		{Source: "login:authenticator", Text: `password authentication failed for user "authenticator" (SQLSTATE 28P01), over the stack's network, with the password in PGRST_DB_URI of rest (fingerprint 1ba91c8a)`},
		{Source: "log:auth", Text: `FATAL: password authentication failed for user "supabase_auth_admin"`, At: &d.Timestamp},
		{Source: "file:.env:14", Text: "POSTGRES_PASSWORD is the same as the containers hold (fingerprint 1ba91c8a)"},
		{Source: "login:postgres", Text: "the role postgres is refused, too"},
	}
	d.Findings[0].Remedies = []core.Remedy{{Playbook: "align-database-passwords", Risk: core.MediumRisk, DataLoss: "none"}}
	d.Findings[0].Affects = []core.Service{core.Auth, core.Rest, core.Storage, core.Realtime, core.Meta, core.Pooler}
	for _, s := range []core.Service{core.Auth, core.Rest, core.Storage} {
		d.Findings = append(d.Findings, core.Finding{Code: "DK-13", Severity: core.Critical, Service: s, Category: core.ContainerStatus, Title: "A service ends with an error or restarts again and again", CausedBy: &cause, Evidence: []core.Evidence{}, Remedies: []core.Remedy{}})
	}
	d.Findings = append(d.Findings,
		core.Finding{Code: "GW-07", Severity: core.Warning, Service: core.Gateway, Category: core.APIEndpoints, Title: "A service does not answer the gateway", CausedBy: &cause, Evidence: []core.Evidence{}, Remedies: []core.Remedy{}},
		core.Finding{Code: "DK-15", Severity: core.Warning, Service: core.DB, Category: core.DiskUsage, Title: "The log of a container grows without bound", Explanation: "No rotation is set for the log of db.", Evidence: []core.Evidence{{Source: "container:db", Text: "log driver json-file without max-size"}}, Remedies: []core.Remedy{{Playbook: "add-log-rotation", Risk: core.MediumRisk, DataLoss: "none"}}},
		core.Finding{Code: "UPG-04", Severity: core.Info, Service: core.Studio, Category: core.Configuration, Title: "A newer release is there", Evidence: []core.Evidence{}, Remedies: []core.Remedy{}})
	d.Services = []core.Service{core.DB, core.Auth, core.Rest, core.Gateway, core.Realtime, core.Storage, core.Imgproxy, core.Meta, core.Functions, core.Pooler, core.Studio}
	d.Unknowns = []core.Unknowable{{Check: "disk.volumes", Category: core.DiskUsage, Reason: "the folder of the volume cannot be read from here"}}
	d.Since = &core.SinceHealthy{Baseline: &core.Baseline{At: now.Add(-3 * time.Hour)}, Changes: []core.Drift{{Area: ".env", Name: "POSTGRES_PASSWORD", Was: "a", Now: "b"}}}
	return d
}

// aRepair is a change that aligns passwords.
func aRepair(at time.Time, id string, state core.ChangeState) core.Change {
	p := core.Plan{Instance: "shop", Playbook: "align-database-passwords", Title: "Align the database's passwords with .env", Finding: "PG-01", Risk: core.HighRisk,
		Scope: core.ConfigScope, Downtime: core.Span(40 * time.Second), Claims: []string{"PG-01"},
		Actions: []core.Action{
			{Op: core.OpSetRolePassword, Service: core.DB, Args: map[string]any{"role": "authenticator", "password": map[string]any{"secret": "env:POSTGRES_PASSWORD"}}, Why: "rest logs in as authenticator"},
			{Op: core.OpSetRolePassword, Service: core.DB, Args: map[string]any{"role": "supabase_auth_admin", "password": map[string]any{"secret": "env:POSTGRES_PASSWORD"}}},
			{Op: core.OpRestart, Service: core.Auth, Why: "it gave up"}, {Op: core.OpWaitHealthy, Service: core.Auth},
		},
		Diff: []core.Diff{{Target: "role authenticator", Before: "password fingerprint 77ab01c2", After: "password fingerprint 1ba91c8a"},
			{Target: ".env", Before: "SITE_URL=http://localhost:3000\nMAILER_AUTOCONFIRM=false", After: "SITE_URL=https://shop.example.com\nMAILER_AUTOCONFIRM=false"}, {Target: "container auth", After: "restarted"}}}
	return core.Change{ID: id, Instance: "shop", State: state, Actor: "user:ana", Created: at, Finished: at.Add(14 * time.Second), Plan: p, Snapshot: "snap-shop",
		Before: core.Outlook{Status: core.Unhealthy, RootCauses: []string{"PG-01"}, Critical: []string{"PG-01 db"}, Evidence: []core.Evidence{{Source: "login:authenticator", Text: "password authentication failed"}}},
		After:  core.Outlook{Status: core.Healthy}}
}

// journal writes the steps of a change that ended.
func journal(w *world, id string, at time.Time) {
	w.t.Helper()
	ch, err := w.a.Store.Change(context.Background(), id)
	must(w.t, err)
	for i, step := range []string{"diagnose before", "snapshot", "action 1: set_role_password db password=env:POSTGRES_PASSWORD role=authenticator", "action 2: restart auth", "action 3: wait_healthy auth", "verify"} {
		e := core.JournalEntry{Change: id, Seq: i + 1, Step: step, At: at.Add(time.Duration(i) * 2 * time.Second)}
		must(w.t, w.a.Store.Intent(context.Background(), ch, e))
		e.Done, e.Outcome = e.At.Add(1300*time.Millisecond), "ok"
		if step == "verify" && ch.State == core.RolledBack {
			e.Outcome = "PG-01 is still there after the change"
		}
		must(w.t, w.a.Store.Outcome(context.Background(), ch, e))
	}
}

var someSettings = []Setting{
	{Key: "SITE_URL", Value: "http://localhost:3000", Set: true, Type: "url", Help: "The app that users come from.", Services: []string{"auth"}},
	{Key: "DISABLE_SIGNUP", Value: "false", Set: true, Type: "bool", Allowed: []string{"true", "false"}, Help: "Nobody can sign up.", Services: []string{"auth"}},
	{Key: "JWT_SECRET", Value: "fingerprint 1ba91c8a", Set: true, Type: "secret", Secret: true, Locked: "rotate it with the playbook rotate-jwt-secret", Services: []string{"auth", "rest", "realtime"}},
	{Key: "SMTP_PASS", Value: "fingerprint 99c0ffee", Set: true, Type: "secret", Secret: true, Services: []string{"auth"}},
	{Key: "SMTP_HOST", Type: "text", Default: "supabase-mail", Help: "The server that mail is sent through.", Services: []string{"auth"}},
}

var someBooks = []core.Playbook{
	{ID: "restart-auth", Title: "Restart auth", Fixes: []string{"AUTH-17", "GW-07"}, Risk: core.LowRisk, Needs: []core.Op{core.OpRestart, core.OpWaitHealthy}, BuiltIn: true, Source: sketch,
		Params: map[string]core.Param{"timeout": {Type: "duration", Default: "60s", Help: "how long auth may take"}}},
	{ID: "align-database-passwords", Title: "Align the database's passwords with .env", Fixes: []string{"PG-01"}, Risk: core.MediumRisk, Needs: []core.Op{core.OpSetRolePassword}, BuiltIn: true, Source: sketch},
	{ID: "our-own", Title: "Clear our cache", Fixes: []string{"GW-07"}, Risk: core.HighRisk, Needs: []core.Op{core.OpExec}, Source: sketch},
}
