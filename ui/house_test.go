package ui

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/access"
)

func init() {
	maps.Copy(who, map[string]string{
		"POST /api/instances/preflight": "root admin", "POST /api/playbooks/test": "root admin", "GET /api/playbooks/:pid/versions": "login read",
	})
	good = append(good, []struct{ method, path, body string }{
		{"POST", "/api/instances/preflight", `{"name":"Fresh"}`}, {"POST", "/api/playbooks/test", `{"source":"return {}"}`}, {"GET", "/api/playbooks/my-book/versions", ""},
	}...)
	maps.Copy(whoPages, map[string]string{
		"GET /palette": "login", "GET /settings": "login", "POST /settings/password": "login", "GET /about": "login",
		"GET /settings/factor": "login", "POST /settings/factor": "login", "POST /settings/factor/remove": "login",
		"GET /tokens": "login", "POST /tokens": "login", "POST /tokens/:tid/revoke": "login",
		"GET /users": "root", "POST /users": "root", "POST /users/:uid": "root", "POST /users/:uid/remove": "root", "POST /users/:uid/grants": "root",
		"GET /audit": "root", "GET /quarantine": "login", "POST /quarantine/:aside/restore": "operator", "POST /quarantine/:aside/purge": "admin",
		"GET /adopt": "root", "POST /adopt": "root", "GET /new": "root", "POST /new": "root", "POST /new/check": "root", "POST /instances/:id/handover": "admin",
		"GET /playbooks": "login", "GET /playbooks/new": "root", "GET /playbooks/:pid": "login", "GET /playbooks/:pid/plan": "login",
		"GET /playbooks/:pid/edit": "root", "POST /playbooks/:pid/edit": "root", "POST /playbooks/:pid/save": "root", "GET /security": "login",
	})
}

var (
	onceShown = regexp.MustCompile(`<code id="once">([^<]+)</code>`)
	wasWrong  = regexp.MustCompile(`(?s)class="problem"[^>]*>.*?<span>([^<]*)</span>`)
)

// TestUsersByForm follows a user from the form that adds them to the one that
// removes them.
func TestUsersByForm(t *testing.T) {
	w := newWorld(t)
	me, login := w.user("root", map[string]core.Role{"*": core.Admin})
	rec := w.form("/users", login, url.Values{"name": {"bob"}, "role": {"viewer"}, "instance": {"shop"}})
	m := onceShown.FindStringSubmatch(rec.Body.String())
	if rec.Code != http.StatusOK || m == nil {
		t.Fatalf("no password is shown: %d", rec.Code)
	}
	if got := w.logIn("/api/login", "192.0.2.7", "bob", m[1]); got.Code != http.StatusOK {
		t.Errorf("the password that was drawn does not open: %d", got.Code)
	}
	if again := w.ask("GET", "/users", login, "").Body.String(); strings.Contains(again, m[1]) {
		t.Error("the password is shown twice")
	}
	bob, _, err := w.a.Store.UserByName(t.Context(), "bob")
	must(t, err)
	if bob.Grants["shop"] != core.Viewer || len(bob.Grants) != 1 {
		t.Errorf("grants %v", bob.Grants)
	}
	for _, step := range []struct {
		path   string
		form   url.Values
		code   int
		grants map[string]core.Role
	}{
		{"/grants", url.Values{"role": {"operator"}}, 303, map[string]core.Role{"shop": core.Viewer, "*": core.Operator}},
		{"/grants", url.Values{"instance": {"*"}}, 303, map[string]core.Role{"shop": core.Viewer}},
		{"/grants", url.Values{"role": {"king"}, "instance": {"shop"}}, 400, map[string]core.Role{"shop": core.Viewer}},
		{"", url.Values{"password": {"short"}}, 400, map[string]core.Role{"shop": core.Viewer}},
		{"", url.Values{"disabled": {"yes"}}, 303, map[string]core.Role{"shop": core.Viewer}},
	} {
		rec := w.form("/users/"+bob.ID+step.path, login, step.form)
		now, err := w.a.Store.User(t.Context(), bob.ID)
		must(t, err)
		if rec.Code != step.code || !maps.Equal(now.Grants, step.grants) {
			t.Errorf("%s %v: %d, grants %v", step.path, step.form, rec.Code, now.Grants)
		}
		if step.code == 400 && wasWrong.FindStringSubmatch(rec.Body.String()) == nil {
			t.Errorf("%s %v: the page does not say what was wrong", step.path, step.form)
		}
	}
	if rec := w.form("/users/"+me.ID+"/remove", login, nil); rec.Code != http.StatusConflict || !strings.Contains(rec.Body.String(), "last admin") {
		t.Errorf("the last admin goes: %d", rec.Code)
	}
	if rec := w.form("/users/"+bob.ID+"/remove", login, nil); rec.Code != 303 {
		t.Errorf("remove: %d", rec.Code)
	}
	if _, err := w.a.Store.User(t.Context(), bob.ID); core.CodeOf(err) != core.NotFound {
		t.Errorf("bob is still there: %v", err)
	}
}

