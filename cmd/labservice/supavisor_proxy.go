package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// listen takes PostgreSQL clients on addr until ctx ends.
func (s *supavisor) listen(ctx context.Context, addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return s.accept(ctx, l)
}

func (s *supavisor) accept(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			unhook := context.AfterFunc(ctx, func() { c.Close() })
			defer unhook()
			s.session(ctx, c)
		}()
	}
}

// session routes one client: the tenant is in the user name (user.tenant), and the login itself is between the client
// and the tenant's database.
func (s *supavisor) session(ctx context.Context, client net.Conn) {
	backend := pgproto3.NewBackend(client, client)
	client.SetDeadline(time.Now().Add(30 * time.Second))
	msg, err := startup(client, backend)
	if err != nil || msg == nil {
		return
	}
	user, tenant := splitUser(msg.Parameters)
	t, found, err := s.find(ctx, tenant)
	if err != nil || !found {
		elixir(s.log, "error", "ClientHandler: User not found: {:error, \"Either external_id or sni_hostname must be provided\"} %s.%s", user, tenant)
		refuseClient(backend, "XX000", "Tenant or user not found")
		return
	}
	if n := s.clients.Add(1); t.most > 0 && n > int64(t.most) {
		s.clients.Add(-1)
		elixir(s.log, "error", "ClientHandler: (EMAXCONN) max client connections reached, limit: %d %s.%s", t.most, user, tenant)
		refuseClient(backend, "XX000", "(EMAXCONN) max client connections reached, limit: "+strconv.Itoa(t.most))
		return
	}
	defer s.clients.Add(-1)
	d := net.Dialer{Timeout: 10 * time.Second}
	server, err := d.DialContext(ctx, "tcp", t.addr)
	if err != nil {
		elixir(s.log, "error", "DbHandler: Connection failed {:error, %v} to %q", err, t.addr)
		refuseClient(backend, "XX000", "Failed to connect to the upstream database")
		return
	}
	defer server.Close()
	msg.Parameters["user"] = user
	delete(msg.Parameters, "options")
	if msg.Parameters["database"] == "" {
		msg.Parameters["database"] = t.database
	}
	front := pgproto3.NewFrontend(server, server)
	front.Send(msg)
	if front.Flush() != nil {
		return
	}
	client.SetDeadline(time.Time{})
	pipe(client, &login{Conn: server, refused: func() {
		elixir(s.log, "error", "ClientHandler: (EWRONGPASSWORD) password authentication failed for user %q %s.%s", user, user, tenant)
	}})
}

// login looks at the first answers of a server for a refused password.
type login struct {
	net.Conn
	refused func()
	seen    int
}

func (l *login) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	const handshake = 4 << 10
	if l.seen < handshake && bytes.Contains(p[:n], []byte("C28P01\x00")) {
		l.refused()
	}
	l.seen += n
	return n, err
}

// startup reads the startup message; TLS and GSS are declined.
func startup(client net.Conn, b *pgproto3.Backend) (*pgproto3.StartupMessage, error) {
	for {
		m, err := b.ReceiveStartupMessage()
		if err != nil {
			return nil, err
		}
		switch m := m.(type) {
		case *pgproto3.StartupMessage:
			return m, nil
		case *pgproto3.SSLRequest, *pgproto3.GSSEncRequest:
			if _, err := client.Write([]byte("N")); err != nil {
				return nil, err
			}
		default:
			return nil, nil
		}
	}
}

// splitUser finds the tenant in "user.tenant" or in options=reference=TENANT.
func splitUser(params map[string]string) (user, tenant string) {
	user = params["user"]
	if i := strings.LastIndexByte(user, '.'); i >= 0 {
		return user[:i], user[i+1:]
	}
	if _, ref, ok := strings.Cut(params["options"], "reference="); ok {
		tenant, _, _ = strings.Cut(ref, " ")
	}
	return user, tenant
}

func refuseClient(b *pgproto3.Backend, code, message string) {
	b.Send(&pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: code, Message: message})
	b.Flush()
}

// pipe copies both ways until either side ends.
func pipe(a, b net.Conn) {
	var wg sync.WaitGroup
	for _, d := range [][2]net.Conn{{a, b}, {b, a}} {
		wg.Go(func() {
			io.Copy(d[0], d[1])
			d[0].Close()
			d[1].Close()
		})
	}
	wg.Wait()
}
