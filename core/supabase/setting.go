package supabase

import (
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/basewright/basewright/core"
)

// Setting is what is known of one variable of a stack's .env.
type Setting struct {
	Key     string   `json:"key"`
	Type    Type     `json:"type"`
	Default string   `json:"default,omitempty"` // of upstream's .env.example; no secret has one
	Allowed []string `json:"allowed,omitempty"` // of an enum
	Help    string   `json:"help"`
	Secret  bool     `json:"secret,omitempty"`
	// Locked says why an edit alone would break the stack, and what does it
	// right; such a setting is refused.
	Locked string `json:"locked,omitempty"`
}

// Type is what values a setting takes.
type Type string

// Types of settings.
const (
	TextType   Type = "text"
	BoolType   Type = "bool"
	NumberType Type = "number" // whole, not negative
	PortType   Type = "port"   // may carry an address: 127.0.0.1:8000
	URLType    Type = "url"    // http or https
	EmailType  Type = "email"
	EnumType   Type = "enum"
	ListType   Type = "list" // comma-separated, no spaces
)

const (
	lockedDatabase = "the database holds it, too; the playbook align-database-passwords changes both"
	lockedJWT      = "all keys are signed with it; the playbook rotate-jwt-secret changes them together"
	lockedKeys     = "it is signed with JWT_SECRET; the playbook regenerate-tokens makes it anew"
	lockedData     = "data is encrypted with it and could not be read any more"
	lockedIdentity = "it is part of what the stack is; another value makes another, empty stack"
)

