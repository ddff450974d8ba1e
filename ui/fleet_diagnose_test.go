package ui

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/basewright/basewright/core"
)

// TestNoticeOf wants words only for what there is a message of, with how many.
func TestNoticeOf(t *testing.T) {
	for done, want := range map[string]string{
		"":                           "",
		"saved":                      "Saved.",
		"begun:1":                    "1 diagnosis has begun; this page shows it as it ends.",
		"begun:2,paced:1":            "2 diagnoses have begun; this page shows them as they end. 1 instance was left out: it was diagnosed less than two minutes ago.",
		"barred:3":                   "3 instances were left out: you may not diagnose them.",
		"paced:<b>,paced:-1,paced:0": "",
		"nonsense:1,<script>":        "",
	} {
		if got := noticeOf("en", done); got != want {
			t.Errorf("%q says %q, want %q", done, got, want)
		}
	}
}

// outcomes is a world in which a diagnosis of customer-001 is refused since it was
// diagnosed just now, that of customer-002 fails, and nobody reaches customer-003.
func outcomes(t *testing.T) *world {
	w := newWorld(t)
	fleetOf(w, 5)
	w.look = func(i core.Instance) (*core.Diagnosis, error) {
		switch i.ID {
		case "customer-002":
			return nil, core.Errorf(core.NotFound, "the project customer-002 is not on this engine")
		case "customer-003":
			return nil, core.Errorf(core.Unreachable, "the engine stopped answering")
		case "customer-004":
			return nil, errors.New("a defect with " + canary)
		}
		return aDiagnosis(i.ID), nil
	}
	_, err := w.a.Diagnoses.Manual(t.Context(), core.Instance{ID: "customer-001"}, core.Full)
	must(t, err)
	return w
}

// TestDiagnoseSeveralTells wants to hear of each instance that was picked: how many
// diagnoses began, how many were left out and why, and in its row why one failed.
func TestDiagnoseSeveralTells(t *testing.T) {
	w := outcomes(t)
	_, eva := w.user("eva", map[string]core.Role{"customer-000": core.Operator, "customer-001": core.Operator, "customer-002": core.Operator, "customer-003": core.Operator, "customer-004": core.Operator, "shop": core.Viewer})
	picks := url.Values{"pick": {"customer-000", "customer-001", "customer-002", "customer-003", "customer-004", "shop", "other", "ghost"}}
	rec := w.form("/diagnose", eva, picks)
	if to := rec.Header().Get("Location"); rec.Code != http.StatusSeeOther || to != "/?done="+url.QueryEscape("begun:4,paced:1,barred:3") {
		t.Fatalf("%d to %s", rec.Code, to)
	}
	for id, want := range map[string]string{
		"customer-000": "PG-01",
		"customer-002": `The last diagnosis failed: the project customer-002 is not on this engine`,
		"customer-003": `It could not be looked at: the engine stopped answering`,
		"customer-004": `The last diagnosis failed: something went wrong in Basewright; its log says what`,
	} {
		i, err := w.a.Store.Instance(t.Context(), id)
		must(t, err)
		_, _ = w.a.Diagnoses.Run(t.Context(), i, core.Full, core.ByHand) // joins the one under way
		if page := w.ask(http.MethodGet, "/?q="+id, eva, "").Body.String(); !strings.Contains(row(page, id), want) {
			t.Errorf("%s is told as %s", id, row(page, id))
		}
	}
	q := httptest.NewRequest(http.MethodGet, rec.Header().Get("Location"), nil)
	q.Header.Set("Authorization", "Bearer "+eva)
	q.Header.Set("Accept-Language", "pt-BR")
	text := w.send(q).Body.String()
	for _, want := range []string{"4 diagnósticos começaram", "1 instância ficou de fora: foi diagnosticada", "3 instâncias ficaram de fora: você não pode", "O último diagnóstico falhou:"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	w.look = func(i core.Instance) (*core.Diagnosis, error) { return aDiagnosis(i.ID), nil }
	i, err := w.a.Store.Instance(t.Context(), "customer-002")
	must(t, err)
	_, err = w.a.Diagnoses.Run(t.Context(), i, core.Full, core.ByHand)
	must(t, err)
	if page := w.ask(http.MethodGet, "/?q=customer-002", eva, "").Body.String(); strings.Contains(row(page, "customer-002"), "failed") {
		t.Error("one that worked is told as failed")
	}
}

// TestDiagnoseSeveralInABrowser sees the same come in by itself.
func TestDiagnoseSeveralInABrowser(t *testing.T) {
	w := outcomes(t)
	w.withPassword("ana")
	b := browse(t, w)
	b.login()
	b.run(chromedp.Click(`thead [data-all=pick]`, chromedp.ByQuery))
	b.click(`form[action="/diagnose"] .under button`, "#notices .notice")
	if said := b.text("#notices .notice"); !strings.Contains(said, "6 diagnoses have begun") || !strings.Contains(said, "1 instance was left out") {
		t.Errorf("the notice says %q", said)
	}
	b.run(chromedp.WaitVisible(`//tr[@id="row-customer-002"]//*[contains(., "is not on this engine")]`, chromedp.BySearch),
		chromedp.WaitVisible(`//tr[@id="row-customer-003"]//*[contains(., "stopped answering")]`, chromedp.BySearch))
	b.shot("diagnosed-several-light")
	b.dress("dark")
	b.size(390, 844)
	b.open("/?done=begun:4,paced:1")
	b.shot("diagnosed-several-phone")
	b.fits("several diagnoses")
	b.quiet()
}
