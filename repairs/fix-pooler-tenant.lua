-- The pooler makes its tenant once, from its environment, and then believes what
-- it stored: another tenant's name, a database host of the past, a password under
-- a key that has changed, a limit of clients. This puts what is stored aside (it
-- is not dropped), and the pooler makes its tenant anew as it starts.

-- raised returns the variable of the limit that was reached, and twice its value.
local function raised(t, wanted)
  local key, now = "POOLER_MAX_CLIENT_CONN", 100
  for _, e in ipairs(t.finding.evidence or {}) do
    if string.find(e.text, "session mode", 1, true) then
      key, now = "POOLER_DEFAULT_POOL_SIZE", 20
    end
  end
  now = tonumber(t.env[key]) or now
  if wanted and wanted <= now then
    return nil, key .. " is " .. string.format("%d", now) .. " already; name more with --param clients=NUMBER"
  end
  return { op = "set_env", key = key, value = string.format("%d", wanted or 2 * now), why = "it is " .. string.format("%d", now) .. " now" }
end

return {
  title = "Have the pooler make its tenant anew",
  fixes = { "POOL-01", "POOL-03", "POOL-05", "POOL-06", "POOL-07" },
  risk = "medium",
  needs = { "generate_secret", "set_env", "stop", "sql", "recreate", "wait_healthy" },
  params = {
    anyway = { type = "bool", default = "false", help = "also when nothing was found to be wrong with the tenant" },
    new_key = { type = "bool", default = "false", help = "also make a new VAULT_ENC_KEY" },
    clients = { type = "int", help = "with POOL-06, the limit to set; by default twice the present one" },
    timeout = { type = "duration", default = "120s", help = "how long the pooler may take to be healthy" },
  },
  wants = {
    sql = {
      schemas = { database = "_supabase", query = "select nspname from pg_namespace" },
      tenants = { database = "_supabase", query = "select external_id from _supavisor.tenants order by 1" },
    },
  },

  plan = function(t, params)
    local pooler = t.services.pooler
    if not pooler or pooler.missing then
      return nil, "there is no container of the pooler"
    end
    if not t.sql.schemas then
      return nil, "the pooler's database cannot be read: " .. (t.gaps["sql.schemas"] or "no answer")
    end
    if #(t.sql.tenants or {}) > 1 then
      return nil, "the pooler has stored " .. #t.sql.tenants .. " tenants, and makes only one by itself; a person must look at the others"
    end
    if not t.finding and not params.new_key and not params.anyway then
      return nil, "nothing was found to be wrong with the pooler's tenant, so nothing is to be done; to have it made anew all the same, give --param anyway=true"
    end
    local exists = {}
    for _, row in ipairs(t.sql.schemas) do
      exists[row[1]] = true
    end
    local aside, n = "_supavisor_before", 1
    while exists[aside] do
      n = n + 1
      aside = "_supavisor_before" .. n
    end

    local actions = {}
    if params.new_key or t.finding and t.finding.code == "POOL-03" then
      if t.env.VAULT_ENC_KEY == nil then
        return nil, "VAULT_ENC_KEY is not set in .env; the pooler gets it from elsewhere"
      end
      actions[#actions + 1] = { op = "generate_secret", key = "VAULT_ENC_KEY" }
    end
    if t.finding and t.finding.code == "POOL-06" then
      local action, why = raised(t, params.clients)
      if not action then
        return nil, why
      end
      actions[#actions + 1] = action
    end
    actions[#actions + 1] = { op = "stop", service = "pooler" }
    if exists._supavisor then
      actions[#actions + 1] = {
        op = "sql", database = "_supabase", why = "what the pooler has stored is put aside",
        statement = "alter schema _supavisor rename to " .. aside, inverse = "alter schema " .. aside .. " rename to _supavisor",
      }
    end
    actions[#actions + 1] = {
      op = "sql", database = "_supabase",
      statement = "create schema _supavisor authorization supabase_admin", inverse = "drop schema _supavisor",
    }
    actions[#actions + 1] = { op = "recreate", service = "pooler" }
    actions[#actions + 1] = { op = "wait_healthy", service = "pooler", timeout = params.timeout }
    return actions
  end,

  examples = {
    {
      given = {
        finding = { code = "POOL-01", service = "pooler" }, services = { pooler = { state = "running" } },
        sql = { schemas = { { "_supavisor" }, { "_supavisor_before" } }, tenants = { { "old" } } },
      },
      plan = {
        "stop pooler",
        "sql database=_supabase inverse=alter schema _supavisor_before2 rename to _supavisor statement=alter schema _supavisor rename to _supavisor_before2",
        "sql database=_supabase inverse=drop schema _supavisor statement=create schema _supavisor authorization supabase_admin",
        "recreate pooler", "wait_healthy pooler timeout=120s",
      },
    },
    {
      given = {
        finding = { code = "POOL-03", service = "pooler" }, services = { pooler = { state = "restarting" } },
        env = { VAULT_ENC_KEY = { secret = "env:VAULT_ENC_KEY", fingerprint = "ab12cd34" } },
        sql = { schemas = {} },
      },
      plan = {
        "generate_secret key=VAULT_ENC_KEY", "stop pooler",
        "sql database=_supabase inverse=drop schema _supavisor statement=create schema _supavisor authorization supabase_admin",
        "recreate pooler", "wait_healthy pooler",
      },
    },
    {
      given = {
        finding = { code = "POOL-06", service = "pooler", evidence = { { source = "log:pooler", text = "EMAXCONN" } } },
        services = { pooler = { state = "running" } }, env = { POOLER_MAX_CLIENT_CONN = "150" }, sql = { schemas = {} },
      },
      plan = {
        "set_env key=POOLER_MAX_CLIENT_CONN value=300", "stop pooler",
        "sql database=_supabase inverse=drop schema _supavisor statement=create schema _supavisor authorization supabase_admin",
        "recreate pooler", "wait_healthy pooler",
      },
    },
    {
      given = {
        finding = { code = "POOL-06", service = "pooler", evidence = { { source = "log:pooler", text = "max clients reached in session mode" } } },
        services = { pooler = { state = "running" } }, sql = { schemas = {} },
      },
      params = { clients = "20" },
      refuses = "POOLER_DEFAULT_POOL_SIZE is 20 already; name more with --param clients=NUMBER",
    },
    {
      given = { services = { pooler = { state = "running" } }, sql = { schemas = { { "_supavisor" } }, tenants = { { "a" }, { "b" } } } },
      refuses = "the pooler has stored 2 tenants, and makes only one by itself; a person must look at the others",
    },
    {
      given = { services = { pooler = { state = "running" } }, sql = { schemas = { { "_supavisor" } }, tenants = { { "a" } } } },
      refuses = "nothing was found to be wrong with the pooler's tenant, so nothing is to be done; to have it made anew all the same, give --param anyway=true",
    },
    {
      given = { services = { pooler = { state = "running" } }, gaps = { ["sql.schemas"] = "there is no such database" }, sql = {} },
      refuses = "the pooler's database cannot be read: there is no such database",
    },
    { given = {}, refuses = "there is no container of the pooler" },
  },
}
