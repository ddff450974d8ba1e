package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// kongFile is the part of Kong's declarative format that Supabase's kong.yml uses.
type kongFile struct {
	Consumers []kongConsumer    `yaml:"consumers"`
	ACLs      []kongACL         `yaml:"acls"`
	KeyAuths  []kongKey         `yaml:"keyauth_credentials"`
	Basic     []kongBasic       `yaml:"basicauth_credentials"`
	Services  []kongService     `yaml:"services"`
	Plugins   []kongPluginEntry `yaml:"plugins"`
}

type kongConsumer struct {
	Username string      `yaml:"username"`
	Keys     []kongKey   `yaml:"keyauth_credentials"`
	Basic    []kongBasic `yaml:"basicauth_credentials"`
	ACLs     []kongACL   `yaml:"acls"`
}

type kongKey struct {
	Consumer string `yaml:"consumer"`
	Key      string `yaml:"key"`
}

type kongACL struct {
	Consumer string `yaml:"consumer"`
	Group    string `yaml:"group"`
}

type kongBasic struct {
	Consumer string `yaml:"consumer"`
	Username string `yaml:"username"`
	Password string `yaml:"password"`
}

type kongService struct {
	Name           string            `yaml:"name"`
	URL            string            `yaml:"url"`
	ConnectTimeout int               `yaml:"connect_timeout"`
	ReadTimeout    int               `yaml:"read_timeout"`
	Routes         []kongRoute       `yaml:"routes"`
	Plugins        []kongPluginEntry `yaml:"plugins"`
}

type kongRoute struct {
	Name         string            `yaml:"name"`
	Paths        []string          `yaml:"paths"`
	Methods      []string          `yaml:"methods"`
	Hosts        []string          `yaml:"hosts"`
	StripPath    *bool             `yaml:"strip_path"`
	PreserveHost bool              `yaml:"preserve_host"`
	Plugins      []kongPluginEntry `yaml:"plugins"`
}

type kongPluginEntry struct {
	Name    string     `yaml:"name"`
	Enabled *bool      `yaml:"enabled"`
	Config  kongFields `yaml:"config"`
}

// kongFields is the config of any plugin, all of them in one.
type kongFields struct {
	KeyNames        []string   `yaml:"key_names"`
	HideCredentials bool       `yaml:"hide_credentials"`
	Allow           []string   `yaml:"allow"`
	Whitelist       []string   `yaml:"whitelist"`
	Deny            []string   `yaml:"deny"`
	Realm           string     `yaml:"realm"`
	StatusCode      int        `yaml:"status_code"`
	Message         string     `yaml:"message"`
	Body            string     `yaml:"body"`
	ContentType     string     `yaml:"content_type"`
	Origins         []string   `yaml:"origins"`
	Credentials     bool       `yaml:"credentials"`
	Add             kongChange `yaml:"add"`
	Replace         kongChange `yaml:"replace"`
	Remove          kongChange `yaml:"remove"`
	Access          []string   `yaml:"access"`
}

type kongChange struct {
	Headers     []string `yaml:"headers"`
	Querystring []string `yaml:"querystring"`
}

const (
	kongTemplate   = "/home/kong/temp.yml"
	kongEntrypoint = "/home/kong/kong-entrypoint.sh"
	kongDefault    = "/usr/local/kong/kong.yml"
)

var variable = regexp.MustCompile(`\$(?:\{([A-Za-z_][A-Za-z_0-9]*)\}|([A-Za-z_][A-Za-z_0-9]*))`)
var emptyKey = regexp.MustCompile(`(?m)^[ \t]*- key:[ \t]*$\n?`)
var yamlLine = regexp.MustCompile(`^yaml: (?:unmarshal errors:\s*)?line (\d+): `)

// render replaces $VARS. The older entrypoint renders with eval echo: an unknown variable becomes empty. The newer one
// (kong-entrypoint.sh) renders with awk: an unknown variable stays as it is, and empty keys are dropped.
func render(template string, e env, awk bool) string {
	out := variable.ReplaceAllStringFunc(template, func(m string) string {
		sub := variable.FindStringSubmatch(m)
		v, ok := e[sub[1]+sub[2]]
		if awk && (!ok || sub[1] != "") {
			return m
		}
		return v
	})
	return emptyKey.ReplaceAllString(out, "")
}

