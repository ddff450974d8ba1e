-- Older releases kept the JWT secret in the database's settings too, where rotating
-- it in .env does not reach. The present release sets it no longer. Where no function
-- reads it, this takes the old one out of the settings. It cannot be put back by a
-- statement, since no plan holds a secret: hence the database snapshot first.
return {
  title = "Take an old JWT secret out of the database's settings",
  fixes = { "PG-25" },
  risk = "high",
  needs = { "sql" },
  wants = {
    sql = {
      set = "select case when s.setdatabase = 0 then '' else d.datname end, case when s.setrole = 0 then '' else pg_get_userbyid(s.setrole) end " ..
        "from pg_db_role_setting s left join pg_database d on d.oid = s.setdatabase " ..
        "where array_to_string(s.setconfig, ' ') like '%app.settings.jwt_secret=%' order by 1, 2",
      readers = "select n.nspname, p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace " ..
        "where p.prosrc like '%app.settings.jwt_secret%' order by 1, 2",
    },
  },

  plan = function(t)
    if not t.sql.set or not t.sql.readers then
      return nil, "the settings of the database cannot be read: " .. (t.gaps["sql.set"] or t.gaps["sql.readers"] or "no answer")
    end
    if #t.sql.readers > 0 then
      local row = t.sql.readers[1]
      return nil, "the function " .. row[1] .. "." .. row[2] .. " reads it; give it another way to the secret, such as Vault, first"
    end
    local actions = {}
    for _, row in ipairs(t.sql.set) do
      if row[1] == "" or row[2] ~= "" then
        return nil, "it is set for a role (" .. row[2] .. "); a person must tell what for"
      end
      actions[#actions + 1] = {
        op = "sql", statement = 'alter database "' .. string.gsub(row[1], '"', '""') .. '" reset "app.settings.jwt_secret"', why = "no function reads it",
      }
    end
    if #actions == 0 then
      return nil, "the database's settings hold no JWT secret"
    end
    return actions
  end,

  examples = {
    {
      given = { sql = { set = { { "postgres", "" } }, readers = {} } },
      plan = { 'sql statement=alter database "postgres" reset "app.settings.jwt_secret"' },
    },
    {
      given = { sql = { set = { { "postgres", "" } }, readers = { { "public", "make_token" } } } },
      refuses = "the function public.make_token reads it; give it another way to the secret, such as Vault, first",
    },
    { given = { sql = { set = { { "postgres", "authenticator" } }, readers = {} } }, refuses = "it is set for a role (authenticator); a person must tell what for" },
    { given = { sql = { set = {}, readers = {} } }, refuses = "the database's settings hold no JWT secret" },
    { given = { gaps = { ["sql.set"] = "it is down" }, sql = {} }, refuses = "the settings of the database cannot be read: it is down" },
  },
}
