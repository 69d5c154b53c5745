/**
 * One record is one string: `1|state|token|fence|attempt|lease end|fingerprint|` and then the bytes of the answer.
 *
 * The leading number is the version of this layout. `state` is R (running), W (running, and somebody waits to be told
 * when it is over), D (done) or A (abandoned); times are epoch milliseconds of the server. Whatever does not look like this, a later version above all, is answered `X`
 * and left as it is. The retention is the key's own time to live.
 *
 * Replies are strings of one leading letter and fields, because integers and maps change their shape with the
 * protocol version and the options of a client, and strings do not.
 */

/**
 * Binds `now` and, where there is a record, its fields; `running` is what a running record's state stays. `get` is the
 * command that fetches it, with its arguments after the key.
 *
 * GETEX without options changes nothing and counts as a write all the same. So a replica refuses it; and a server that has
 * reached `maxmemory` refuses no later write of a script that has begun to write: what a run under way has to say is kept
 * in excess of it, while `acquire`, which begins with GET, is refused a new key.
 */
export function openRecord(get: "GET" | "GETEX" | "GETRANGE", args = ""): string {
  return `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local record = redis.call('${get}', KEYS[1]${args})
local state, token, fence, attempt, lease, fingerprint
local running = 'R'
if record then
  state, token, fence, attempt, lease, fingerprint = string.match(record, '^1|([RWDA])|([%w-]*)|(%d+)|(%d+)|(%d+)|([^|]*)|')
  if not state then return 'X' end
  if state == 'W' then
    state = 'R'
    running = 'W'
  end
end`;
}

/** Defines `whole(n)`, since a number of more than 14 digits would be written with an exponent, and `pack(...)`. */
export const PACK_RECORD = `
local function whole(n) return string.format('%.0f', n) end
local function pack(state, token, fence, attempt, lease, fingerprint)
  return '1|' .. state .. '|' .. token .. '|' .. whole(fence) .. '|' .. whole(attempt) .. '|' .. whole(lease) .. '|' .. fingerprint .. '|'
end`;

/** Answers what another caller sees of a running record: running or, after its lease, unknown. */
export const DESCRIBE_RUNNING = `
local function describe()
  local left = lease - now
  if left > 0 then return 'R|' .. whole(left) .. '|' .. fingerprint end
  return 'U|' .. whole(-left) .. '|' .. fence .. '|' .. attempt .. '|' .. fingerprint
end`;

/**
 * Tells those who wait, on the channel that has the name of the record. A caller that may not publish has done its work
 * all the same: whoever waits looks by itself, too.
 */
export const TELL = `
local function tell()
  if running == 'W' then redis.pcall('PUBLISH', KEYS[1], '') end
end`;
