package apply

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
	"github.com/basewright/basewright/core/supabase"
)

func TestEveryOperationIsDoneOrRefused(t *testing.T) {
	for _, op := range core.Ops {
		err := validateAction(core.Action{Op: op})
		if _, ok := ops[op]; !ok && (err == nil || err.Error() != fmt.Sprintf("operation %s is not available yet", op)) {
			t.Errorf("%s: %v", op, err)
		}
		if ok := ops[op].do != nil; ok && (ops[op].check == nil || op != core.OpUp && op != core.OpMintKeys && err == nil) {
			t.Errorf("%s takes anything: %v", op, err)
		}
	}
}

func TestBadPlansAreRefused(t *testing.T) {
	arg := func(kv ...any) map[string]any {
		m := map[string]any{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i].(string)] = kv[i+1]
		}
		return m
	}
	tests := map[string]struct {
		action core.Action
		says   string
	}{
		"an unknown operation":            {core.Action{Op: "format_disk"}, `there is no operation "format_disk"`},
		"a command that is none":          {core.Action{Op: core.OpExec, Service: core.DB}, "command is not a list of texts"},
		"a restart of nothing":            {core.Action{Op: core.OpRestart}, "the service is missing"},
		"a timeout that is none":          {core.Action{Op: core.OpWaitHealthy, Service: core.Auth, Args: arg("timeout", "soon")}, `not a time such as "60s"`},
		"a timeout without end":           {core.Action{Op: core.OpWaitHealthy, Service: core.Auth, Args: arg("timeout", "9000h")}, "it may be up to 1h"},
		"a key that is none":              {core.Action{Op: core.OpSetEnv, Args: arg("key", "A=B\nC", "value", "x")}, "cannot be the name of a variable"},
		"no value":                        {core.Action{Op: core.OpSetEnv, Args: arg("key", "A")}, "value is missing"},
		"a handle that is none":           {core.Action{Op: core.OpSetEnv, Args: arg("key", "A", "value", handle("file:/etc/shadow"))}, "is not the handle of a secret"},
		"an absolute path":                {core.Action{Op: core.OpWriteFile, Args: arg("path", "/etc/x", "content", "x")}, "is not a file inside the instance folder"},
		"a path upwards":                  {core.Action{Op: core.OpWriteFile, Args: arg("path", "../x", "content", "x")}, "is not a file inside the instance folder"},
		"a path with a detour":            {core.Action{Op: core.OpWriteFile, Args: arg("path", "a/../b", "content", "x")}, "is not a file inside the instance folder"},
		"the database's files":            {core.Action{Op: core.OpWriteFile, Args: arg("path", "volumes/db/data/x", "content", "x")}, "is data"},
		"users' files":                    {core.Action{Op: core.OpChmod, Args: arg("path", "volumes/storage/x", "mode", "0600")}, "is data"},
		"a mode that is none":             {core.Action{Op: core.OpChmod, Args: arg("path", "x", "mode", "4755")}, "is not a file mode"},
		"a plain password":                {core.Action{Op: core.OpSetRolePassword, Args: arg("role", "x", "password", "plain")}, "not the handle of a secret"},
		"a role of PostgreSQL":            {core.Action{Op: core.OpSetRolePassword, Args: arg("role", "pg_monitor", "password", handle("env:A"))}, "is not the name of a role"},
		"a short secret":                  {core.Action{Op: core.OpGenerateSecret, Args: arg("key", "A", "length", 2)}, "it may be 8 to 256"},
		"an encoding that is none":        {core.Action{Op: core.OpGenerateSecret, Args: arg("key", "A", "encoding", "rot13")}, "it may be hex"},
		"no port":                         {core.Action{Op: core.OpWaitHTTP, Service: core.Auth, Args: arg("path", "/")}, "port is missing"},
		"SQL that does not parse":         {core.Action{Op: core.OpSQL, Args: arg("statement", "grant all to")}, "cannot be parsed"},
		"SQL without an inverse":          {core.Action{Op: core.OpSQL, Args: arg("statement", "grant usage on schema auth to anon")}, "no inverse"},
		"SQL with an inverse that drops":  {core.Action{Op: core.OpSQL, Args: arg("statement", "grant usage on schema auth to anon", "inverse", "drop schema auth")}, "the inverse: the SQL may lose data"},
		"SQL in a database that is a DSN": {core.Action{Op: core.OpSQL, Args: arg("statement", "select 1", "database", "host=evil")}, "is not the name of a database"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			before := w.state()
			p := w.plan(core.Action{Op: core.OpRestart, Service: core.Auth}, tt.action)
			c, err := w.apply(t.Context(), p)
			if c != nil || core.CodeOf(err) != refusal(tt.says) || !strings.Contains(err.Error(), tt.says) || !strings.HasPrefix(err.Error(), "action 2, ") {
				t.Errorf("%+v, %v; want %q", c, err, tt.says)
			}
			w.mustBe(t, before)
			if did := w.e.Did(); len(did) > 0 {
				t.Errorf("the engine did %q", did)
			}
		})
	}
}

