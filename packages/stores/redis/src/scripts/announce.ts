import { OPEN_SERVICE, PUT } from "./announcement.js";

/** Writes what an id says, over what it said. */
export const ANNOUNCE = `-- onceover announce
-- KEYS[1] the hash of a service
-- ARGV[1] id
-- ARGV[2] keepMs
-- ARGV[3] text
-- replies O ok, X unreadable (nothing was written)
${OPEN_SERVICE}
${PUT}
put(ARGV[3])
return 'O'
`;
