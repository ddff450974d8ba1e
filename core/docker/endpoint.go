package docker

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/docker/cli/cli/connhelper"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/tlsconfig"

	"github.com/basewright/basewright/core"
)

// endpoint says where an engine is and how to speak to it.
type endpoint struct {
	host    string // "unix:///var/run/docker.sock", "tcp://…", "ssh://…"
	context string // name of the Docker context it comes from, "" when none
	tls     *tlsconfig.Options
}

// local reports whether the engine's files are this machine's.
func (e endpoint) local() bool { return strings.HasPrefix(e.host, "unix://") }

// HostName names the machine of the engine that host, the environment or Docker's
// own configuration leads to; "" when that cannot be told.
func HostName(host string) string {
	end, err := resolve(host)
	if err != nil {
		return ""
	}
	if u, err := url.Parse(end.host); err == nil && !end.local() {
		if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return u.Hostname()
		}
	}
	name, _ := os.Hostname() // without one it is not known
	return name
}

// resolve finds the endpoint: host when given, else what the environment and
// Docker's own configuration say.
func resolve(host string) (endpoint, error) {
	if host = cmp.Or(host, os.Getenv("DOCKER_HOST")); host != "" {
		return plainEndpoint(host)
	}
	name, err := currentContext()
	if err != nil {
		return endpoint{}, err
	}
	if name != "" && name != "default" {
		return contextEndpoint(name)
	}
	return endpoint{host: client.DefaultDockerHost}, nil
}

// schemes are the ways to an engine. The client would look up the host of any
// other, and speak TCP to it.
var schemes = []string{"unix", "tcp", "http", "https", "ssh"}

// plainEndpoint is an address given by flag or environment, with the TLS
// settings that the environment holds for TCP.
func plainEndpoint(host string) (endpoint, error) {
	scheme, _, ok := strings.Cut(host, "://")
	if !ok {
		return endpoint{}, &core.Error{Code: core.Invalid, Message: "the Docker host " + host + " is not an address",
			Hint: "write it as unix:///var/run/docker.sock, tcp://host:2376 or ssh://user@host"}
	}
	if !slices.Contains(schemes, scheme) {
		return endpoint{}, core.Errorf(core.Invalid, "the Docker host %s begins with none of unix://, tcp://, http://, https:// and ssh://", host)
	}
	e := endpoint{host: host}
	verify := os.Getenv("DOCKER_TLS_VERIFY") != ""
	if scheme == "tcp" && (verify || os.Getenv("DOCKER_TLS") != "") {
		e.tls = tlsFiles(cmp.Or(os.Getenv("DOCKER_CERT_PATH"), configDir()), !verify)
	}
	return e, nil
}

// tlsFiles names the certificates that dir has.
func tlsFiles(dir string, skipVerify bool) *tlsconfig.Options {
	file := func(name string) string {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err != nil {
			return ""
		}
		return path
	}
	return &tlsconfig.Options{
		CAFile: file("ca.pem"), CertFile: file("cert.pem"), KeyFile: file("key.pem"),
		InsecureSkipVerify: skipVerify, ExclusiveRootPools: true,
	}
}

func configDir() string {
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	home, _ := os.UserHomeDir()
	return filepath.Join(home, ".docker")
}

// currentContext returns the name of the Docker context in use, "" when there
// is no configuration.
func currentContext() (string, error) {
	if name := os.Getenv("DOCKER_CONTEXT"); name != "" {
		return name, nil
	}
	path := filepath.Join(configDir(), "config.json")
	var config struct {
		CurrentContext string `json:"currentContext"`
	}
	err := readJSON(path, &config)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return "", nil
	}
	if err != nil {
		return "", &core.Error{Code: core.Invalid, Message: "Docker's configuration " + path + " cannot be read",
			Hint: "mend it, or name the engine with --docker-host", Err: err}
	}
	return config.CurrentContext, nil
}

// contextEndpoint reads a Docker context as `docker context` stores it: under
// the SHA-256 of its name.
func contextEndpoint(name string) (endpoint, error) {
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	var meta struct {
		Endpoints map[string]struct {
			Host          string
			SkipTLSVerify bool
		}
	}
	err := readJSON(filepath.Join(configDir(), "contexts", "meta", id, "meta.json"), &meta)
	docker := meta.Endpoints["docker"]
	if err == nil && docker.Host == "" {
		err = errors.New("it names no Docker host")
	}
	if err != nil {
		return endpoint{}, &core.Error{Code: core.NotFound, Message: "the Docker context " + name + " cannot be used",
			Hint: "choose another with `docker context use`, or name the engine with --docker-host", Err: err}
	}
	e := endpoint{host: docker.Host, context: name}
	dir := filepath.Join(configDir(), "contexts", "tls", id, "docker")
	if _, err := os.Stat(dir); err == nil {
		e.tls = tlsFiles(dir, docker.SkipTLSVerify)
	}
	return e, nil
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

// options says how a client reaches the endpoint. It keeps as many connections
// as Observe uses at once; the client's own default is two.
func (e endpoint) options() ([]client.Opt, error) {
	transport := &http.Transport{MaxIdleConns: 2 * parallel, MaxIdleConnsPerHost: 2 * parallel, IdleConnTimeout: 30 * time.Second}
	opts := []client.Opt{client.WithHTTPClient(&http.Client{Transport: transport, CheckRedirect: client.CheckRedirect})}
	helper, err := connhelper.GetConnectionHelper(e.host)
	if err != nil {
		return nil, &core.Error{Code: core.Invalid, Message: "the Docker host " + e.host + " cannot be used", Err: err}
	}
	if helper != nil {
		return append(opts, client.WithHost(helper.Host), client.WithDialContext(helper.Dialer)), nil
	}
	if e.tls != nil {
		config, err := tlsconfig.Client(*e.tls)
		if err != nil {
			return nil, &core.Error{Code: core.Invalid, Message: "the TLS files for the Docker host " + e.host + " cannot be used", Err: err}
		}
		transport.TLSClientConfig = config
	}
	return append(opts, client.WithHost(e.host)), nil
}
