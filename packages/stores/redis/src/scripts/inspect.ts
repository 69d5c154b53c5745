import { DESCRIBE_RUNNING, openRecord, PACK_RECORD } from "./envelope.js";

/** Says whether a record's outcome is unknown, without fetching its body: 512 bytes hold every field in front of it. */
export const INSPECT = `-- onceover inspect
-- KEYS[1] the record
-- replies U|... as acquire, R|... as acquire, N neither, X unreadable
if redis.call('EXISTS', KEYS[1]) == 0 then return 'N' end
${openRecord("GETRANGE", ", 0, 511")}
${PACK_RECORD}
${DESCRIBE_RUNNING}
if state ~= 'R' then return 'N' end
return describe()
`;
