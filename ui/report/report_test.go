package report_test

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/report"
)

func explain(code string) (core.Explanation, bool) {
	e, ok := map[string]core.Explanation{
		"PG-01":   {Code: "PG-01", Title: "A wrong password", What: "What happened.", Breaks: "Logins.", Do: "Align them.", Data: "None is."},
		"AUTH-01": {Code: "AUTH-01", Title: "Auth is refused"},
		"DISK":    {Code: "DISK", Title: "The disk is full", OnHost: true, What: "No room to write."},
	}[code]
	return e, ok
}

// sick is a diagnosis with a cause, three symptoms of it, a warning, a remark
// and a part that could not be seen.
func sick() *core.Diagnosis {
	cause, at := "PG-01", time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)
	return &core.Diagnosis{
		ID: "1", InstanceID: "shop", Project: "shop", Timestamp: at, DurationMS: 1234, Mode: core.Full, Status: core.Unhealthy,
		Results: map[core.Category]core.CategoryResult{core.DatabaseConnection: {Status: "1 critical"}},
		Findings: []core.Finding{
			{Code: "DK-30", Severity: core.Warning, Service: "db", Title: "Logs grow"},
			{Code: "AUTH-01", Severity: core.Critical, Service: "auth", Title: "auth is refused", CausedBy: &cause},
			{Code: "AUTH-01", Severity: core.Critical, Service: "pooler", Title: "pooler is refused", CausedBy: &cause},
			{Code: "PG-01", Severity: core.Critical, Service: "db", Title: "A wrong password", Remedies: []core.Remedy{{Playbook: "align", Risk: core.MediumRisk, DataLoss: "none"}},
				Evidence: []core.Evidence{{Source: "login:a", Text: "refused 1", At: &at}, {Text: "2"}, {Text: "3"}, {Text: "4"}, {Source: "login:e", Text: "refused 5"}}},
			{Code: "GW-07", Severity: core.Warning, Service: "gateway", Title: "A service is silent", CausedBy: &cause},
			{Code: "NEW-1", Severity: core.Info, Title: "Worth knowing", Explanation: "Not in the catalogue."},
		},
		RootCauses: []string{"PG-01", "DK-30"},
		Unknowns:   []core.Unknowable{{Check: "logs of meta", Reason: "the driver keeps none"}},
	}
}

func TestArrange(t *testing.T) {
	s := report.Arrange(sick(), explain)
	if len(s.Causes) != 2 || s.Causes[0].Code != "PG-01" || s.Causes[1].Code != "DK-30" || len(s.Remarks) != 1 {
		t.Fatalf("causes %+v, remarks %+v", s.Causes, s.Remarks)
	}
	symptoms := s.Causes[0].Symptoms
	if len(symptoms) != 2 || symptoms[0].Title != "Auth is refused" || !slices.Equal(symptoms[0].Services, []string{"auth", "pooler"}) || len(s.Causes[1].Symptoms) != 0 {
		t.Errorf("symptoms %+v", symptoms)
	}
	if want := "1 critical cause, 1 warning, 1 remark, 1 part that could not be looked at; 3 symptoms go away with them."; s.Summary() != want {
		t.Errorf("summary %q, want %q", s.Summary(), want)
	}
	if got := report.Arrange(&core.Diagnosis{}, explain).Summary(); got != "Nothing is wrong that can be seen from outside." {
		t.Errorf("of nothing: %q", got)
	}
}

func page(t *testing.T, diagnoses ...*core.Diagnosis) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.HTML(&b, time.Date(2026, 11, 21, 18, 5, 0, 0, time.UTC), diagnoses, explain); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestHTML wants the cause before its symptoms, what mends it, the rest folded,
// and nothing that the page would have to fetch or run.
func TestHTML(t *testing.T) {
	well := &core.Diagnosis{Project: "other", Status: core.Healthy}
	out := page(t, well, sick())
	at := 0
	for _, want := range []string{
		"Diagnosis of 2 instances", "1 unhealthy", "1 healthy", `href="#instance-1">shop`, `href="#instance-2">other`, `id="instance-1"`,
		"PG-01", "A wrong password", "What happened.", "Align them.", "None is.", "basewright repair shop align --plan", "18:00:00 UTC", "refused 1",
		"<details", "refused 5", "<details", "AUTH-01", "auth, pooler", "DK-30", "logs of meta", "<details", "NEW-1", "Not in the catalogue.", "database connection", "other",
	} {
		i := strings.Index(out[at:], want)
		if i < 0 {
			t.Fatalf("no %q behind byte %d", want, at)
		}
		at += i
	}
	if m := regexp.MustCompile(`(?i)https?:|src=|url\(|@import|<script|<link|<iframe|javascript:`).FindString(out); m != "" {
		t.Errorf("the page needs %s", m)
	}
	if one := page(t, sick()); !strings.Contains(one, "<h1>Diagnosis of shop</h1>") || strings.Contains(one, "<nav") {
		t.Error("one instance has a list of instances")
	}
}