// settings lists the variables of upstream's .env.example over the releases of
// 2023 to 2026 (supabase/supabase docker/.env.example), and those of our own
// templates.
var settings = append([]Setting{
	{Key: "POSTGRES_PASSWORD", Secret: true, Locked: lockedDatabase, Help: "password of all database roles that log in"},
	{Key: "POSTGRES_HOST", Default: "db", Help: "host of the database inside the stack"},
	{Key: "POSTGRES_DB", Default: "postgres", Locked: lockedIdentity, Help: "name of the database"},
	{Key: "POSTGRES_PORT", Type: NumberType, Default: "5432", Help: "port of the database, inside and of the pooler's session mode outside"},
	{Key: "JWT_SECRET", Secret: true, Locked: lockedJWT, Help: "secret that all tokens are signed with"},
	{Key: "JWT_EXPIRY", Type: NumberType, Default: "3600", Help: "how long a user's token is valid, in seconds"},
	{Key: "JWT_KEYS", Secret: true, Locked: lockedJWT, Help: "private keys that auth signs tokens with"},
	{Key: "JWT_JWKS", Secret: true, Locked: lockedJWT, Help: "public keys that services verify tokens with"},
	{Key: "ANON_KEY", Secret: true, Locked: lockedKeys, Help: "API key of browsers"},
	{Key: "SERVICE_ROLE_KEY", Secret: true, Locked: lockedKeys, Help: "API key that may do everything"},
	{Key: "ANON_KEY_ASYMMETRIC", Secret: true, Locked: lockedKeys, Help: "the anon key signed with JWT_KEYS"},
	{Key: "SERVICE_ROLE_KEY_ASYMMETRIC", Secret: true, Locked: lockedKeys, Help: "the service key signed with JWT_KEYS"},
	{Key: "SUPABASE_PUBLISHABLE_KEY", Secret: true, Help: "opaque API key of browsers, sb_publishable_…"},
	{Key: "SUPABASE_SECRET_KEY", Secret: true, Help: "opaque API key that may do everything, sb_secret_…"},
	{Key: "DASHBOARD_USERNAME", Default: "supabase", Help: "who may open Studio"},
	{Key: "DASHBOARD_PASSWORD", Secret: true, Help: "password of Studio"},
	{Key: "SECRET_KEY_BASE", Secret: true, Help: "signs sessions of realtime and the pooler, at least 64 characters"},
	{Key: "REALTIME_DB_ENC_KEY", Secret: true, Locked: lockedData, Help: "encrypts realtime's tenants, exactly 16 characters"},
	{Key: "VAULT_ENC_KEY", Secret: true, Locked: lockedData, Help: "encrypts the pooler's tenants, exactly 32 characters"},
	{Key: "PG_META_CRYPTO_KEY", Secret: true, Help: "Studio and postgres-meta share it"},
	{Key: "LOGFLARE_PUBLIC_ACCESS_TOKEN", Secret: true, Help: "with it logs are written to analytics"},
	{Key: "LOGFLARE_PRIVATE_ACCESS_TOKEN", Secret: true, Help: "with it analytics is managed"},
	{Key: "LOGFLARE_API_KEY", Secret: true, Help: "analytics' key of older releases"},
	{Key: "LOGFLARE_LOGGER_BACKEND_API_KEY", Secret: true, Help: "analytics' key of older releases"},
	{Key: "S3_PROTOCOL_ACCESS_KEY_ID", Secret: true, Help: "key id of storage's S3 interface"},
	{Key: "S3_PROTOCOL_ACCESS_KEY_SECRET", Secret: true, Help: "secret of storage's S3 interface"},
	{Key: "MINIO_ROOT_USER", Help: "user of MinIO"},
	{Key: "MINIO_ROOT_PASSWORD", Secret: true, Help: "password of MinIO"},
	{Key: "SUPABASE_PUBLIC_URL", Type: URLType, Default: "http://localhost:8000", Help: "where browsers reach the stack"},
	{Key: "API_EXTERNAL_URL", Type: URLType, Default: "http://localhost:8000/auth/v1", Help: "where browsers reach auth; it stands in mails and redirects"},
	{Key: "SITE_URL", Type: URLType, Default: "http://localhost:3000", Help: "the app that users come from and return to"},
	{Key: "ADDITIONAL_REDIRECT_URLS", Type: ListType, Help: "other addresses that auth may send users to"},
	{Key: "KONG_HTTP_PORT", Type: PortType, Default: "8000", Help: "port of the gateway on the host"},
	{Key: "KONG_HTTPS_PORT", Type: PortType, Default: "8443", Help: "TLS port of the gateway on the host"},
	{Key: "API_GW_HTTP_PORT", Type: PortType, Default: "8000", Help: "port of the gateway on the host, from release 0.8 on"},
	{Key: "POOLER_PROXY_PORT_TRANSACTION", Type: PortType, Default: "6543", Help: "port of the pooler's transaction mode on the host"},
	{Key: "POOLER_TENANT_ID", Locked: lockedIdentity, Help: "part of the user name of pooler connections"},
	{Key: "POOLER_DEFAULT_POOL_SIZE", Type: NumberType, Default: "20", Help: "connections to the database per pool"},
	{Key: "POOLER_MAX_CLIENT_CONN", Type: NumberType, Default: "100", Help: "clients that may be connected to the pooler"},
	{Key: "POOLER_DB_POOL_SIZE", Type: NumberType, Default: "5", Help: "connections of the pooler to its own metadata"},
	{Key: "POOLER_POOL_MODE", Type: EnumType, Allowed: []string{"transaction", "session"}, Default: "transaction", Help: "how the pooler shares connections"},
	{Key: "PGRST_DB_SCHEMAS", Type: ListType, Default: "public,storage,graphql_public", Help: "schemas that the REST API shows"},
	{Key: "PGRST_DB_MAX_ROWS", Type: NumberType, Default: "1000", Help: "rows that one answer of the REST API may have"},
	{Key: "PGRST_DB_EXTRA_SEARCH_PATH", Type: ListType, Default: "public", Help: "schemas searched besides"},
	{Key: "DISABLE_SIGNUP", Type: BoolType, Default: "false", Help: "nobody may sign up"},
	{Key: "ENABLE_EMAIL_SIGNUP", Type: BoolType, Default: "true", Help: "sign-up by mail address"},
	{Key: "ENABLE_EMAIL_AUTOCONFIRM", Type: BoolType, Default: "false", Help: "mail addresses need no confirmation"},
	{Key: "ENABLE_ANONYMOUS_USERS", Type: BoolType, Default: "false", Help: "users without an account"},
	{Key: "ENABLE_PHONE_SIGNUP", Type: BoolType, Default: "true", Help: "sign-up by phone"},
	{Key: "ENABLE_PHONE_AUTOCONFIRM", Type: BoolType, Default: "true", Help: "phone numbers need no confirmation"},
	{Key: "MAILER_URLPATHS_INVITE", Default: "/auth/v1/verify", Help: "path in invitation mails"},
	{Key: "MAILER_URLPATHS_CONFIRMATION", Default: "/auth/v1/verify", Help: "path in confirmation mails"},
	{Key: "MAILER_URLPATHS_RECOVERY", Default: "/auth/v1/verify", Help: "path in recovery mails"},
	{Key: "MAILER_URLPATHS_EMAIL_CHANGE", Default: "/auth/v1/verify", Help: "path in mails about a new address"},
	{Key: "SMTP_ADMIN_EMAIL", Type: EmailType, Default: "admin@example.com", Help: "sender of mails"},
	{Key: "SMTP_HOST", Default: "supabase-mail", Help: "mail server"},
	{Key: "SMTP_PORT", Type: NumberType, Default: "2500", Help: "port of the mail server"},
	{Key: "SMTP_USER", Help: "user of the mail server"},
	{Key: "SMTP_PASS", Secret: true, Help: "password of the mail server"},
	{Key: "SMTP_SENDER_NAME", Help: "name of the sender of mails"},
	{Key: "STUDIO_DEFAULT_ORGANIZATION", Default: "Default Organization", Help: "name shown in Studio"},
	{Key: "STUDIO_DEFAULT_PROJECT", Default: "Default Project", Help: "name shown in Studio"},
	{Key: "STUDIO_PORT", Type: PortType, Default: "3000", Help: "port of Studio on the host, older releases"},
	{Key: "OPENAI_API_KEY", Secret: true, Help: "for Studio's assistant"},
	{Key: "FUNCTIONS_VERIFY_JWT", Type: BoolType, Default: "false", Help: "edge functions refuse calls without a token"},
	{Key: "IMGPROXY_AUTO_WEBP", Type: BoolType, Default: "true", Help: "images are sent as WebP where the browser can"},
	{Key: "IMGPROXY_ENABLE_WEBP_DETECTION", Type: BoolType, Default: "true", Help: "the same in older releases"},
	{Key: "GLOBAL_S3_BUCKET", Default: "stub", Help: "bucket that storage keeps files in, with an S3 backend"},
	{Key: "REGION", Default: "stub", Help: "region of that bucket"},
	{Key: "STORAGE_TENANT_ID", Default: "stub", Locked: lockedIdentity, Help: "folder of storage's files"},
	{Key: "DOCKER_SOCKET_LOCATION", Default: "/var/run/docker.sock", Help: "socket that vector reads logs from"},
	{Key: "GOOGLE_PROJECT_ID", Help: "for analytics in BigQuery"},
	{Key: "GOOGLE_PROJECT_NUMBER", Type: NumberType, Help: "for analytics in BigQuery"},
	{Key: "PROXY_DOMAIN", Help: "domain of the proxy overlay"},
	{Key: "CERTBOT_EMAIL", Type: EmailType, Help: "for certificates of the proxy overlay"},
	{Key: "BIND_ADDRESS", Default: "127.0.0.1", Help: "address of the host that ports are published on"},
	{Key: "LOG_MAX_SIZE", Default: "10m", Help: "size at which a container's log is rotated"},
	{Key: "COMPOSE_PROJECT_NAME", Locked: lockedIdentity, Help: "name of the compose project"},
	{Key: "STACK_NAME", Locked: lockedIdentity, Help: "first part of the containers' names"},
	{Key: "STACK_SUBNET", Locked: "the network would have to be made anew", Help: "network of the stack"},
	{Key: "COMPOSE_FILE", Locked: "it says which files the stack is made of; edit it as text", Help: "compose files, in order"},
}, memorySettings()...)

