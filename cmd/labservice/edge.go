package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// edge stands in for supabase/edge-runtime with upstream's main worker (docker/volumes/functions/main/index.ts).
type edge struct {
	dir    string // the folder that holds main and the functions
	verify bool
	secret string
	jwks   string
	log    *lines
}

// runEdge is "edge-runtime start --main-service DIR".
func runEdge(ctx context.Context, p proc) int {
	errs := &lines{w: p.stderr}
	main, port := "examples/main", p.env.or("EDGE_RUNTIME_PORT", "9000")
	for i, a := range p.args {
		if i+1 < len(p.args) && a == "--main-service" {
			main = p.args[i+1]
		}
		if i+1 < len(p.args) && (a == "-p" || a == "--port") {
			port = p.args[i+1]
		}
	}
	if !readableModule(main) {
		errs.print("worker boot error: failed to bootstrap runtime: failed to determine entrypoint: failed to determine entrypoint\nError: main worker boot error\n\nCaused by:\n    worker boot error: failed to bootstrap runtime: failed to determine entrypoint")
		return 1
	}
	if err := loadModules(ctx, main); err != nil {
		errs.print("worker boot error: failed to bootstrap runtime: failed to create the graph: " + err.Error() + "\nError: main worker boot error")
		return 1
	}
	e := &edge{dir: filepath.Dir(filepath.Clean(main)), verify: p.env["VERIFY_JWT"] == "true", secret: p.env["JWT_SECRET"], jwks: p.env["SUPABASE_JWKS"], log: &lines{w: p.stdout}}
	e.log.print("main function started")
	if err := serve(ctx, "0.0.0.0:"+port, e); err != nil {
		errs.print("Error: Address already in use (os error 98)")
		return 1
	}
	return 0
}

// readableModule tells whether dir holds an entry point: a regular file that can be read, not a folder that Docker made.
func readableModule(dir string) bool {
	for _, name := range []string{"index.ts", "index.js"} {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		info, err := f.Stat()
		f.Close()
		if err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}

// remoteImport matches what a module takes from elsewhere.
var remoteImport = regexp.MustCompile(`(?m)^\s*import\b[^'"]*['"]https?://([^'"/]*)`)

// loadModules reaches for the hosts that main imports from, as the runtime does when its cache lacks a module. What
// it would download is not looked at.
func loadModules(ctx context.Context, main string) error {
	source, err := os.ReadFile(filepath.Join(main, "index.ts"))
	if err != nil {
		return nil
	}
	for _, m := range remoteImport.FindAllStringSubmatch(string(source), -1) {
		d := net.Dialer{Timeout: 5 * time.Second}
		c, err := d.DialContext(ctx, "tcp", net.JoinHostPort(m[1], "443"))
		if err != nil {
			return fmt.Errorf("error sending request for url (https://%s/): %w", m[1], err)
		}
		c.Close()
	}
	return nil
}

type edgeRefusal struct{ code, message string }

var (
	edgeNoHeader   = edgeRefusal{"UNAUTHORIZED_NO_AUTH_HEADER", "Missing authorization header"}
	edgeBadFormat  = edgeRefusal{"UNAUTHORIZED_INVALID_JWT_FORMAT", "Invalid JWT format"}
	edgeLegacy     = edgeRefusal{"UNAUTHORIZED_LEGACY_JWT", "Invalid JWT"}
	edgeAsymmetric = edgeRefusal{"UNAUTHORIZED_ASYMMETRIC_JWT", "Invalid JWT"}
)

// check verifies the token of r by its algorithm: HS256 with the secret, ES256 and RS256 with the key set.
func (e *edge) check(r *http.Request) (edgeRefusal, bool) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return edgeNoHeader, false
	}
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || scheme != "Bearer" || token == "" || strings.Contains(token, " ") {
		return edgeBadFormat, false
	}
	t, _, err := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{})
	if t == nil || err != nil && !errors.Is(err, jwt.ErrTokenUnverifiable) {
		return edgeBadFormat, false
	}
	alg, _ := t.Header["alg"].(string)
	switch alg {
	case "HS256":
		_, err = parseKeySet(e.secret).verify(token)
		return edgeLegacy, err == nil
	case "ES256", "RS256":
		_, err = parseKeySet(e.jwks).verify(token)
		return edgeAsymmetric, err == nil
	}
	return edgeRefusal{"UNAUTHORIZED_UNSUPPORTED_TOKEN_ALGORITHM", "Unsupported JWT algorithm " + alg}, false
}

func (e *edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if e.verify && r.Method != http.MethodOptions {
		if f, ok := e.check(r); !ok {
			e.log.print("Error: " + f.code + ": " + f.message)
			w.Header().Set("Sb-Error-Code", f.code)
			writeJSON(w, 401, map[string]string{"code": f.code, "message": f.message, "msg": f.message})
			return
		}
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if name == "" {
		writeJSON(w, 400, map[string]string{"msg": "missing function name in request"})
		return
	}
	path := filepath.Join(e.dir, filepath.Base(name))
	e.log.print("serving the request with " + path)
	if !readableModule(path) {
		e.log.print("InvalidWorkerCreation: worker boot error: failed to bootstrap runtime: failed to determine entrypoint")
		writeJSON(w, 500, map[string]string{"msg": "InvalidWorkerCreation: worker boot error: failed to bootstrap runtime: failed to determine entrypoint"})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, `"Hello from Edge Functions!"`)
}
