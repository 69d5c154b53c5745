import { openRecord, PACK_RECORD, TELL } from "./envelope.js";

/** Frees a key; its fence and attempt stay until the retention ends, so that the next run has higher ones. */
export const ABANDON = `-- onceover abandon
-- KEYS[1] the record
-- ARGV[1] token
-- replies O ok, S stale (nothing was written), X unreadable (nothing was written)
${openRecord("GETEX")}
${PACK_RECORD}
${TELL}
if not state or state == 'D' or token ~= ARGV[1] then return 'S' end
if state == 'R' then
  redis.call('SET', KEYS[1], pack('A', token, fence, attempt, now, fingerprint), 'KEEPTTL')
  tell()
end
return 'O'
`;
