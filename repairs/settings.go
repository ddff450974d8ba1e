package repairs

import (
	"regexp"
	"strings"

	"github.com/basewright/basewright/core"
)

// open lists the settings of .env and of containers that are no secret, so
// that a playbook may read their values. Whatever is not here is a handle.
// Source: .env.example and docker-compose.yml of supabase/supabase, docker/.
var open = wordSet(`
	POSTGRES_HOST POSTGRES_DB POSTGRES_PORT JWT_EXPIRY JWT_EXP
	SUPABASE_PUBLIC_URL API_EXTERNAL_URL SITE_URL ADDITIONAL_REDIRECT_URLS SUPABASE_URL STUDIO_PG_META_URL
	POOLER_TENANT_ID POOLER_PROXY_PORT_TRANSACTION POOLER_DEFAULT_POOL_SIZE POOLER_MAX_CLIENT_CONN POOLER_DB_POOL_SIZE
	DISABLE_SIGNUP SMTP_ADMIN_EMAIL SMTP_HOST SMTP_PORT SMTP_SENDER_NAME
	GLOBAL_S3_BUCKET REGION STORAGE_TENANT_ID TENANT_ID STORAGE_BACKEND FILE_SIZE_LIMIT
	FUNCTIONS_VERIFY_JWT VERIFY_JWT PGRST_DB_SCHEMAS PGRST_DB_MAX_ROWS PGRST_DB_EXTRA_SEARCH_PATH PGRST_DB_ANON_ROLE
	PGRST_DB_USE_LEGACY_GUCS DOCKER_SOCKET_LOCATION GOOGLE_PROJECT_ID GOOGLE_PROJECT_NUMBER
	API_GW_HTTP_PORT KONG_HTTP_PORT KONG_HTTPS_PORT STUDIO_PORT IMGPROXY_AUTO_WEBP IMGPROXY_ENABLE_WEBP_DETECTION
	PROXY_DOMAIN CONFIG COMPOSE_FILE
	GOTRUE_API_HOST GOTRUE_API_PORT GOTRUE_DB_DRIVER GOTRUE_SITE_URL GOTRUE_URI_ALLOW_LIST GOTRUE_DISABLE_SIGNUP
	GOTRUE_JWT_AUD GOTRUE_JWT_EXP GOTRUE_JWT_ADMIN_ROLES GOTRUE_JWT_DEFAULT_GROUP_NAME
	GOTRUE_EXTERNAL_EMAIL_ENABLED GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED GOTRUE_EXTERNAL_PHONE_ENABLED
	GOTRUE_MAILER_AUTOCONFIRM GOTRUE_SMS_AUTOCONFIRM GOTRUE_SMTP_ADMIN_EMAIL GOTRUE_SMTP_HOST GOTRUE_SMTP_PORT
	GOTRUE_SMTP_SENDER_NAME KONG_DATABASE KONG_DECLARATIVE_CONFIG KONG_DNS_ORDER KONG_PLUGINS
	DB_HOST DB_PORT DB_NAME DB_USER DB_DATABASE DB_SCHEMA PG_META_PORT PG_META_DB_HOST PG_META_DB_PORT PG_META_DB_NAME
	PG_META_DB_USER PGHOST PGPORT PGDATABASE PGUSER PORT APP_NAME`)

// openPrefixes begin the names of groups of such settings.
var openPrefixes = []string{"ENABLE_", "MAILER_URLPATHS_", "STUDIO_DEFAULT_", "GOTRUE_MAILER_URLPATHS_"}

// credentials are what makes the value of an open setting a secret after all: a
// password in a URL.
var credentials = regexp.MustCompile(`://[^/\s]*@`)

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// isOpen reports whether the value of a setting may be shown.
func isOpen(key string, v core.Secret) bool {
	if credentials.MatchString(v.Reveal()) {
		return false
	}
	if open[key] {
		return true
	}
	for _, p := range openPrefixes {
		if strings.HasPrefix(key, p) {
			return true
		}
	}
	return false
}