// TestTokensByForm wants the text of a token on one page only, and nobody to see
// or end another's.
func TestTokensByForm(t *testing.T) {
	w := newWorld(t)
	_, ana := w.user("ana", map[string]core.Role{"shop": core.Operator})
	_, bob := w.user("bob", map[string]core.Role{"shop": core.Operator})
	_, root := w.user("root", map[string]core.Role{"*": core.Admin})
	rec := w.form("/tokens", ana, url.Values{"name": {"cron"}, "verb": {"read", "diagnose"}, "instances": {"shop"}, "days": {"7"}})
	m := onceShown.FindStringSubmatch(rec.Body.String())
	if m == nil {
		t.Fatalf("no token is shown: %d", rec.Code)
	}
	if got := w.ask("GET", "/api/instances/shop", m[1], ""); got.Code != http.StatusOK {
		t.Errorf("the token does not open: %d", got.Code)
	}
	if page := w.ask("GET", "/tokens", ana, "").Body.String(); strings.Contains(page, m[1]) || !strings.Contains(page, ">cron<") {
		t.Error("the list shows the text, or not the token")
	}
	if page := w.ask("GET", "/tokens", ana, "").Body.String(); strings.Contains(page, `value="admin"`) || strings.Contains(page, `"other"`) {
		t.Error("an operator is offered what they may not, or learns of another instance")
	}
	if page := w.ask("GET", "/tokens?all=1", root, "").Body.String(); !strings.Contains(page, ">ana<") {
		t.Error("an admin does not see whose token it is")
	}
	if rec := w.ask("GET", "/tokens?all=1", bob, ""); rec.Code != http.StatusForbidden {
		t.Errorf("everybody's tokens for bob: %d", rec.Code)
	}
	own, err := w.a.Store.Tokens(t.Context(), "")
	must(t, err)
	if rec := w.form("/tokens/"+own[0].ID+"/revoke", bob, nil); rec.Code != http.StatusNotFound {
		t.Errorf("bob revokes ana's token: %d", rec.Code)
	}
	if rec := w.form("/tokens/"+own[0].ID+"/revoke", ana, nil); rec.Code != 303 {
		t.Errorf("revoke: %d", rec.Code)
	}
	if got := w.ask("GET", "/api/instances/shop", m[1], ""); got.Code != http.StatusUnauthorized {
		t.Errorf("the token lives on: %d", got.Code)
	}
}

// TestAuditPage narrows the log down, leads to older entries, and proves it.
func TestAuditPage(t *testing.T) {
	w := newWorld(t)
	_, login := w.user("root", map[string]core.Role{"*": core.Admin})
	for range 5 {
		must(t, w.a.Store.Append(t.Context(), core.AuditEntry{At: w.a.Now(), Actor: "user:ana", Action: "instance.mark", Instance: "shop", Outcome: "ok", Detail: "100% <b>bold</b>"}))
	}
	for query, want := range map[string]int{"q=100%25+%3Cb": 5, "q=INSTANCE.MARK&instance=shop": 5, "instance=other&q=mark": 0, "outcome=denied": 0, "q=mark&limit=2": 2, "q=_nstance": 0} {
		page := w.ask("GET", "/audit?"+query, login, "").Body.String()
		if n := strings.Count(page, "<td><code>instance.mark</code></td>"); n != want {
			t.Errorf("%s: %d entries, want %d", query, n, want)
		}
		if strings.Contains(page, "<b>bold") {
			t.Errorf("%s: the detail is markup", query)
		}
	}
	page := w.ask("GET", "/audit?limit=2", login, "").Body.String()
	older := regexp.MustCompile(`href="(/audit\?before=(\d+)[^"]*)"`).FindStringSubmatch(page)
	if older == nil || !strings.Contains(page, ">"+older[2]+"</td>") {
		t.Fatal("no way to older entries")
	}
	if next := w.ask("GET", strings.ReplaceAll(older[1], "&amp;", "&"), login, "").Body.String(); strings.Contains(next, ">"+older[2]+"</td>") {
		t.Error("the older page repeats an entry")
	}
	if page := w.ask("GET", "/audit?verify=1", login, "").Body.String(); !strings.Contains(page, "none changed, removed, inserted or cut off") {
		t.Error("no proof")
	}
	if rec := w.ask("GET", "/audit?outcome=x", login, ""); rec.Code != http.StatusBadRequest {
		t.Errorf("an unknown outcome: %d", rec.Code)
	}
}

