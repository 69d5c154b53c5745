import { DESCRIBE_RUNNING, openRecord, PACK_RECORD } from "./envelope.js";

/** Claims a key, or says who has it. */
export const ACQUIRE = `-- onceover acquire
-- KEYS[1] the record
-- ARGV[1] token
-- ARGV[2] fingerprint
-- ARGV[3] leaseMs
-- ARGV[4] retentionMs
-- ARGV[5] take over an unknown record: '' not, 'any', or the fence it must have
-- ARGV[6] the server's time in ms after which nothing is claimed any more, because nobody waits for the reply; '' never
-- replies A|fence|attempt|now                      acquired
--         R|left in ms|fingerprint                 running
--         U|since in ms|fence|attempt|fingerprint  unknown
--         1|D|...                                  done: the record itself
--         L|now                                    too late, nothing was written
--         X                                        unreadable, nothing was written
${openRecord("GET")}
${PACK_RECORD}
${DESCRIBE_RUNNING}
if state == 'D' then return record end
local own = state == 'R' and token == ARGV[1]
if state == 'R' and not own then
  local free = now >= tonumber(lease) and fingerprint == ARGV[2] and (ARGV[5] == 'any' or ARGV[5] == fence)
  if not free then return describe() end
end
if ARGV[6] ~= '' and now > tonumber(ARGV[6]) then return 'L|' .. whole(now) end
if not own then
  fence = math.max((fence or 0) + 1, now)
  attempt = (attempt or 0) + 1
end
redis.call('SET', KEYS[1], pack(running, ARGV[1], fence, attempt, now + ARGV[3], ARGV[2]), 'PX', ARGV[4])
return 'A|' .. whole(fence) .. '|' .. whole(attempt) .. '|' .. whole(now)
`;
