import { openRecord, TELL } from "./envelope.js";

/** Deletes a record, whoever owns it. */
export const FORGET = `-- onceover forget
-- KEYS[1] the record
-- replies O deleted, N there was none, X unreadable (nothing was written)
${openRecord("GET")}
${TELL}
if not state then return 'N' end
redis.call('DEL', KEYS[1])
tell()
return 'O'
`;
