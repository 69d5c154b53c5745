import { openRecord, PACK_RECORD } from "./envelope.js";

/** Notes on a running record that somebody waits: whoever ends it tells them. */
export const WATCH = `-- onceover watch
-- KEYS[1] the record
-- replies O whether or not there is one, X unreadable (nothing was written)
${openRecord("GET")}
${PACK_RECORD}
if state == 'R' and running ~= 'W' then
  redis.call('SET', KEYS[1], pack('W', token, fence, attempt, lease, fingerprint), 'KEEPTTL')
end
return 'O'
`;
