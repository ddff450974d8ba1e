package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// gotrueConfig is the part of GoTrue's GlobalConfiguration (internal/conf/configuration.go) that matters here.
type gotrueConfig struct {
	addr           string
	externalURL    string
	siteURL        string
	dbURL          string
	dbDriver       string
	namespace      string
	poolSize       int
	jwtSecret      string
	jwtKeys        keySet
	jwtExp         int
	jwtAud         string
	jwtIssuer      string
	defaultGroup   string
	adminRoles     []string
	disableSignup  bool
	emailEnabled   bool
	phoneEnabled   bool
	anonymous      bool
	autoconfirm    bool
	smsAutoconfirm bool
	smtpHost       string
	smtpPort       int
	smtpUser       string
	smtpPass       string
	smtpFrom       string
	smtpSender     string
	maxRequest     time.Duration
}

// setting is one environment key of GoTrue; the field name appears in envconfig's error texts.
type setting struct {
	key      string
	field    string
	required bool
	def      string
	set      func(c *gotrueConfig, v string) error
}

func text(to func(*gotrueConfig) *string) func(*gotrueConfig, string) error {
	return func(c *gotrueConfig, v string) error { *to(c) = v; return nil }
}

func flag(to func(*gotrueConfig) *bool) func(*gotrueConfig, string) error {
	return func(c *gotrueConfig, v string) error {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return &conversion{"bool", err}
		}
		*to(c) = b
		return nil
	}
}

func number(to func(*gotrueConfig) *int) func(*gotrueConfig, string) error {
	return func(c *gotrueConfig, v string) error {
		n, err := strconv.ParseInt(v, 0, 64)
		if err != nil {
			return &conversion{"int", err}
		}
		*to(c) = int(n)
		return nil
	}
}

// conversion is a value that does not fit its field's type.
type conversion struct {
	kind string
	err  error
}

func (c *conversion) Error() string { return c.err.Error() }

// gotrueSettings stand in the order of GoTrue's configuration struct, which decides what is reported first.
var gotrueSettings = []setting{
	{key: "API_EXTERNAL_URL", field: "ExternalURL", required: true, set: text(func(c *gotrueConfig) *string { return &c.externalURL })},
	{key: "GOTRUE_DB_DRIVER", field: "Driver", required: true, set: text(func(c *gotrueConfig) *string { return &c.dbDriver })},
	{key: "GOTRUE_DB_DATABASE_URL", field: "URL", required: true, set: text(func(c *gotrueConfig) *string { return &c.dbURL })},
	{key: "GOTRUE_DB_NAMESPACE", field: "Namespace", def: "auth", set: text(func(c *gotrueConfig) *string { return &c.namespace })},
	{key: "GOTRUE_DB_MAX_POOL_SIZE", field: "MaxPoolSize", def: "10", set: number(func(c *gotrueConfig) *int { return &c.poolSize })},
	{key: "GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED", field: "Enabled", def: "false", set: flag(func(c *gotrueConfig) *bool { return &c.anonymous })},
	{key: "GOTRUE_EXTERNAL_EMAIL_ENABLED", field: "Enabled", def: "true", set: flag(func(c *gotrueConfig) *bool { return &c.emailEnabled })},
	{key: "GOTRUE_EXTERNAL_PHONE_ENABLED", field: "Enabled", def: "false", set: flag(func(c *gotrueConfig) *bool { return &c.phoneEnabled })},
	{key: "GOTRUE_SMTP_HOST", field: "Host", set: text(func(c *gotrueConfig) *string { return &c.smtpHost })},
	{key: "GOTRUE_SMTP_PORT", field: "Port", def: "587", set: number(func(c *gotrueConfig) *int { return &c.smtpPort })},
	{key: "GOTRUE_SMTP_USER", field: "User", set: text(func(c *gotrueConfig) *string { return &c.smtpUser })},
	{key: "GOTRUE_SMTP_PASS", field: "Pass", set: text(func(c *gotrueConfig) *string { return &c.smtpPass })},
	{key: "GOTRUE_SMTP_ADMIN_EMAIL", field: "AdminEmail", set: text(func(c *gotrueConfig) *string { return &c.smtpFrom })},
	{key: "GOTRUE_SMTP_SENDER_NAME", field: "SenderName", set: text(func(c *gotrueConfig) *string { return &c.smtpSender })},
	{key: "GOTRUE_SITE_URL", field: "SiteURL", required: true, set: text(func(c *gotrueConfig) *string { return &c.siteURL })},
	{key: "GOTRUE_JWT_SECRET", field: "Secret", required: true, set: text(func(c *gotrueConfig) *string { return &c.jwtSecret })},
	{key: "GOTRUE_JWT_EXP", field: "Exp", def: "3600", set: number(func(c *gotrueConfig) *int { return &c.jwtExp })},
	{key: "GOTRUE_JWT_AUD", field: "Aud", def: "authenticated", set: text(func(c *gotrueConfig) *string { return &c.jwtAud })},
	{key: "GOTRUE_JWT_ADMIN_ROLES", field: "AdminRoles", def: "service_role", set: func(c *gotrueConfig, v string) error { c.adminRoles = strings.Split(v, ","); return nil }},
	{key: "GOTRUE_JWT_DEFAULT_GROUP_NAME", field: "DefaultGroupName", def: "authenticated", set: text(func(c *gotrueConfig) *string { return &c.defaultGroup })},
	{key: "GOTRUE_JWT_ISSUER", field: "Issuer", set: text(func(c *gotrueConfig) *string { return &c.jwtIssuer })},
	{key: "GOTRUE_JWT_KEYS", field: "Keys", def: "[]", set: setJWTKeys},
	{key: "GOTRUE_MAILER_AUTOCONFIRM", field: "Autoconfirm", def: "false", set: flag(func(c *gotrueConfig) *bool { return &c.autoconfirm })},
	{key: "GOTRUE_SMS_AUTOCONFIRM", field: "Autoconfirm", def: "false", set: flag(func(c *gotrueConfig) *bool { return &c.smsAutoconfirm })},
	{key: "GOTRUE_DISABLE_SIGNUP", field: "DisableSignup", def: "false", set: flag(func(c *gotrueConfig) *bool { return &c.disableSignup })},
}

