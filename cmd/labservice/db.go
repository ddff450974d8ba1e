package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// openPool makes a lazy pool: it connects on first use, so a database that comes back heals it.
// Statements are described, not cached: the schema may change under a running service.
func openPool(ctx context.Context, cfg *pgx.ConnConfig, size int32) (*pgxpool.Pool, error) {
	pc, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, err
	}
	cc := cfg.Copy()
	cc.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
	cc.ConnectTimeout = cmp.Or(cc.ConnectTimeout, 10*time.Second)
	pc.ConnConfig = cc
	pc.MaxConns, pc.MinConns = size, 0
	pc.MaxConnIdleTime = time.Minute
	return pgxpool.NewWithConfig(ctx, pc)
}

// dbConfig builds a connection from separate settings, as the Elixir services are configured.
func dbConfig(host, port, user, password, name, app string) (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig("sslmode=disable")
	if err != nil {
		return nil, err
	}
	p, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port %q: %w", port, err)
	}
	c.Host, c.Port, c.User, c.Password, c.Database = host, uint16(p), user, password, name
	c.Fallbacks = nil
	c.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
	c.ConnectTimeout = 10 * time.Second
	c.RuntimeParams = map[string]string{"application_name": app}
	return c, nil
}

// connect opens one connection.
func connect(ctx context.Context, c *pgx.ConnConfig) (*pgx.Conn, error) {
	return pgx.ConnectConfig(ctx, c)
}

// pgCode is the SQLSTATE of err, or "".
func pgCode(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// notConnected tells that err arose before there was a connection, though the server itself may have refused it.
func notConnected(err error) bool {
	_, ok := errors.AsType[*pgconn.ConnectError](err)
	return ok
}

// pgMessage is the server's own message, without severity and code, or err's text.
func pgMessage(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Message
	}
	return err.Error()
}

// pgText is an error as pgconn prints it: ERROR: … (SQLSTATE …).
func pgText(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Error()
	}
	return err.Error()
}

// conditionNames are PostgreSQL's names for the SQLSTATEs that Postgrex spells out in its messages.
var conditionNames = map[string]string{
	"28P01": "invalid_password", "28000": "invalid_authorization_specification", "3D000": "invalid_catalog_name",
	"3F000": "invalid_schema_name", "42501": "insufficient_privilege", "42P01": "undefined_table",
	"53300": "too_many_connections", "57P01": "admin_shutdown", "57P03": "cannot_connect_now", "53100": "disk_full",
	"42703": "undefined_column", "42P07": "duplicate_table", "42704": "undefined_object",
}

// postgrexText is err as Elixir's Postgrex raises it.
func postgrexText(c *pgx.ConnConfig, err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Sprintf("** (Postgrex.Error) %s %s (%s) %s", e.Severity, e.Code, conditionNames[e.Code], e.Message)
	}
	reason, atom := "timeout", "timeout"
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		reason, atom = "non-existing domain", "nxdomain"
	} else if errors.Is(err, syscall.ECONNREFUSED) {
		reason, atom = "connection refused", "econnrefused"
	} else if errors.Is(err, syscall.EHOSTUNREACH) {
		reason, atom = "host is unreachable", "ehostunreach"
	}
	return fmt.Sprintf("** (DBConnection.ConnectionError) tcp connect (%s:%d): %s - :%s", c.Host, c.Port, reason, atom)
}

// pgconn1Text is err as pgconn v1 prints it, the version that GoTrue links.
func pgconn1Text(c *pgx.ConnConfig, err error) string {
	detail := err.Error()
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		kind := "server error"
		if e.Code == "28P01" {
			kind = "failed SASL auth"
		}
		detail = fmt.Sprintf("%s (%s)", kind, e.Error())
	} else if e, ok := errors.AsType[*net.DNSError](err); ok {
		detail = fmt.Sprintf("hostname resolving error (%s)", e.Error())
	} else if e, ok := errors.AsType[*net.OpError](err); ok {
		detail = fmt.Sprintf("dial error (%s)", e.Error())
	} else if errors.Is(err, context.DeadlineExceeded) {
		detail = "dial error (timeout: context deadline exceeded)"
	}
	return fmt.Sprintf("failed to connect to `host=%s user=%s database=%s`: %s", c.Host, c.User, c.Database, detail)
}

// libpqText is err as libpq prints it, which PostgREST puts into "details".
func libpqText(c *pgx.ConnConfig, err error) string {
	at := fmt.Sprintf("connection to server at %q (%s), port %d failed: ", c.Host, addressOf(c.Host, err), c.Port)
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Sprintf("%s%s:  %s\n", at, e.Severity, e.Message)
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Sprintf("could not translate host name %q to address: Name or service not known\n", e.Name)
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return at + "Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?\n"
	}
	if errors.Is(err, syscall.EHOSTUNREACH) {
		return at + "Host is unreachable\n\tIs the server running on that host and accepting TCP/IP connections?\n"
	}
	return at + "timeout expired\n"
}

// addressOf is the IP behind host, from the failed dial where there was one.
func addressOf(host string, err error) string {
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Addr != nil {
		if ip, _, splitErr := net.SplitHostPort(e.Addr.String()); splitErr == nil {
			return ip
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if ips, lookupErr := net.DefaultResolver.LookupHost(ctx, host); lookupErr == nil && len(ips) > 0 {
		return ips[0]
	}
	return host
}

// quoteIdent quotes a name for SQL.
func quoteIdent(parts ...string) string { return pgx.Identifier(parts).Sanitize() }

// uuidText prints the 16 bytes of a uuid.
func uuidText(b [16]byte) string {
	h := fmt.Sprintf("%x", b)
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

var portInError = regexp.MustCompile(`invalid port ":(.*)" after host`)

// libpqURIText is what libpq says about a connection URI that does not parse.
func libpqURIText(uri string) string {
	_, err := url.Parse(uri)
	if err == nil {
		return "invalid connection option\n"
	}
	if m := portInError.FindStringSubmatch(err.Error()); m != nil {
		return fmt.Sprintf("invalid integer value %q for connection option \"port\"\n", m[1])
	}
	if e, ok := errors.AsType[url.EscapeError](err); ok {
		return fmt.Sprintf("invalid percent-encoded token: %q\n", string(e))
	}
	return "invalid connection option\n"
}