// Settings returns all known variables, in an order for people.
func Settings() []Setting { return slices.Clone(settings) }

// everyday are short names for what people change most.
var everyday = map[string]string{"dashboard_username": "DASHBOARD_USERNAME", "dashboard_password": "DASHBOARD_PASSWORD"}

// SettingOf returns what is known of a variable, by its name or its short name.
// An unknown one is core.Invalid, and names those that are near.
func SettingOf(name string) (Setting, error) {
	key := name
	if k, ok := everyday[name]; ok {
		key = k
	}
	for _, s := range settings {
		if s.Key == key {
			if s.Type == "" {
				s.Type = TextType
			}
			return s, nil
		}
	}
	if len(name) > 60 {
		name = name[:60] + "…"
	}
	return Setting{}, &core.Error{Code: core.Invalid, Message: fmt.Sprintf("there is no setting %q", name), Hint: near(key)}
}

// near names the settings that share the most with a name that is none.
func near(name string) string {
	words := strings.FieldsFunc(strings.ToUpper(name), func(r rune) bool { return r == '_' || r == '-' || r == ' ' })
	best, most := []string{}, 1
	for _, s := range settings {
		n := 0
		for _, w := range words {
			if slices.Contains(strings.Split(s.Key, "_"), w) {
				n++
			}
		}
		if n > most {
			best, most = nil, n
		}
		if n == most && len(best) < 5 {
			best = append(best, s.Key)
		}
	}
	if len(best) == 0 {
		return "the known settings are listed with the instance's configuration"
	}
	return "near it are " + strings.Join(best, ", ")
}

