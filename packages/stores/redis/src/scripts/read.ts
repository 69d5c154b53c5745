import { DESCRIBE_RUNNING, openRecord, PACK_RECORD } from "./envelope.js";

/** Looks without claiming, never on a replica: GETEX counts as a write. */
export const READ = `-- onceover read
-- KEYS[1] the record
-- replies N none, R|... U|... 1|D|... as acquire, X unreadable
${openRecord("GETEX")}
${PACK_RECORD}
${DESCRIBE_RUNNING}
if not state or state == 'A' then return 'N' end
if state == 'D' then return record end
return describe()
`;
