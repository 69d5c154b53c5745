import { openRecord, PACK_RECORD } from "./envelope.js";

/** Moves the end of a lease; the record's retention stays as it was. */
export const RENEW = `-- onceover renew
-- KEYS[1] the record
-- ARGV[1] token
-- ARGV[2] leaseMs
-- replies O ok, S stale (nothing was written), X unreadable (nothing was written)
${openRecord("GETEX")}
${PACK_RECORD}
if state ~= 'R' or token ~= ARGV[1] then return 'S' end
redis.call('SET', KEYS[1], pack(running, token, fence, attempt, now + ARGV[2], fingerprint), 'KEEPTTL')
return 'O'
`;
