package repairs

import (
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

func TestActions(t *testing.T) {
	tests := map[string]struct{ body, want string }{
		"restart":             {`return {{op='restart', service='auth', why='it hangs'}}`, "restart auth"},
		"by its compose name": {`return {{op='restart', service='gotrue'}}`, "restart auth"},
		"a secret passed on":  {`return {{op='set_role_password', role='postgres', password=t.env.POSTGRES_PASSWORD}}`, "set_role_password password=env:POSTGRES_PASSWORD role=postgres"},
		"numbers are whole":   {`return {{op='wait_http', service='auth', port=9999, path='/health'}}`, "wait_http auth path=/health port=9999"},
		"nothing to do":       {`return {}`, "!x.lua:2: plan returns no actions; to refuse, return nil and the reason"},
		"not declared":        {`return {{op='stop', service='auth'}}`, "!x.lua:2: action 1: uses operation stop that it does not declare in needs"},
		"unknown":             {`return {{op='rm', path='/'}}`, `!x.lua:2: action 1: there is no operation "rm"`},
		"no op":               {`return {{service='auth'}}`, "!x.lua:2: action 1: op is missing"},
		"no action":           {`return {'restart auth'}`, "!x.lua:2: action 1 is not a table"},
		"no service":          {`return {{op='restart'}}`, "!x.lua:2: action 1: restart: service is missing"},
		"unknown service":     {`return {{op='restart', service='auth-12'}}`, `!x.lua:2: action 1: restart: the instance has no service "auth-12"`},
		"service as number":   {`return {{op='restart', service=1}}`, "!x.lua:2: action 1: restart: service is not text"},
		"service where none":  {`return {{op='note', service='auth', text='x'}}`, `!x.lua:2: action 1: note has no argument "service"; it takes text`},
		"unknown argument":    {`return {{op='restart', service='auth', force=true}}`, `!x.lua:2: action 1: restart has no argument "force"; it takes service`},
		"second is wrong":     {`return {{op='restart', service='auth'}, {op='wait_healthy', service='auth', timeout=60}}`, `!x.lua:2: action 2: wait_healthy: timeout is 60, not a time such as "60s", up to 1h`},
		"endless wait":        {`return {{op='wait_healthy', service='auth', timeout='2h'}}`, `!timeout is "2h"`},
		"missing argument":    {`return {{op='set_env', key='A'}}`, "!x.lua:2: action 1: set_env: value is missing"},
		"key with a line":     {`return {{op='set_env', key='A\nB', value='x'}}`, "!not the name of a variable"},
		"value with a line":   {`return {{op='set_env', key='A', value='x\nB=1'}}`, "!not one line of text or the handle of a secret"},
		"why is a table":      {`return {{op='restart', service='auth', why={}}}`, "!x.lua:2: action 1: restart: why is not text"},
		"password as text":    {`return {{op='set_role_password', role='postgres', password='hunter2'}}`, "!not the handle of a secret"},
		"role with SQL":       {`return {{op='set_role_password', role='a"; drop table x', password=t.env.POSTGRES_PASSWORD}}`, "!not the name of a role"},
		"forged file handle":  {`return {{op='set_env', key='A', value={secret='file:/etc/shadow'}}}`, `!set_env: value is the secret "file:/etc/shadow", not one line of text or the handle of a secret`},
		"forged long handle":  {`return {{op='set_env', key='A', value={secret='env:A\nB'}}}`, "!not one line of text or the handle of a secret"},
		"exec":                {`return {{op='exec', service='auth', command={'sh'}}}`, "!x.lua:2: action 1: uses exec, which an admin has not allowed for this playbook"},
		"file outside":        {`return {{op='write_file', path='../other/.env', content='x'}}`, "!not a path inside the instance folder"},
		"absolute file":       {`return {{op='write_file', path='/etc/passwd', content='x'}}`, "!not a path inside the instance folder"},
		"port out of range":   {`return {{op='wait_http', service='auth', port=70000, path='/'}}`, "!port is 70000, not a whole number from 1 to 65535"},
		"path with a host":    {`return {{op='wait_http', service='auth', port=80, path='@evil/'}}`, `!not a path such as "/health"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			actions, refusal, err := evaluateBody(t.Context(), t, tt.body)
			if want, wrong := strings.CutPrefix(tt.want, "!"); wrong {
				if err == nil || !strings.Contains(err.Error(), want) || core.CodeOf(err) != core.Invalid {
					t.Errorf("err = %v, want %q", err, want)
				}
				return
			}
			if err != nil || refusal != "" || len(actions) != 1 || actions[0].String() != tt.want {
				t.Errorf("got %v, %q, %v; want %q", actions, refusal, err, tt.want)
			}
		})
	}
}

func TestHandleKeepsNoFingerprint(t *testing.T) {
	actions, _, err := evaluateBody(t.Context(), t, `return {{op='set_role_password', role='postgres', password=t.env.POSTGRES_PASSWORD}}`)
	if err != nil {
		t.Fatal(err)
	}
	equalJSON(t, actions[0].Args, map[string]any{"role": "postgres", "password": map[string]any{"secret": "env:POSTGRES_PASSWORD"}})
}

func TestRefusalIsOneLine(t *testing.T) {
	_, refusal, err := evaluateBody(t.Context(), t, `return nil, 'no\27[31m\nway'`)
	if err != nil || refusal != "no [31m way" {
		t.Errorf("refusal %q, %v", refusal, err)
	}
}

func TestParams(t *testing.T) {
	b := book(t, "p", `return { title = "x", risk = "low", needs = { "note" },
	params = { text = { type = "string", default = "hi" }, n = { type = "int", default = 3 }, on = { type = "bool" },
	           wait = { type = "duration", default = "60s" } },
	plan = function(t, p) return { { op = "note", text = p.text .. p.n + 1 .. tostring(p.on) .. p.wait } } end }`)
	tests := map[string]struct {
		given map[string]string
		want  string
	}{
		"defaults":       {nil, "note text=hi4nil60s"},
		"given":          {map[string]string{"text": "yo", "n": "9", "on": "true", "wait": "5m"}, "note text=yo10true5m"},
		"unknown":        {map[string]string{"x": "1"}, `!playbook p has no parameter "x"; it has n, on, text, wait`},
		"no number":      {map[string]string{"n": "1.5"}, `!playbook p: parameter n is "1.5", not a whole number`},
		"no bool":        {map[string]string{"on": "maybe"}, `!playbook p: parameter on is "maybe", not true or false`},
		"no duration":    {map[string]string{"wait": "60"}, `!playbook p: parameter wait is "60", not a time such as "60s", up to 1h`},
		"no time at all": {map[string]string{"wait": "-1s"}, `!not a time`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			actions, _, err := Evaluate(t.Context(), b, nil, tt.given)
			if want, wrong := strings.CutPrefix(tt.want, "!"); wrong {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("err = %v, want %q", err, want)
				}
				return
			}
			if err != nil || actions[0].String() != tt.want {
				t.Errorf("got %v, %v; want %q", actions, err, tt.want)
			}
		})
	}
}
