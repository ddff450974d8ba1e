package main

import (
	"context"
	"errors"
	"os"

	"github.com/basewright/basewright/core"
)

const (
	logsFile   = "docker-compose.logs.yml"
	vectorFile = "volumes/logs/vector.yml"
)

// loggingFaults are those of analytics and vector; they need a stack with the
// logs overlay.
func loggingFaults() []fault {
	overlay := func(old, new string) []swap { return []swap{{logsFile, old, new}} }
	list := []fault{
		edited("LOG-01", "Auth waits for analytics to be healthy, as in compose files of before June 2026.", nil,
			overlay("\n  vector:\n", "\n  auth:\n    depends_on:\n      analytics:\n        condition: service_healthy\n\n  vector:\n")),
		edited("LOG-08", "The backend URL of analytics is no URL.", dies(core.Analytics, "POSTGRES_BACKEND_URL"),
			overlay("POSTGRES_BACKEND_URL: postgresql://supabase_admin:${POSTGRES_PASSWORD}@${POSTGRES_HOST}", "POSTGRES_BACKEND_URL: postgresql://${POSTGRES_HOST}"), core.Analytics),
		edited("LOG-09", "The health check of analytics takes 503 for health.", nil, overlay(`"-sSfL"`, `"-sSL"`), core.Analytics),
		edited("UPG-04", "The files are those of a release without logging, and its containers still run.", nil, overlay("services:\n", "services: {}\nx-before:\n")),
		edited("VEC-01", "Vector was created without Docker's socket.", logs(core.Vector, "All sources have finished"),
			overlay("      - ${DOCKER_SOCKET_LOCATION}:/var/run/docker.sock:ro\n", ""), core.Vector),
		edited("VEC-03", "vector.yml sorts by upstream's container names, which this stack does not have.", nil,
			[]swap{{vectorFile, `"${STACK_NAME}-kong"`, `"supabase-kong"`}}),
		edited("VEC-04", "Vector reads the containers of every stack on this host.", nil,
			[]swap{{vectorFile, "    include_labels:\n      - com.docker.compose.project=${STACK_NAME}\n", ""}}),
		edited("VEC-08", "A line of vector.yml begins with a tab, which YAML does not allow.", nil,
			[]swap{{vectorFile, "\nsinks:\n", "\n\tsinks:\n"}}),
		{code: "LOG-03", does: "The schema _analytics is gone (renamed), so analytics cannot start.",
			apply: analyticsAnd(`alter schema _analytics rename to analytics_gone;`), shows: dies(core.Analytics, "3F000"),
			mend: analyticsAnd(`do $$ begin
  if exists (select from pg_namespace where nspname = 'analytics_gone') then
    drop schema if exists _analytics cascade;
    alter schema analytics_gone rename to _analytics;
  end if;
end $$;`)},
		{code: "LOG-04", does: "Analytics has noted its migrations, and its table of sources is gone (renamed).",
			apply: analyticsAnd(`alter table _analytics.sources rename to sources_gone;`), shows: dies(core.Analytics, "42P01"),
			mend: analyticsAnd(`do $$ begin
  if to_regclass('_analytics.sources_gone') is not null then
    drop table if exists _analytics.sources;
    alter table _analytics.sources_gone rename to sources;
  end if;
end $$;`)},
		{code: "VEC-02", does: "vector.yml is an empty folder, as Docker makes when the file is missing.", save: saveFiles(vectorFile),
			apply: folderForVector, shows: logs(core.Vector, "Is a directory"), mend: restoreFilesAnd(core.Vector)},
		{code: "VEC-05", does: "Vector was created with another token than analytics has.",
			apply: func(ctx context.Context, b *bench, _ saved) error {
				return b.with(ctx, core.Vector, map[string]string{"LOGFLARE_PUBLIC_ACCESS_TOKEN": hexOf(16)})
			}, shows: envDiffers(core.Vector, "LOGFLARE_PUBLIC_ACCESS_TOKEN", "LOGFLARE_PUBLIC_ACCESS_TOKEN"), mend: remakeAnd(core.Vector)},
		{code: "VEC-06", does: "Analytics is stopped, so Vector cannot find it by name.",
			apply: func(ctx context.Context, b *bench, _ saved) error { return b.engine().Stop(ctx, core.Analytics) },
			shows: logs(core.Vector, "failed to lookup address information"), mend: remakeAnd(core.Vector)},
	}
	for i := range list {
		list[i].overlay = "logs"
	}
	return list
}

// analyticsAnd runs statements in the database of analytics and restarts it.
func analyticsAnd(statements string) func(context.Context, *bench, saved) error {
	return func(ctx context.Context, b *bench, _ saved) error {
		if _, err := b.sql(ctx, "_supabase", statements); err != nil {
			return err
		}
		return b.restart(ctx, core.Analytics)
	}
}

func folderForVector(ctx context.Context, b *bench, _ saved) error {
	if err := b.remove(ctx, core.Vector); err != nil {
		return err
	}
	if err := errors.Join(os.Remove(b.path(vectorFile)), os.Mkdir(b.path(vectorFile), 0o755)); err != nil {
		return err
	}
	return ignoreStart(b.up(ctx))
}