// TestHTMLTellsOfTheHostOnce wants what two instances say of the machine once,
// above them, and what it comes to in each.
func TestHTMLTellsOfTheHostOnce(t *testing.T) {
	full := func(name string) *core.Diagnosis {
		cause := "DISK"
		return &core.Diagnosis{Project: name, InstanceID: name, Status: core.Unhealthy, Findings: []core.Finding{
			{Code: "DISK", Severity: core.Critical, Service: "host", Title: "The disk is full", Evidence: []core.Evidence{{Source: "statfs:/", Text: "no byte free"}}},
			{Code: "AUTH-01", Severity: core.Critical, Service: "auth", CausedBy: &cause},
		}}
	}
	out := page(t, full("shop"), full("blog"), &core.Diagnosis{Project: "wiki", Status: core.Healthy})
	if strings.Count(out, "No room to write.") != 1 || strings.Count(out, "no byte free") != 1 || strings.Count(out, "see above") != 2 || strings.Count(out, "Auth is refused") != 2 {
		t.Errorf("the disk is told more or less than once, or its symptoms are:\n%s", out)
	}
	if i := strings.Index(out, "Instances: shop, blog."); i < 0 || i > strings.Index(out, `id="instance-1"`) {
		t.Error("the host does not come first with the instances on it")
	}
	if one := page(t, full("shop")); strings.Contains(one, "This host") || !strings.Contains(one, "no byte free") {
		t.Error("what one instance says is called the host's, or is lost")
	}
}

// tags are all that the page is made of.
var tags = regexp.MustCompile(`<[a-zA-Z/!?][^>]*>`)

var allowed = regexp.MustCompile(`^</?(html|head|meta|title|style|body|div|header|h1|h2|h3|h4|p|span|code|pre|ul|li|nav|table|thead|tbody|tr|th|td|a|strong|main|section|article|details|summary|dl|dt|dd|time|footer)( (lang|charset|name|http-equiv|content|class|id|datetime|scope|href|aria-label|aria-labelledby|aria-hidden|open)(="[^"]*")?)*>$|^<!doctype html>$`)

// TestHostile puts hostile text wherever text comes from outside.
func TestHostile(t *testing.T) {
	long := strings.Repeat("A", 1<<20)
	for name, text := range map[string]string{
		"markup": `</p></style></title><script>alert(1)</script><img src=x onerror=alert(1)>`, "an attribute": `" onmouseover="alert(1)" x="`, "htmx": `<div hx-get="/x" hx-on:click="x">`,
		"a template": `{{.}} {{printf "%s" .Stacks}}`, "a terminal": "\x1b[31m\x1b]52;c;eA==\x07\x9b31m", "lines": "a\r\nb\x00c", "a turn": "\u202egnp.exe\u2066\u2028",
		"no UTF-8": "\xff\xfe\xc3\x28", "a comment": `<!-- --!> ]]>`, "very long": long,
	} {
		t.Run(name, func(t *testing.T) {
			d := sick()
			d.Project, d.InstanceID, d.Mode = text, text, core.Depth(text)
			d.Unknowns = []core.Unknowable{{Check: text, Reason: text}}
			d.Results[core.DatabaseConnection] = core.CategoryResult{Status: text}
			d.RootCauses = []string{text}
			for i := range d.Findings {
				f := &d.Findings[i]
				f.Title, f.Service, f.Explanation, f.Severity = text, core.Service(text), text, core.Critical
				f.Evidence = []core.Evidence{{Source: text, Text: text}}
				f.Remedies = []core.Remedy{{Playbook: text, Risk: core.Risk(text), DataLoss: text}}
			}
			out := page(t, d, &core.Diagnosis{Project: text, Status: core.Healthy})
			for _, tag := range tags.FindAllString(out, -1) {
				if !allowed.MatchString(tag) {
					t.Errorf("the page has %.200s", tag)
				}
			}
			if i := strings.IndexFunc(out, func(r rune) bool {
				return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || strings.ContainsRune("\u202e\u2066\u2028\ufffd", r)
			}); i >= 0 {
				t.Errorf("byte %d is %q", i, out[i:i+4])
			}
			if len(out) > 200_000 {
				t.Errorf("%d bytes", len(out))
			}
		})
	}
}
