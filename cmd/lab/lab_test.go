package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

func TestOnlyTheLabsThingsAreRemoved(t *testing.T) {
	mine, project := map[string]string{label: "1", projectLabel: "lab-a"}, map[string]string{projectLabel: "lab-a"}
	for name, c := range map[string]struct {
		labels map[string]string
		stack  string
		want   bool
	}{
		"a container of the stack":                       {mine, "lab-a", true},
		"a container of another stack":                   {mine, "lab-b", false},
		"a helper of the stack":                          {map[string]string{label: "1", labelStack: "lab-a"}, "lab-a", true},
		"somebody's project of the same name":            {project, "lab-a", false},
		"somebody's project, when all are removed":       {project, "", false},
		"any stack of the lab, when all are removed":     {mine, "", true},
		"something without labels, when all are removed": {nil, "", false},
		"something with the label set to something else": {map[string]string{label: "0", projectLabel: "lab-a"}, "lab-a", false},
	} {
		if got := (thing{labels: c.labels}).ofStack(c.stack); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestExitCodes(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"no engine":           {fmt.Errorf("%w, really", errNoEngine), 2},
		"a wrong argument":    {&usageError{errors.New("x")}, 2},
		"an unknown stack":    {core.Errorf(core.NotFound, "x"), 2},
		"a sign-up that fail": {errors.New("x"), 1},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%s: exit %d, want %d", name, got, c.want)
		}
	}
}

func TestUsageErrorsExitWith2(t *testing.T) {
	for _, line := range []string{"break lab-a", "down", "down --all lab-a", "images --no-such", "mend", "faults x"} {
		var out, complaint bytes.Buffer
		dir := t.TempDir()
		if code := run(t.Context(), append(strings.Fields(line), "--dir", dir), &out, &complaint); code != 2 {
			t.Errorf("lab %s: exit %d: %s", line, code, &complaint)
		}
	}
}

func TestEveryFaultIsWhole(t *testing.T) {
	seen := map[string]bool{}
	form := regexp.MustCompile(`^[A-Z]+-\d\d(-[A-Z]+)?$`) // a second way to bring a code about has a word of its own
	for _, f := range faults() {
		if !form.MatchString(f.code) || seen[f.code] {
			t.Errorf("the code %q is malformed or used twice", f.code)
		}
		seen[f.code] = true
		if f.apply == nil || f.shows == nil || f.mend == nil || !strings.HasSuffix(f.does, ".") {
			t.Errorf("%s cannot be brought about, seen, mended or understood", f.code)
		}
	}
	if len(seen) < 16 {
		t.Errorf("%d faults, want at least 16", len(seen))
	}
}

func TestBrokenIsRemembered(t *testing.T) {
	s := stack{name: "lab-x", dir: t.TempDir()}
	want := brokenList{{Code: "PG-01"}, {Code: "DK-07", Saved: saved{"SITE_URL": "a"}}}
	if err := s.setBroken(want); err != nil {
		t.Fatal(err)
	}
	got, err := s.broken()
	if err != nil || len(got) != 2 || got[1].Saved["SITE_URL"] != "a" || got.find("DK-07") != 1 {
		t.Errorf("got %v, %v", got, err)
	}
	if info, err := os.Stat(s.path(".broken")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the record can be read by others: %v, %v", info.Mode(), err)
	}
	if err := s.setBroken(nil); err != nil {
		t.Fatal(err)
	}
	if got, err := s.broken(); err != nil || len(got) != 0 {
		t.Errorf("an empty record gives %v, %v", got, err)
	}
}

func TestAnswerHidesTokens(t *testing.T) {
	a := answer{200, `{"access_token":"eyJhbGciOi.secret.sig","user":{"id":"7","email":"u@example.com"}}`}
	if got := a.short(); strings.Contains(got, "secret") || !strings.Contains(got, "u@example.com") {
		t.Errorf("short says %q", got)
	}
	if got := (answer{500, `{"msg":"Database error saving new user"}`}).message(); got != "Database error saving new user" {
		t.Errorf("message is %q", got)
	}
}

func TestBuildResult(t *testing.T) {
	if err := buildResult(strings.NewReader(`{"stream":"Step 1/2"}` + "\n" + `{"error":"no such file"}`)); err == nil || !strings.Contains(err.Error(), "Step 1/2") {
		t.Errorf("a failed build gives %v", err)
	}
	if err := buildResult(strings.NewReader(`{"stream":"done"}`)); err != nil {
		t.Error(err)
	}
}
