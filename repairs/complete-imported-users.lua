-- Rows that were put into auth.users by SQL often have NULL in a token column, which
-- auth reads as text: these users cannot sign in, and every list that holds one
-- fails. This puts '' in its place, as auth itself does. It writes into data, so
-- the plan is of high risk and takes a database snapshot first.
local columns = { "confirmation_token", "recovery_token", "email_change_token_new", "email_change", "email_change_token_current", "phone_change", "phone_change_token", "reauthentication_token" }

return {
  title = "Let users who were inserted by SQL sign in",
  fixes = { "AUTH-06" },
  risk = "high",
  needs = { "sql" },
  wants = {
    sql = {
      columns = "select a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace " ..
        "where n.nspname = 'auth' and c.relname = 'users' and a.attnum > 0 and not a.attisdropped",
    },
  },

  plan = function(t)
    if not t.sql.columns then
      return nil, "the database cannot be read: " .. (t.gaps["sql.columns"] or "no answer")
    end
    local there, set, lacks = {}, {}, {}
    for _, row in ipairs(t.sql.columns) do
      there[row[1]] = true
    end
    for _, name in ipairs(columns) do
      if there[name] then
        set[#set + 1] = name .. " = coalesce(" .. name .. ", '')"
        lacks[#lacks + 1] = name .. " is null"
      end
    end
    if #set == 0 then
      return nil, "auth.users has none of the token columns; auth has not made its tables"
    end
    return { { op = "sql", statement = "update auth.users set " .. table.concat(set, ", ") .. " where " .. table.concat(lacks, " or ") } }
  end,

  examples = {
    {
      given = { sql = { columns = { { "id" }, { "confirmation_token" }, { "email_change" } } } },
      plan = {
        "sql statement=update auth.users set confirmation_token = coalesce(confirmation_token, ''), email_change = coalesce(email_change, '') " ..
          "where confirmation_token is null or email_change is null",
      },
    },
    { given = { sql = { columns = { { "id" } } } }, refuses = "auth.users has none of the token columns; auth has not made its tables" },
    { given = { gaps = { ["sql.columns"] = "it is down" }, sql = {} }, refuses = "the database cannot be read: it is down" },
  },
}
