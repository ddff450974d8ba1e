package supabase

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

func TestReadKong(t *testing.T) {
	f, err := ReadKong([]byte(`_format_version: '2.1'
plugins: [{name: cors}]
services:
  - name: auth
    url: http://auth:9999/
    routes: [{name: a, plugins: [{name: acl}]}]
    plugins:
      - {name: key-auth}
      - {name: oidc, enabled: false}
  - {name: studio, host: studio, port: 3000}
`))
	if got := fmt.Sprint(f, err); got != "{[{auth 5} {studio 10}] [{cors 2} {acl 6} {key-auth 8}]} <nil>" {
		t.Error(got)
	}
}

func TestReadEnvoy(t *testing.T) {
	f, err := ReadEnvoy([]byte("resources:\n- load_assignment:\n    endpoints:\n    - address: {socket_address: {address: auth, port_value: 9999}}\n"))
	if got := fmt.Sprint(f, err); got != "{[{auth 4}] []} <nil>" {
		t.Error(got)
	}
}

func TestReadVector(t *testing.T) {
	for text, want := range map[string]VectorFile{
		"sources:\n  a: {type: syslog}\n":                                                           {Filtered: true},
		"sources:\n  a: {type: docker_logs, exclude_containers: [x]}\n":                             {Docker: true},
		"sources:\n  a:\n    type: docker_logs\n    include_labels: [\"p=${P:-x}\"]\n":              {Docker: true, Filtered: true},
		"sources:\n  a: {type: docker_logs, docker_host: tcp://x:1}\n  b: {type: docker_logs}\n":    {Docker: true, DockerHost: true},
		"sources: {}\nsinks:\n  b:\n    request: {headers: {k: ${TOKEN?TOKEN is: {required}}}}\n{}": {},
	} {
		got, err := ReadVector([]byte(text))
		if (err != nil) != (want == VectorFile{}) || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

// TestFileErrors wants the line of what is wrong with a file.
func TestFileErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "an object is expected",
		"- a\n":                     "an object is expected",
		"a: \"x\"/callback\nb: 1\n": "did not find expected key",
		"a: b\n c: d\n":             "line 2: ",
	} {
		for name, read := range map[string]func() error{
			"kong":   func() error { _, err := ReadKong([]byte(text)); return err },
			"envoy":  func() error { _, err := ReadEnvoy([]byte(text)); return err },
			"vector": func() error { _, err := ReadVector([]byte(text)); return err },
		} {
			err := read()
			if _, ok := errors.AsType[*FileError](err); !ok || !strings.Contains(err.Error(), want) {
				t.Errorf("%s of %q: %v", name, text, err)
			}
		}
	}
}

func TestFill(t *testing.T) {
	env := map[string]core.Secret{"A": "1", "B_C": "2"}
	text := `k: "$A"/x ${B_C} $GONE \"q\" 'y'`
	if got := FillShell(text, env); got != `k: 1/x 2  "q" 'y'` {
		t.Error(got)
	}
	if got := FillPlain(text, env); got != `k: "1"/x 2  \"q\" 'y'` {
		t.Error(got)
	}
}
