import { OPEN_SERVICE } from "./announcement.js";

/** Removes what an id says; what cannot be read, too: that is the way out of it. */
export const WITHDRAW = `-- onceover withdraw
-- KEYS[1] the hash of a service
-- ARGV[1] id
-- replies O removed, N there was none that is still kept
${OPEN_SERVICE}
local old = redis.call('HGET', KEYS[1], ARGV[1])
if not old then return 'N' end
redis.call('HDEL', KEYS[1], ARGV[1])
local first, _, ends = open(old)
if first and ends <= now then return 'N' end
return 'O'
`;