// luaExpressions are the request-transformer templates that kong-entrypoint.sh exports; they turn opaque sb_ keys into
// the asymmetric tokens when both kinds are configured.
func luaExpressions(e env) map[string]string {
	pass := `headers.authorization ~= nil and headers.authorization:sub(1, 10) ~= 'Bearer sb_' and headers.authorization`
	if e["SUPABASE_SECRET_KEY"] == "" || e["SUPABASE_PUBLISHABLE_KEY"] == "" {
		return map[string]string{
			"LUA_AUTH_EXPR":  "$((" + pass + ") or headers.apikey)",
			"LUA_RT_WS_EXPR": "$(query_params.apikey)",
		}
	}
	secret, publishable := e["SUPABASE_SECRET_KEY"], e["SUPABASE_PUBLISHABLE_KEY"]
	service, anon := e["SERVICE_ROLE_KEY_ASYMMETRIC"], e["ANON_KEY_ASYMMETRIC"]
	return map[string]string{
		"LUA_AUTH_EXPR": fmt.Sprintf("$((%s) or (headers.apikey == '%s' and 'Bearer %s') or (headers.apikey == '%s' and 'Bearer %s') or headers.apikey)",
			pass, secret, service, publishable, anon),
		"LUA_RT_WS_EXPR": fmt.Sprintf("$((query_params.apikey == '%s' and '%s') or (query_params.apikey == '%s' and '%s') or query_params.apikey)",
			secret, service, publishable, anon),
	}
}

// kongPaths are the files that the entrypoint works with.
type kongPaths struct{ template, entrypoint, config string }

// prepare renders the template to the declarative file, as the container's entrypoint does before Kong starts.
// What the shell would complain about is written to warn; Kong then starts on what is left.
func (f kongPaths) prepare(e env, warn func(string)) {
	raw, err := os.ReadFile(f.template)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(f.config); err == nil {
			return
		}
	}
	if err != nil {
		warn("cat: can't open '" + f.template + "': " + errnoText(err))
	}
	full := env{}
	_, statErr := os.Stat(f.entrypoint)
	awk := statErr == nil
	for k, v := range luaExpressions(e) {
		full[k] = v
	}
	for k, v := range e {
		full[k] = v
	}
	if err := os.MkdirAll(filepath.Dir(f.config), 0o755); err != nil {
		warn(f.config + ": " + errnoText(err))
		return
	}
	if err := os.WriteFile(f.config, []byte(render(string(raw), full, awk)), 0o600); err != nil {
		warn(f.entrypoint + ": line 30: " + f.config + ": " + errnoText(err))
	}
}

// errnoText is the system's word for err, without the path.
func errnoText(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		t := e.Err.Error()
		return strings.ToUpper(t[:1]) + t[1:]
	}
	return err.Error()
}

// parse reads the declarative file; the error is the text after Kong's "error parsing declarative config file".
func (f kongPaths) parse() (*kongFile, error) {
	raw, err := os.ReadFile(f.config)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", f.config, errnoText(err))
	}
	return parseKong(raw)
}

func parseKong(raw []byte) (*kongFile, error) {
	const failed = "failed parsing declarative configuration: "
	var node yaml.Node
	if err := yaml.Unmarshal(raw, &node); err != nil {
		return nil, errors.New(failed + lyamlText(err))
	}
	if len(node.Content) == 0 || node.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New(failed + "expected an object")
	}
	var k kongFile
	if err := node.Decode(&k); err != nil {
		return nil, errors.New(failed + lyamlText(err))
	}
	return &k, k.check()
}

// lyamlText is a YAML error with the position written as Kong's parser does; the column is not known here.
func lyamlText(err error) string {
	return strings.TrimPrefix(yamlLine.ReplaceAllString(err.Error(), "$1:1: "), "yaml: ")
}

// check names the first service without a usable URL, and the first unknown plugin, in Kong's words.
func (k *kongFile) check() error {
	for i, s := range k.Services {
		if u, err := url.Parse(s.URL); err != nil || u.Host == "" {
			return fmt.Errorf("in 'services':\n  - in entry %d of 'services':\n    in 'host': required field missing", i+1)
		}
		for _, p := range slices.Concat(s.Plugins, k.Plugins) {
			if !slices.Contains(kongPluginOrder, p.Name) {
				return fmt.Errorf("in 'services':\n  - in entry %d of 'services':\n    in 'plugins':\n      - in entry 1 of 'plugins':\n        in 'name': plugin '%s' not enabled; add it to the 'plugins' configuration property", i+1, p.Name)
			}
		}
	}
	return nil
}