// TestPasswordByForm changes one's own password, and only with the old one.
func TestPasswordByForm(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	login := decoded(t, w.logIn("/api/login", "192.0.2.1", "ana", goodPassword))["token"].(string)
	const fresh = "another fine password"
	for want, form := range map[string]url.Values{
		"differ":       {"old": {goodPassword}, "new": {fresh}, "again": {fresh + "x"}},
		"old password": {"old": {"not the one it is"}, "new": {fresh}, "again": {fresh}},
	} {
		page := w.form("/settings/password", login, form).Body.String()
		if m := wasWrong.FindStringSubmatch(page); m == nil || !strings.Contains(m[1], want) {
			t.Errorf("%s: the page says %v", want, m)
		}
	}
	if rec := w.form("/settings/password", login, url.Values{"old": {goodPassword}, "new": {fresh}, "again": {fresh}}); rec.Code != 303 {
		t.Errorf("%d", rec.Code)
	}
	if rec := w.logIn("/api/login", "192.0.2.1", "ana", fresh); rec.Code != http.StatusOK {
		t.Errorf("the new password does not open: %d", rec.Code)
	}
}

// TestPaletteKnowsOnlyWhatIsSeen leaves out what somebody may not go to.
func TestPaletteKnowsOnlyWhatIsSeen(t *testing.T) {
	w := newWorld(t)
	_, viewer := w.user("ana", map[string]core.Role{"shop": core.Viewer})
	page := w.ask("GET", "/palette", viewer, "").Body.String()
	if !strings.Contains(page, "/instances/shop") || strings.Contains(page, "/instances/other") || strings.Contains(page, `"/users"`) {
		t.Errorf("the palette of a viewer: %s", page)
	}
}

// TestPlaybookEditor checks, refuses what is not right, saves, and goes back to
// an older version.
func TestPlaybookEditor(t *testing.T) {
	w := newWorld(t)
	_, login := w.user("root", map[string]core.Role{"*": core.Admin})
	saved := map[string]string{}
	w.a.SavePlaybook = func(_ context.Context, id, source string) error { saved[id] = source; return nil }
	for _, step := range []struct {
		path, what, id, source string
		code                   int
		says                   string
	}{
		{"new", "check", "", "return {}", 200, "every example"},
		{"new", "check", "", "wrong", 200, ".lua:2: wrong"},
		{"new", "check", "", "fails", 200, "plans nothing"},
		{"new", "save", "", "return {}", 200, "give the playbook an id"},
		{"new", "save", "../evil", "return {}", 200, "small letters"},
		{"new", "save", "my-own", "wrong", 200, ".lua:2: wrong"},
		{"new", "save", "my-own", "fails", 200, "plans nothing"},
		{"new", "save", "my-own", "-- <b>\r\nreturn {}", 303, ""},
		{"my-book", "save", "", "-- one\nreturn {}\n", 303, ""},
		{"my-book", "plan", "", "return {}", 200, "<code>restart auth</code>"},
		{"my-book", "plan", "", "refuse", 200, "mend that first"},
		{"new", "plan", "", "wrong", 200, `data-line="2"`},
	} {
		way := map[bool]string{true: "/save", false: "/edit"}[step.what == "save"]
		rec := w.form("/playbooks/"+step.path+way, login, url.Values{"what": {step.what}, "id": {step.id}, "source": {step.source}, "instance": {"shop"}})
		if rec.Code != step.code || !strings.Contains(rec.Body.String(), step.says) {
			t.Errorf("%v: %d, %.300s", step, rec.Code, rec.Body)
		}
	}
	if len(saved) != 2 || saved["my-own"] != "-- <b>\nreturn {}" || saved["my-book"] != "-- one\nreturn {}\n" {
		t.Errorf("saved %q", saved)
	}
	if rec := w.form("/playbooks/new/edit", login, url.Values{"what": {"plan"}, "source": {"return {}"}, "instance": {"ghost"}}); rec.Code != http.StatusNotFound {
		t.Errorf("planned for an instance that is not there: %d", rec.Code)
	}
	page := w.ask("GET", "/playbooks/my-book?version=a.lua", login, "").Body.String()
	if !strings.Contains(page, `<span class="comment">-- one</span>`) || !strings.Contains(page, `value="save"`) {
		t.Errorf("an older version is not shown: %s", page)
	}
	if rec := w.ask("GET", "/playbooks/my-book?version=../../x", login, ""); rec.Code != http.StatusNotFound {
		t.Errorf("a version that is not there: %d", rec.Code)
	}
	if to := w.ask("GET", "/playbooks/my-book/plan?instance=shop", login, "").Header().Get("Location"); to != "/instances/shop/fix?playbook=my-book" {
		t.Errorf("to the plan: %s", to)
	}
}