// refusal returns the code of an error: what is well formed and still not done is
// forbidden.
func refusal(says string) core.ErrorCode {
	for _, s := range []string{"not available yet", "is data", "no inverse", "may lose data"} {
		if strings.Contains(says, s) {
			return core.Forbidden
		}
	}
	return core.Invalid
}

func TestPlansForSomethingElseAreRefused(t *testing.T) {
	w := newWorld(t)
	tests := map[string]struct {
		edit func(inst *core.Instance, p *core.Plan)
		code core.ErrorCode
	}{
		"the instance is only observed":      {func(i *core.Instance, _ *core.Plan) { i.Mode = core.Observe }, core.Forbidden},
		"the plan is for another":            {func(i *core.Instance, _ *core.Plan) { i.ID = "blog" }, core.Invalid},
		"it wants a snapshot we cannot take": {func(_ *core.Instance, p *core.Plan) { p.Scope = core.FullScope }, core.Forbidden},
		"it has no actions":                  {func(_ *core.Instance, p *core.Plan) { p.Actions = nil }, core.Invalid},
		"it has too many":                    {func(_ *core.Instance, p *core.Plan) { p.Actions = make([]core.Action, 101) }, core.Invalid},
	}
	for name, tt := range tests {
		inst, p := shop, w.cure()
		tt.edit(&inst, &p)
		if err := p.Seal(); err != nil {
			t.Fatal(err)
		}
		if c, err := w.a.Apply(t.Context(), inst, p, "cli:ana", p.Hash); c != nil || core.CodeOf(err) != tt.code {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

func TestClassify(t *testing.T) {
	for sql, want := range map[string]class{
		"select 1": reads, "select count(*) from auth.users": reads, "show all": reads, "select pg_catalog.now()": reads,
		"grant usage on schema auth to anon": safe, "comment on table x is 'y'": safe, "alter role anon set search_path = public": safe,
		"alter default privileges in schema public grant select on tables to anon": safe, "select 1; grant anon to authenticator": safe,
		"drop table x": dangerous, "truncate x": dangerous, "delete from x": dangerous, "update x set y = 1": dangerous,
		"with d as (delete from x returning 1) select * from d": dangerous, "do $$ begin drop table x; end $$": dangerous,
		"select 1 into x": dangerous, "create table x as select 1": dangerous, "copy x to program 'id'": dangerous, "copy x from stdin": dangerous,
		"select pg_terminate_backend(1)": dangerous, "select lo_unlink(1)": dangerous, "select public.now()": dangerous,
		"select (select dblink_exec('drop table x'))": dangerous, "explain analyze delete from x": dangerous, "commit": dangerous,
		"alter role x password 'y'": dangerous, "grant usage on schema a to b; drop schema a": dangerous, "": dangerous, "-- nothing": dangerous,
		"select 1 \\! id": dangerous, "alter system set x = 'y'": dangerous, "vacuum": dangerous, "call x()": dangerous,
	} {
		if got, err := classify(sql); got != want || (err != nil) != (want == dangerous) {
			t.Errorf("%q is %v, %v; want %v", sql, got, err, want)
		}
	}
}

func TestSQLRunsInOneTransactionAndIsUndoneByItsInverse(t *testing.T) {
	w := newWorld(t)
	w.spoil = func(d *core.Diagnosis) { d.Findings = []core.Finding{{Code: "PG-01"}} }
	p := w.plan(
		core.Action{Op: core.OpSQL, Args: map[string]any{"statement": "select 1 /* \\! id */"}},
		core.Action{Op: core.OpSQL, Args: map[string]any{"statement": "grant usage on schema auth to anon", "inverse": "revoke usage on schema auth from anon", "database": "app"}},
	)
	if c, err := w.apply(t.Context(), p); err == nil || c.State != core.RolledBack {
		t.Fatalf("%+v, %v", c, err)
	}
	limits := "SET LOCAL lock_timeout = '10s';\nSET LOCAL statement_timeout = '60s';\n"
	want := []string{
		"BEGIN READ ONLY;\n" + limits + "SELECT 1;\nCOMMIT;\n",
		"BEGIN;\n" + limits + "GRANT usage ON SCHEMA auth TO anon;\nCOMMIT;\n",
		"BEGIN;\n" + limits + "REVOKE usage ON SCHEMA auth FROM anon;\nCOMMIT;\n",
	}
	if got := strings.Join(w.sql, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("SQL:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

// TestSQLIsUndoneAlthoughThePlanStoppedTheDatabase: the inverse can run only
// after the snapshot has brought the database back.
func TestSQLIsUndoneAlthoughThePlanStoppedTheDatabase(t *testing.T) {
	w := newWorld(t)
	w.spoil = func(d *core.Diagnosis) { d.Findings = []core.Finding{{Code: "PG-01"}} }
	before := w.state()
	p := w.plan(
		core.Action{Op: core.OpSQL, Args: map[string]any{"statement": "grant usage on schema auth to anon", "inverse": "revoke usage on schema auth from anon"}},
		core.Action{Op: core.OpStop, Service: core.DB},
	)
	if c, err := w.apply(t.Context(), p); err == nil || c.State != core.RolledBack {
		t.Fatalf("%+v, %v", c, err)
	}
	if last := w.sql[len(w.sql)-1]; !strings.Contains(last, "REVOKE usage ON SCHEMA auth FROM anon") {
		t.Errorf("the last SQL is %s", last)
	}
	w.mustBe(t, before)
}

// TestSecretsThatAreWordsOfTheJournal: Recover counts steps by their names.
func TestSecretsThatAreWordsOfTheJournal(t *testing.T) {
	w := newWorld(t)
	w.e.Edit(func(e *coretest.Engine) {
		f := e.Files[".env"]
		f.Data = append(f.Data, "FIRST_SECRET=action\nSECOND_SECRET=roll\n"...)
		e.Files[".env"] = f
	})
	w.spoil = func(d *core.Diagnosis) { d.Findings = []core.Finding{{Code: "PG-01"}} }
	c, err := w.apply(t.Context(), w.plan(core.Action{Op: core.OpNote, Args: map[string]any{"text": "roll an " + planted}}))
	if err == nil || c.State != core.RolledBack {
		t.Fatalf("%+v, %v", c, err)
	}
	entries, err := w.st.Journal(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	for _, e := range entries {
		steps = append(steps, e.Step)
	}
	if !slices.Contains(steps, "action 1: note text=••• an •••") || !slices.Contains(steps, rollbackStep) {
		t.Errorf("steps are %q", steps)
	}
}

func TestVerifier(t *testing.T) {
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==") // RFC 7677, section 3
	if err != nil {
		t.Fatal(err)
	}
	got, err := verifier("pencil", salt)
	want := "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	if got != want || err != nil {
		t.Errorf("verifier %s, %v", got, err)
	}
	if prepare("ﬁ\u00a0\u00adx") != "fi x" {
		t.Errorf("prepared %q", prepare("ﬁ\u00a0\u00adx"))
	}
}

func TestSecretsAreMadeAndResolvedAtTheMomentOfUse(t *testing.T) {
	w := newWorld(t)
	p := w.plan(
		core.Action{Op: core.OpGenerateSecret, Args: map[string]any{"key": "POSTGRES_PASSWORD", "length": 40.0, "encoding": "hex"}},
		core.Action{Op: core.OpSetRolePassword, Args: map[string]any{"role": "authenticator", "password": handle("env:POSTGRES_PASSWORD")}},
		core.Action{Op: core.OpSetEnv, Args: map[string]any{"key": "COPY", "value": handle("svc:auth:GOTRUE_DB_PASSWORD")}},
		core.Action{Op: core.OpUnsetEnv, Args: map[string]any{"key": "KEEP"}},
		core.Action{Op: core.OpChmod, Args: map[string]any{"path": ".env", "mode": "0600"}},
	)
	c, err := w.apply(t.Context(), p)
	if err != nil || c.State != core.Committed {
		t.Fatalf("%+v, %v", c, err)
	}
	s := w.state()
	made := envValue(s.Files, "POSTGRES_PASSWORD")
	if len(made) != 40 || !accepts(*s.Roles["authenticator"], made) || envValue(s.Files, "COPY") != "stale-"+planted {
		t.Errorf("made %d characters, .env %q", len(made), s.Files[".env"].Data)
	}
	if strings.Contains(string(s.Files[".env"].Data), "KEEP") || s.Files[".env"].Mode != 0o600 {
		t.Errorf(".env %q %v", s.Files[".env"].Data, s.Files[".env"].Mode)
	}
	w.mustHoldNoSecret(t, err)
	p = w.plan(core.Action{Op: core.OpSetEnv, Args: map[string]any{"key": "A", "value": handle("env:NOT_THERE")}})
	if c, err := w.apply(t.Context(), p); err == nil || c.State != core.RolledBack || !strings.Contains(c.Reason, "env:NOT_THERE has no value") {
		t.Errorf("a missing secret: %+v, %v", c, err)
	}
}

// TestWhatIsWrittenIsPutInQuotes: a secret of which Compose reads a part becomes
// what stands in the file, and the plan never holds it.
func TestWhatIsWrittenIsPutInQuotes(t *testing.T) {
	w := newWorld(t)
	w.e.Edit(func(e *coretest.Engine) {
		e.ParseEnv = supabase.ParseEnv
		f := e.Files[".env"]
		f.Data = append(f.Data, "SMTP_PASS=pl4nted$ecret # of the provider\n"...)
		e.Files[".env"] = f
	})
	if err := w.signed(); err != nil { // so that nothing else ails it
		t.Fatal(err)
	}
	p := w.plan(core.Action{Op: core.OpSetEnv, Args: map[string]any{"key": "SMTP_PASS", "value": handle("written:SMTP_PASS")}})
	if c, err := w.apply(t.Context(), p); err != nil || c.State != core.Committed {
		t.Fatalf("%+v, %v", c, err)
	}
	if text := string(w.state().Files[".env"].Data); !strings.Contains(text, "\nSMTP_PASS='pl4nted$ecret'\nJWT_SECRET=") {
		t.Errorf(".env is %q", text)
	}
	w.mustHoldNoSecret(t, nil)
	p = w.plan(core.Action{Op: core.OpSetEnv, Args: map[string]any{"key": "SMTP_PASS", "value": handle("written:SMTP_PASS")}})
	if c, err := w.apply(t.Context(), p); err == nil || c.State != core.RolledBack || !strings.Contains(c.Reason, "written:SMTP_PASS has no value") {
		t.Errorf("what is written is the value: %+v, %v", c, err)
	}
}

func TestFailpointFromEnv(t *testing.T) {
	for value, want := range map[string]bool{"": false, "x": false, "x:sleep": false, "approve.before:kill": true} {
		t.Setenv("BASEWRIGHT_FAILPOINT", value)
		if f := FailpointFromEnv(); (f != nil) != want {
			t.Errorf("%q gives a failpoint: %v", value, f != nil)
		} else if f != nil {
			f("approve.after") // another one: nothing happens
		}
	}
}
