import { openRecord, PACK_RECORD, TELL } from "./envelope.js";

/** Turns a running record into a done one. */
export const COMPLETE = `-- onceover complete
-- KEYS[1] the record
-- ARGV[1] token
-- ARGV[2] retentionMs
-- ARGV[3] the bytes of the answer
-- replies O ok, S stale (nothing was written), X unreadable (nothing was written)
${openRecord("GETEX")}
${PACK_RECORD}
${TELL}
if not state or state == 'A' or token ~= ARGV[1] then return 'S' end
if state == 'D' then
  -- The first record stands. Its time to live is written once more as it is: a WAIT that follows is promised to
  -- wait for the writes of its own connection only, and the record may have been written over another one.
  local ttl = redis.call('PTTL', KEYS[1])
  if ttl > 0 then redis.call('PEXPIRE', KEYS[1], ttl) end
  return 'O'
end
redis.call('SET', KEYS[1], pack('D', token, fence, attempt, lease, fingerprint) .. ARGV[3], 'PX', ARGV[2])
tell()
return 'O'
`;
