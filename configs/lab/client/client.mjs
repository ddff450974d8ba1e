// A real client of a stack: it reads {"url", "anon", "table"} from its standard
// input, signs a user up, signs in, writes a row and reads it back, and says what it
// saw as JSON. Whatever goes wrong ends it with the step and the message.
import { createClient } from '@supabase/supabase-js'
import { randomUUID } from 'node:crypto'
import ws from 'ws'

const { url, anon, table } = JSON.parse(await new Response(process.stdin).text())
const email = `client-${randomUUID()}@example.com`
const password = randomUUID()
const quiet = { auth: { persistSession: false, autoRefreshToken: false }, realtime: { transport: ws } } // node has no WebSocket of its own before 22

const want = (step, { data, error }) => {
  if (error) {
    console.error(`${step}: ${error.message}`)
    process.exit(1)
  }
  return data
}

const client = createClient(url, anon, quiet)
const made = want('sign up', await client.auth.signUp({ email, password }))
await client.auth.signOut({ scope: 'local' })
const { user } = want('sign in', await client.auth.signInWithPassword({ email, password }))
const text = randomUUID()
want('write', await client.from(table).insert({ text }))
const mine = want('read', await client.from(table).select('text, owner'))
const stranger = want('read as nobody', await createClient(url, anon, quiet).from(table).select('text'))
console.log(JSON.stringify({ same: made.user.id === user.id, rows: mine.length, text: mine[0]?.text === text, owner: mine[0]?.owner === user.id, stranger: stranger.length }))
process.exit(0) // realtime keeps no connection that is worth waiting for
