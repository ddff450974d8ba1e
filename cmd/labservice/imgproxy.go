package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// runImgproxy stands in for imgproxy v3: it is alive, it does not transform images.
func runImgproxy(ctx context.Context, p proc) int {
	addr := p.env.or("IMGPROXY_BIND", ":8080")
	if len(p.args) > 0 && p.args[0] == "health" {
		return imgproxyHealth(ctx, p, addr)
	}
	log := &lines{w: p.stdout}
	info := func(level, format string, args ...any) {
		log.print(level + "    [" + time.Now().UTC().Format(time.RFC3339) + "] " + fmt.Sprintf(format, args...))
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "imgproxy is running") })
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		info("WARNING", "Completed in 1ms %s request_id=%s method=GET status=404", r.URL.Path, newRequestID()[:21])
		http.Error(w, "Invalid URL", http.StatusNotFound)
	})
	info("INFO", "Starting server at %s", addr)
	if err := serve(ctx, addr, mux); err != nil {
		info("FATAL", "%v", err)
		return 1
	}
	return 0
}

// imgproxyHealth is the command "imgproxy health".
func imgproxyHealth(ctx context.Context, p proc, addr string) int {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		port = "8080"
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	a, err := fetch(ctx, http.MethodGet, "http://127.0.0.1:"+port+"/health", nil, true)
	if err != nil {
		fmt.Fprintln(p.stderr, err)
		return 1
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		fmt.Fprintf(p.stderr, "Unexpected status code: %d\n", a.StatusCode)
		return 1
	}
	fmt.Fprintln(p.stdout, "imgproxy is running")
	return 0
}
