import { OPEN_SERVICE, PUT } from "./announcement.js";

/** Adds 1 to the number that an id says: one of up to 15 digits, which Lua's numbers hold exactly. */
export const COUNT = `-- onceover count
-- KEYS[1] the hash of a service
-- ARGV[1] id
-- ARGV[2] keepMs
-- replies C|sum, X unreadable (nothing was written)
${OPEN_SERVICE}
${PUT}
local sum = 1
if text and #text <= 15 and string.find(text, '^%d+$') then sum = tonumber(text) + 1 end
put(whole(sum))
return 'C|' .. whole(sum)
`;