// altNames are the names that envconfig reports instead of the full key, as the struct tags say.
var altNames = map[string]string{"GOTRUE_DB_DATABASE_URL": "DATABASE_URL"}

func setJWTKeys(c *gotrueConfig, v string) error {
	if err := json.Unmarshal([]byte(v), &c.jwtKeys); err != nil {
		return &conversion{"conf.JwtKeysDecoder", err}
	}
	return nil
}

// loadGotrueConfig reads the environment as GoTrue's envconfig does: a value that is present but empty is converted,
// not defaulted.
func loadGotrueConfig(e env) (*gotrueConfig, error) {
	c := &gotrueConfig{
		addr:       cmp.Or(e["GOTRUE_API_HOST"], "0.0.0.0") + ":" + cmp.Or(e["GOTRUE_API_PORT"], e["PORT"], "9999"),
		maxRequest: 10 * time.Second,
	}
	for _, s := range gotrueSettings {
		v, ok := e[s.key]
		if alt := altNames[s.key]; !ok && alt != "" {
			v, ok = e[alt]
		}
		if !ok {
			if s.required {
				return nil, fmt.Errorf("required key %s missing value", cmp.Or(altNames[s.key], s.key))
			}
			v = s.def
			if v == "" {
				continue
			}
		}
		if err := s.set(c, v); err != nil {
			kind := "string"
			if conv, ok := errors.AsType[*conversion](err); ok {
				kind = conv.kind
			}
			return nil, fmt.Errorf("envconfig.Process: assigning %s to %s: converting '%s' to type %s. details: %w", s.key, s.field, v, kind, err)
		}
	}
	if d, err := time.ParseDuration(e["GOTRUE_API_MAX_REQUEST_DURATION"]); err == nil {
		c.maxRequest = d
	}
	return c, c.validate()
}

func (c *gotrueConfig) validate() error {
	if c.jwtSecret == "" {
		return errors.New("failed to initialize *jwk.symmetricKey from []uint8: non-empty []byte key required")
	}
	for _, u := range []string{c.externalURL, c.siteURL} {
		if _, err := url.ParseRequestURI(u); err != nil {
			return err
		}
	}
	c.jwtIssuer = cmp.Or(c.jwtIssuer, c.externalURL)
	return nil
}

// verifiers are the keys whose tokens are accepted: the JWT keys and, always, the shared secret.
func (c *gotrueConfig) verifiers() keySet {
	return slices.Concat(c.jwtKeys, parseKeySet(c.jwtSecret))
}

// signingKey is the JWT key that may sign, if there is one.
func (c *gotrueConfig) signingKey() (jwk, bool) {
	i := slices.IndexFunc(c.jwtKeys, func(k jwk) bool { return k.signer() != nil && slices.Contains(k.KeyOps, "sign") })
	if i < 0 {
		return jwk{}, false
	}
	return c.jwtKeys[i], true
}
