-- A database was built with other sorting rules than the image has now, and its
-- indexes on text may miss rows. This builds those indexes anew, in the database
-- concerned, and notes the version of the rules that they follow now. No statement
-- takes that back, so the plan is of high risk and takes a database snapshot first.
local rebuild = [[do $$
declare i regclass;
begin
  for i in
    select x.indexrelid::regclass from pg_index x join pg_class c on c.oid = x.indexrelid
    where c.relkind = 'i' and exists (
      select from unnest(x.indcollation) used join pg_collation l on l.oid = used
      where l.collprovider in ('d', 'c', 'i') and l.collname not in ('C', 'POSIX'))
  loop
    execute format('reindex index %s', i);
  end loop;
  execute format('alter database %I refresh collation version', current_database());
end $$]]

return {
  title = "Build indexes on text anew by the system's sorting rules",
  fixes = { "PG-17" },
  risk = "high",
  needs = { "sql" },
  wants = {
    sql = {
      old = "select datname, datcollversion, pg_database_collation_actual_version(oid) from pg_database " ..
        "where datallowconn and datcollversion <> pg_database_collation_actual_version(oid) order by datname",
    },
  },

  plan = function(t)
    if not t.sql.old then
      return nil, "the databases cannot be read: " .. (t.gaps["sql.old"] or "no answer")
    end
    local actions = {}
    for _, row in ipairs(t.sql.old) do
      actions[#actions + 1] = { op = "sql", database = row[1], statement = rebuild, why = row[1] .. " was built with " .. row[2] .. ", the system has " .. row[3] }
    end
    if #actions == 0 then
      return nil, "every database was built with the sorting rules that the system has"
    end
    return actions
  end,

  examples = {
    {
      given = { sql = { old = { { "shop", "2.31", "2.36" } } } },
      plan = { "sql database=shop statement=" .. rebuild },
    },
    { given = { sql = { old = {} } }, refuses = "every database was built with the sorting rules that the system has" },
    { given = { gaps = { ["sql.old"] = "it is down" }, sql = {} }, refuses = "the databases cannot be read: it is down" },
  },
}
