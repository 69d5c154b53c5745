/**
 * What the revisions of a service announce is one hash: a field for each id, `1|first|last|end|` and then the text.
 *
 * The leading number is the version of this layout. The times are epoch milliseconds of the server: of the first writing, of the
 * last one, and until when the text is kept. A field that does not look like this is answered `X` and left as it is. The hash
 * lives as long as the text that is kept longest.
 */

/**
 * Binds `now` and `open(value)`, which gives the times of a field, and where its text begins; nothing where it cannot be read.
 *
 * No id is empty: HDEL deletes nothing, and counts as a write. So a replica refuses it; and a server that has reached
 * `maxmemory` refuses no later write of the script: it is little that revisions have to say, and there is no routing without.
 */
export const OPEN_SERVICE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HDEL', KEYS[1], '')
local function whole(n) return string.format('%.0f', n) end
local function open(value)
  local first, last, ends, at = string.match(value, '^1|(%d+)|(%d+)|(%d+)|()')
  if not first then return nil end
  return tonumber(first), tonumber(last), tonumber(ends), at
end`;

/**
 * Binds `text`, what ARGV[1] says by now if anything, and defines `put(said)`, which lets it say that for ARGV[2] milliseconds.
 *
 * A hash that is there is told how long to live before it is written to, and a new one right after: whoever may write and not
 * expire fails at the first, and leaves nothing behind that stays for ever. The first writing of an id drops what is kept no
 * longer; those that follow need not, since only new ids make the hash grow.
 */
export const PUT = `
local old = redis.call('HGET', KEYS[1], ARGV[1])
local first, text = now, nil
if old then
  local began, _, ends, at = open(old)
  if not began then return 'X' end
  if ends > now then
    -- A server's clock may be set back, or be another server's by now.
    first = math.min(began, now)
    text = string.sub(old, at)
  end
end
local function sweep()
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    local began, _, ends = open(all[i + 1])
    if began and ends <= now then redis.call('HDEL', KEYS[1], all[i]) end
  end
end
local function put(said)
  local ttl = redis.call('PTTL', KEYS[1])
  if ttl < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
  redis.call('HSET', KEYS[1], ARGV[1], '1|' .. whole(first) .. '|' .. whole(now) .. '|' .. whole(now + ARGV[2]) .. '|' .. said)
  if ttl == -2 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
  if not old then sweep() end
end`;