var (
	portValue = regexp.MustCompile(`^(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}:|\[[0-9a-fA-F:]+\]:)?([0-9]{1,5})$`)
	lineBreak = regexp.MustCompile(`[\x00-\x08\n\r\x0b-\x1f\x7f]`)
)

// Check returns why value cannot be the value of the setting. It never quotes a
// secret.
func (s Setting) Check(value string) error {
	bad := func(want string) error {
		if s.Secret {
			return core.Errorf(core.Invalid, "%s: the value %s", s.Key, want)
		}
		shown := value
		if len(shown) > 60 {
			shown = shown[:60] + "…"
		}
		return core.Errorf(core.Invalid, "%s: %q %s", s.Key, shown, want)
	}
	switch {
	case s.Locked != "":
		return &core.Error{Code: core.Forbidden, Message: s.Key + " is not changed by an edit", Hint: s.Locked}
	case len(value) > 16<<10:
		return bad("has more than 16 KiB")
	case lineBreak.MatchString(value):
		return bad("has a line break or another control character")
	case s.Secret && s.Key != "OPENAI_API_KEY" && s.Key != "SMTP_PASS" && value != "" && len(value) < 8:
		return bad("is shorter than 8 characters")
	}
	if recipe, err := RecipeOf(s.Key); s.Secret && err == nil && recipe.Exact && value != "" && len(value) != recipe.Length {
		return bad(fmt.Sprintf("must have exactly %d characters", recipe.Length))
	}
	if value == "" {
		return s.checkEmpty()
	}
	return s.checkType(value, bad)
}

func (s Setting) checkEmpty() error {
	switch s.Type {
	case BoolType, NumberType, PortType, EnumType, URLType, MemoryType:
		return core.Errorf(core.Invalid, "%s: a value is needed; unset it to use the release's default", s.Key)
	}
	return nil
}

func (s Setting) checkType(value string, bad func(string) error) error {
	switch s.Type {
	case BoolType:
		if value != "true" && value != "false" {
			return bad("is not true or false")
		}
	case NumberType:
		n, err := strconv.Atoi(value)
		switch {
		case err != nil || n < 0 || strconv.Itoa(n) != value:
			return bad("is not a whole number")
		case strings.HasSuffix(s.Key, "_PORT") && (n < 1 || n > 65535):
			return bad("is not a port from 1 to 65535")
		}
	case PortType:
		m := portValue.FindStringSubmatch(value)
		if m == nil {
			return bad("is not a port such as 8000 or 127.0.0.1:8000")
		}
		if n, _ := strconv.Atoi(m[1]); n < 1 || n > 65535 {
			return bad("is not a port from 1 to 65535")
		}
	case URLType:
		u, err := url.Parse(value)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return bad("is not an address such as https://shop.example.com")
		}
		if h := u.Hostname(); h == "0.0.0.0" || h == "::" {
			return bad("is every address and none; give the one that browsers use")
		}
	case EmailType:
		if a, err := mail.ParseAddress(value); err != nil || a.Address != value {
			return bad("is not a mail address")
		}
	case EnumType:
		if !slices.Contains(s.Allowed, value) {
			return bad("is not one of " + strings.Join(s.Allowed, ", "))
		}
	case MemoryType:
		if !memoryValue.MatchString(value) {
			return bad("is not an amount of memory such as 512m or 2g, or 0 for no bound")
		}
	case ListType:
		if strings.ContainsAny(value, " \t") {
			return bad("is a list: separate by commas, without spaces")
		}
	}
	return nil
}
