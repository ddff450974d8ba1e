package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// handler is the part of lib/realtime_web/router.ex that a diagnosis and a client meet.
func (rt *realtime) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthcheck", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "<html><body>Supabase Realtime</body></html>")
	})
	mux.HandleFunc("GET /api/tenants/{tenant}/health", rt.health)
	mux.HandleFunc("GET /api/ping", rt.assignTenant(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 200, map[string]string{"message": "Success"})
	}))
	mux.HandleFunc("POST /api/broadcast", rt.assignTenant(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }))
	mux.HandleFunc("GET /socket/websocket", rt.socket)
	return mux
}

// health reports on a tenant; a bad signature is 403 without a body, and a bad state is still 200.
func (rt *realtime) health(w http.ResponseWriter, r *http.Request) {
	token := bearer(r.Header.Get("Authorization"))
	var accepted bool
	for _, key := range []string{"API_JWT_SECRET", "API_JWT_SECRET_NEXT"} {
		if secret := rt.env[key]; secret != "" && token != "" {
			_, err := parseKeySet(secret).verify(token)
			accepted = accepted || err == nil
		}
	}
	if !accepted {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 4*time.Second)
	defer cancel()
	id := r.PathValue("tenant")
	_, found, err := rt.find(ctx, id)
	if err != nil {
		elixir(rt.log, "error", "project=%s external_id=%s %s", id, id, postgrexText(rt.cfg, err))
		writeJSON(w, 500, map[string]any{"errors": map[string]string{"detail": "Internal Server Error"}})
		return
	}
	if !found {
		writeJSON(w, 404, map[string]string{"error": "not found"})
		return
	}
	rt.mu.Lock()
	n := rt.clients[id]
	rt.mu.Unlock()
	dbOK := rt.db.Ping(ctx) == nil
	writeJSON(w, 200, map[string]any{"data": map[string]any{
		"healthy": dbOK || n == 0, "db_connected": dbOK, "replication_connected": dbOK && n > 0, "connected_cluster": n,
		"region": cmp.Or(rt.env["REGION"], "us-east-1"), "node": rt.nodeName(),
	}})
}

// assignTenant refuses a request whose Host names no tenant (lib/realtime_web/plugs/assign_tenant.ex).
func (rt *realtime) assignTenant(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, found, err := rt.find(r.Context(), hostTenant(r))
		switch {
		case err != nil:
			writeJSON(w, 401, map[string]string{"message": "Error assigning tenant"})
		case !found:
			writeJSON(w, 401, map[string]string{"message": "Tenant not found in database"})
		default:
			next(w, r)
		}
	}
}

// socket is the websocket endpoint (lib/realtime_web/channels/user_socket.ex): the tenant comes from the Host, the token
// from x-api-key or ?apikey=, and its signature is checked with the tenant's own secret.
func (rt *realtime) socket(w http.ResponseWriter, r *http.Request) {
	id := hostTenant(r)
	t, found, err := rt.find(r.Context(), id)
	switch {
	case err != nil:
		elixir(rt.log, "error", "UnableToConnectToTenantDatabase: %s", postgrexText(rt.cfg, err))
		writeJSON(w, 503, map[string]string{"error": "Error connecting to tenant database"})
		return
	case !found:
		elixir(rt.log, "error", "project=%s external_id=%s TenantNotFound: Tenant not found: %s", id, id, id)
		writeJSON(w, 404, map[string]string{"error": "Tenant not found"})
		return
	}
	token := cmp.Or(r.Header.Get("X-Api-Key"), r.URL.Query().Get("apikey"))
	keys := parseKeySet(t.secret)
	if t.jwks != "" {
		keys = append(keys, parseKeySet(t.jwks)...)
	}
	if _, err := keys.verify(token); err != nil {
		code, msg := "JwtSignatureError", "Failed to validate JWT signature"
		switch {
		case strings.Contains(err.Error(), "expired"):
			code, msg = "InvalidJWTToken", "Token has expired"
		case strings.Contains(err.Error(), "malformed"):
			code, msg = "MalformedJWT", "The token provided is not a valid JWT"
		case errors.Is(err, errNoKey):
			code, msg = "JwtSignerError", "Failed to generate JWT signer"
		}
		elixir(rt.log, "error", "project=%s external_id=%s %s: %s", id, id, code, msg)
		writeJSON(w, 401, map[string]string{"error": msg})
		return
	}
	rt.mu.Lock()
	full := rt.clients[id] >= t.users
	rt.mu.Unlock()
	if full {
		elixir(rt.log, "error", "project=%s external_id=%s TooManyConnections: Too many connected users", id, id)
		writeJSON(w, 429, map[string]string{"error": "Too many connected users"})
		return
	}
	rt.upgrade(w, r, id)
}

// upgrade answers the handshake and speaks as much Phoenix as a client needs to join and stay.
func (rt *realtime) upgrade(w http.ResponseWriter, r *http.Request, tenant string) {
	key := r.Header.Get("Sec-WebSocket-Key")
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || key == "" {
		w.WriteHeader(http.StatusUpgradeRequired)
		return
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	if rw.Flush() != nil {
		return
	}
	rt.count(tenant, 1)
	defer rt.count(tenant, -1)
	for {
		conn.SetDeadline(time.Now().Add(90 * time.Second))
		op, payload, err := readFrame(rw.Reader)
		if err != nil || op == 8 {
			return
		}
		answerOp, answer := byte(1), phoenixReply(payload)
		if op == 9 {
			answerOp, answer = 10, payload
		}
		if answer != nil && writeFrame(rw.Writer, answerOp, answer) != nil {
			return
		}
	}
}

func (rt *realtime) count(tenant string, by int) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	rt.clients[tenant] += by
}

// phoenixReply acknowledges a message in the serializer version that it came in.
func phoenixReply(msg []byte) []byte {
	ok := map[string]any{"status": "ok", "response": map[string]any{}}
	var v2 []any
	if json.Unmarshal(msg, &v2) == nil && len(v2) == 5 {
		return []byte(mustJSON([]any{v2[0], v2[1], v2[2], "phx_reply", ok}))
	}
	var v1 map[string]any
	if json.Unmarshal(msg, &v1) == nil && v1["topic"] != nil {
		return []byte(mustJSON(map[string]any{"topic": v1["topic"], "event": "phx_reply", "ref": v1["ref"], "payload": ok}))
	}
	return nil
}

// readFrame reads one unfragmented client frame (RFC 6455, 5.2).
func readFrame(r *bufio.Reader) (op byte, payload []byte, err error) {
	var head [2]byte
	if _, err = io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(head[1] & 0x7f)
	switch n {
	case 126:
		var ext [2]byte
		_, err = io.ReadFull(r, ext[:])
		n = uint64(binary.BigEndian.Uint16(ext[:]))
	case 127:
		var ext [8]byte
		_, err = io.ReadFull(r, ext[:])
		n = binary.BigEndian.Uint64(ext[:])
	}
	if err != nil || n > 1<<20 {
		return 0, nil, errors.Join(err, io.ErrShortBuffer)
	}
	var mask [4]byte
	if head[1]&0x80 != 0 {
		if _, err = io.ReadFull(r, mask[:]); err != nil {
			return 0, nil, err
		}
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(r, payload)
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
	return head[0] & 0x0f, payload, err
}

func writeFrame(w *bufio.Writer, op byte, payload []byte) error {
	w.WriteByte(0x80 | op)
	if len(payload) < 126 {
		w.WriteByte(byte(len(payload)))
	} else {
		w.Write([]byte{126, byte(len(payload) >> 8), byte(len(payload))})
	}
	w.Write(payload)
	return w.Flush()
}
