package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// runVector stands in for timberio/vector with Supabase's vector.yml: it reads its configuration, looks for the Docker
// socket and stays healthy.
func runVector(ctx context.Context, p proc) int {
	log := &lines{w: p.stderr}
	say := func(level, format string, args ...any) {
		log.print(time.Now().UTC().Format("2006-01-02T15:04:05.000000Z") + fmt.Sprintf("%6s ", level) + fmt.Sprintf(format, args...))
	}
	path := p.env.or("VECTOR_CONFIG", "/etc/vector/vector.yml")
	for i, a := range p.args {
		if i+1 < len(p.args) && (a == "--config" || a == "-c") {
			path = p.args[i+1]
		}
	}
	say("INFO", "vector::app: Loading configs. paths=[%q]", path)
	conf, err := vectorConfig(path, p.env)
	if err != nil {
		say("ERROR", "vector::cli: Configuration error. error=%v", err)
		return 78
	}
	if conf.dockerLogs() {
		socket := strings.TrimPrefix(p.env.or("DOCKER_HOST", "/var/run/docker.sock"), "unix://")
		c, err := net.DialTimeout("unix", socket, 2*time.Second)
		if err != nil {
			say("ERROR", `source{component_kind="source" component_id=docker_host component_type=docker_logs}: vector::internal_events::docker_logs: Listing currently running containers failed. error=error trying to connect: %v`, err)
			say("INFO", "vector: All sources have finished.")
			return 0
		}
		c.Close()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 200, map[string]bool{"ok": true}) })
	addr := conf.API.Address
	if addr == "" {
		addr = "0.0.0.0:9001"
	}
	for id, sink := range conf.Sinks {
		go sink.feed(ctx, id, say)
	}
	say("INFO", "vector: Vector has started. debug=\"false\" version=\"0.53.0\" arch=\"x86_64\"")
	if err := serve(ctx, addr, mux); err != nil {
		say("ERROR", "vector::topology: %v", err)
		return 1
	}
	return 0
}

type vectorFile struct {
	API struct {
		Address string `yaml:"address"`
	} `yaml:"api"`
	Sources map[string]struct {
		Type string `yaml:"type"`
	} `yaml:"sources"`
	Sinks map[string]vectorSink `yaml:"sinks"`
}

// vectorSink is where events go.
type vectorSink struct {
	Type    string `yaml:"type"`
	URI     string `yaml:"uri"`
	Request struct {
		Headers map[string]string `yaml:"headers"`
	} `yaml:"request"`
}

// feed sends an empty batch every few seconds and logs what Vector would of an answer that is not good.
func (s vectorSink) feed(ctx context.Context, id string, say func(level, format string, args ...any)) {
	const often = 3 * time.Second
	for s.Type == "http" && ctx.Err() == nil {
		where := fmt.Sprintf("sink{component_kind=\"sink\" component_id=%s component_type=http}", id)
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URI, strings.NewReader("[]"))
		if err != nil {
			say("ERROR", "%s: vector::internal_events: %v", where, err)
			return
		}
		for name, value := range s.Request.Headers {
			r.Header.Set(name, value)
		}
		a, err := http.DefaultClient.Do(r)
		unknown, noName := errors.AsType[*net.DNSError](err)
		switch {
		case noName:
			say("WARN", "%s:request{request_id=1}:http: vector::internal_events::http_client: HTTP error. error=error trying to connect: dns error: failed to lookup address information: %s", where, unknown.Err)
		case err != nil:
			say("WARN", "%s:request{request_id=1}: vector::sinks::util::retries: Retrying after error. error=%v", where, err)
		case a.StatusCode == http.StatusUnauthorized:
			say("ERROR", "%s:request{request_id=1}: vector::sinks::util::retries: Not retriable; dropping the request. reason=\"Http status: 401 Unauthorized\"", where)
		}
		if err == nil {
			a.Body.Close()
		}
		select {
		case <-ctx.Done():
		case <-time.After(often):
		}
	}
}

func (f *vectorFile) dockerLogs() bool {
	for _, s := range f.Sources {
		if s.Type == "docker_logs" {
			return true
		}
	}
	return false
}

var vectorVariable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z_0-9]*)(?:(:?[?-])([^}]*))?\}`)

// vectorConfig reads the file; ${NAME?message} demands a variable, as Vector's own interpolation does.
func vectorConfig(path string, e env) (*vectorFile, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		if strings.Contains(err.Error(), "is a directory") {
			return nil, fmt.Errorf("Is a directory (os error 21)")
		}
		return nil, fmt.Errorf("No such file or directory (os error 2)")
	}
	var missing error
	text := vectorVariable.ReplaceAllStringFunc(string(raw), func(m string) string {
		sub := vectorVariable.FindStringSubmatch(m)
		v, ok := e[sub[1]]
		unset := !ok || strings.HasPrefix(sub[2], ":") && v == ""
		switch {
		case unset && strings.HasSuffix(sub[2], "?"):
			missing = fmt.Errorf("Missing environment variable required in config. name = %q. reason = %q", sub[1], sub[3])
		case unset && strings.HasSuffix(sub[2], "-"):
			return sub[3]
		}
		return v
	})
	if missing != nil {
		return nil, missing
	}
	var f vectorFile
	if err := yaml.Unmarshal([]byte(text), &f); err != nil {
		return nil, err
	}
	return &f, nil
}