// TestSecurityPage groups findings by code over the instances that somebody sees.
func TestSecurityPage(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"shop", "other"} {
		d := aDiagnosis(id)
		d.Findings = append(d.Findings, core.Finding{Code: "SEC-01", Severity: core.Critical, Category: core.Configuration, Title: "Demo keys",
			Evidence: []core.Evidence{{Source: "file:.env", Text: "<script>" + id}}})
		must(t, w.a.Store.SaveDiagnosis(t.Context(), d))
	}
	_, viewer := w.user("ana", map[string]core.Role{"shop": core.Viewer})
	_, root := w.user("root", map[string]core.Role{"*": core.Admin})
	all := w.ask("GET", "/security", root, "").Body.String()
	if strings.Count(all, `id="exposure-SEC-01"`) != 1 || !strings.Contains(all, "/instances/other#finding-SEC-01") || strings.Contains(all, `exposure-PG-01`) || strings.Contains(all, "<script>shop") {
		t.Errorf("the page of an admin: %s", all)
	}
	if own := w.ask("GET", "/security", viewer, "").Body.String(); strings.Contains(own, "other") || !strings.Contains(own, "/instances/shop#finding-SEC-01") {
		t.Errorf("the page of a viewer: %s", own)
	}
	if none := w.ask("GET", "/security?category=isolation", root, "").Body.String(); strings.Contains(none, `exposure-SEC-01`) {
		t.Error("the filter does nothing")
	}
}

// TestSecondFactorByForm turns the second factor on with a code of its secret,
// shows the recovery codes once, and turns it off again.
func TestSecondFactorByForm(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	login := decoded(t, w.logIn("/api/login", "192.0.2.1", "ana", goodPassword))["token"].(string)
	m := onceShown.FindStringSubmatch(w.ask("GET", "/settings/factor", login, "").Body.String())
	if m == nil {
		t.Fatal("no secret is shown")
	}
	code := func() string {
		text, err := access.FactorCode(core.Secret(m[1]), w.a.Now().Unix()/30)
		must(t, err)
		return text
	}
	if page := w.form("/settings/factor", login, url.Values{"secret": {m[1]}, "code": {"000000"}, "password": {goodPassword}}).Body.String(); wasWrong.FindString(page) == "" || !strings.Contains(page, m[1]) {
		t.Error("a wrong code is not told, or the secret is another one then")
	}
	page := w.form("/settings/factor", login, url.Values{"secret": {m[1]}, "code": {code()}, "password": {goodPassword}}).Body.String()
	kept := regexp.MustCompile(`<li><code>([a-z0-9-]+)</code>`).FindStringSubmatch(page)
	if kept == nil {
		t.Fatalf("no recovery codes: %s", page)
	}
	if page := w.ask("GET", "/settings/factor", login, "").Body.String(); strings.Contains(page, kept[1]) || strings.Contains(page, m[1]) {
		t.Error("a secret is shown twice")
	}
	if rec := w.form("/settings/factor/remove", login, url.Values{"code": {kept[1]}, "password": {goodPassword}}); rec.Code != 303 {
		t.Errorf("remove: %d %v", rec.Code, wasWrong.FindStringSubmatch(rec.Body.String()))
	}
}
