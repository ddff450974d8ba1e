package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// runStudio stands in for supabase/studio: its pages are one line, its health route answers, and its schema list goes
// through postgres-meta.
func runStudio(ctx context.Context, p proc) int {
	log := &lines{w: p.stdout}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	// Next.js binds to HOSTNAME; in a container that is the container's own name unless it is set.
	addr := net.JoinHostPort(p.env.or("HOSTNAME", host), p.env.or("PORT", "3000"))
	log.print("   ▲ Next.js 15.5.9\n   - Local:        http://localhost:" + p.env.or("PORT", "3000") + "\n   - Network:      http://" + addr + "\n\n ✓ Starting...\n ✓ Ready in 212ms")
	if err := serve(ctx, addr, studioHandler(p.env, log)); err != nil {
		log.print(" ⨯ Failed to start server\nError: listen EADDRINUSE: address already in use " + addr)
		return 1
	}
	return 0
}

func studioHandler(e env, log *lines) http.Handler {
	mux := http.NewServeMux()
	profile := map[string]any{"id": 1, "primary_email": "johndoe@supabase.io", "username": "johndoe", "first_name": "John", "last_name": "Doe",
		"organizations": []any{map[string]any{"id": 1, "name": e.or("DEFAULT_ORGANIZATION_NAME", "Default Organization"), "slug": "default-org-slug",
			"projects": []any{map[string]any{"id": 1, "ref": "default", "name": e.or("DEFAULT_PROJECT_NAME", "Default Project"), "status": "ACTIVE_HEALTHY"}}}}}
	for _, path := range []string{"GET /api/platform/profile", "GET /api/profile"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 200, profile) })
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/project/default", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("GET /project/default", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, "<!DOCTYPE html><html><head><title>Supabase Studio</title></head><body><div id=\"__next\"></div></body></html>")
	})
	mux.HandleFunc("GET /api/platform/pg-meta/default/{table}", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
		defer cancel()
		a, err := fetch(ctx, http.MethodGet, e["STUDIO_PG_META_URL"]+"/"+r.PathValue("table"), nil, true)
		if err != nil {
			log.print(fmt.Sprintf(" ⨯ TypeError: fetch failed\n    [cause]: %v", err))
			writeJSON(w, 500, map[string]any{"error": map[string]string{"message": "fetch failed"}})
			return
		}
		defer a.Body.Close()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(a.StatusCode)
		io.Copy(w, a.Body)
	})
	mux.HandleFunc("GET /api/platform/projects/default/analytics/endpoints/{name}", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 500, map[string]any{"error": map[string]string{"message": "Logflare is not configured"}})
	})
	mux.HandleFunc("GET /api/mcp", func(w http.ResponseWriter, _ *http.Request) { // it takes POST alone
		writeJSON(w, http.StatusMethodNotAllowed, map[string]any{"error": map[string]string{"message": "Method GET Not Allowed"}})
	})
	return mux
}
