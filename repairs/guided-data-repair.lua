-- Some faults are mended only by steps that can lose data, and no program should
-- take them alone. This saves everything of the instance, the data directory of the
-- database too, which is stopped for as long as that takes; reads all of it again;
-- and says what a person does next. It changes nothing itself.
local restore = "If a step makes it worse: `basewright snapshot restore SNAPSHOT`, with the data snapshot of this receipt."

local guides = {
  ["PG-05"] = {
    "Name the image of the version that the data folder has again (in .env or the compose file), and run `basewright repair INSTANCE recreate-stale-containers`: nothing is lost so far.",
    "To move to the newer version, run the upgrade of your release for this stack alone, never a script that takes the first container or volume by name.",
  },
  ["PG-06"] = {
    "In a container of the image that the stack uses now: chown -R postgres:postgres /etc/postgresql-custom. Never delete that volume: it holds the key of Vault.",
  },
  ["PG-07"] = {
    "Find the newest snapshot or backup from before the key was lost, unpack it with `basewright snapshot restore ID --into FOLDER`, and look for pgsodium_root.key under named-volumes.",
    "Stop the database, put that file into the volume at /etc/postgresql-custom with the owner that the present one has, and start it. Without the old key the secrets of Vault must be entered again.",
  },
  ["PG-10"] = {
    "Compare the files in conf.d of the volume at /etc/postgresql-custom with the version of PostgreSQL, and move those aside that name settings of another. Leave pgsodium_root.key where it is.",
  },
  ["PG-12"] = {
    "Make room elsewhere: old images, logs, other stacks' leftovers. Never delete files of pg_wal. Then start the database and let it recover.",
  },
  ["PG-14"] = {
    "Find out who read the slot: `select * from pg_replication_slots`. If its reader is gone for good: select pg_drop_replication_slot('NAME'). A reader that comes back has to start over.",
  },
  ["PG-18"] = {
    "Restore the newest snapshot that is proven: `basewright snapshot list INSTANCE`, then `basewright snapshot restore ID`.",
    "Where there is none, work on a copy: unpack this snapshot with --into, and try pg_resetwal there. It loses what was not yet written; dump what it shows and load that into a new database.",
  },
  ["PG-20"] = {
    "Stay on PostgreSQL 15, or move what depends on the extension to another; `drop extension` takes with it all that depends on it.",
  },
  ["DK-14"] = {
    "Make room: old images, logs, build caches. Never remove volumes. Then start the services, the database last.",
  },
  ["DK-28"] = {
    "If a copy of the old volume exists, put pgsodium_root.key from it back, with the owner that the present one has, and restart the database.",
  },
  ["DK-30"] = {
    "Find out from the containers' labels which compose files made them, put exactly those into COMPOSE_FILE, look at what `docker compose up --dry-run` would do, and only then run it.",
  },
  ["ST-12"] = {
    "Put the overlay back that names the backend in which the files are, and recreate storage. To change the backend, copy every object first and compare the counts.",
  },
  ["AUTH-04"] = {
    "Read the SQLSTATE in the log of auth. For 42501 give the table back: alter table auth.NAME owner to supabase_auth_admin, and restart auth. Otherwise go back to the image that ran before.",
  },
  ["ST-03"] = {
    "Go forward to the image that knows the migration, or go back by restoring the snapshot that was taken with the older one. Rows of storage.migrations are not to be deleted without knowing what they did.",
  },
  ["LOG-04"] = {
    "Only logs are at stake: in the database _supabase, drop schema _analytics cascade; create schema _analytics authorization supabase_admin; then restart analytics.",
  },
  ["LOG-10"] = {
    "Only logs are at stake: in the database _supabase, look at pg_total_relation_size of the tables _analytics.log_events_*, and truncate those whose logs nobody needs.",
    "Set a retention for the sources in Logflare, or leave the logs overlay out of COMPOSE_FILE, so that they do not grow again.",
  },
  ["DK-02"] = {
    "Find the folder that the database's data is in, from its container's mounts. Set a COMPOSE_PROJECT_NAME of its own in the .env of the other folder, never in this one: the volumes are named after the project.",
    "Stop the containers of the other folder, copy the volume with pgsodium_root.key to the name that its new project has, and bring it up from there.",
  },
  ["DK-22"] = {
    "Stop the services of both stacks before anything else: some may have written to the other's database. Compare the newest rows of both before they run again.",
    "Take the shared network out of the database's service in the compose files, leave only the gateway on it, under an alias of its own, and recreate the database.",
  },
  ["UPG-10"] = {
    "Move volumes/db/data.bak.pg15 to another place before the upgrade is tried again: a second try deletes it.",
  },
}

return {
  title = "Save and prove everything before a repair that may lose data",
  fixes = { "PG-05", "PG-06", "PG-07", "PG-10", "PG-12", "PG-14", "PG-18", "PG-20", "DK-14", "DK-28", "DK-30", "ST-12", "AUTH-04", "ST-03", "LOG-04", "LOG-10", "DK-02", "DK-22", "UPG-10" },
  risk = "high",
  guided = true,
  needs = { "note" },
  params = {
    code = { type = "string", help = "the code to be guided through, where no finding names it" },
  },

  plan = function(t, params)
    local code = params.code or t.finding and t.finding.code
    if not code then
      return nil, "there is no finding to be guided through; name one with --param code=PG-07"
    end
    local guide = guides[code]
    if not guide then
      return nil, "there is no guide for " .. code
    end
    local actions = {}
    for i, text in ipairs(guide) do
      actions[i] = { op = "note", text = (string.gsub(text, "INSTANCE", t.instance and t.instance.id or "INSTANCE")), why = code }
    end
    actions[#actions + 1] = { op = "note", text = restore }
    return actions
  end,

  examples = {
    { given = { instance = { id = "shop" }, finding = { code = "PG-14", service = "db" } }, plan = { "note", "note" } },
    { given = { instance = { id = "shop" } }, params = { code = "PG-18" }, plan = { "note", "note", "note" } },
    { given = { finding = { code = "PG-01", service = "db" } }, refuses = "there is no guide for PG-01" },
    { given = {}, refuses = "there is no finding to be guided through; name one with --param code=PG-07" },
  },
}
