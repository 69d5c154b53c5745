import { OPEN_SERVICE } from "./announcement.js";

/** Gives every text of a service that is still kept. */
export const LIST = `-- onceover list
-- KEYS[1] the hash of a service
-- replies L and how many texts there are, and then for each |id|age in ms|since in ms|bytes|text
--         X one of them is unreadable
${OPEN_SERVICE}
local all = redis.call('HGETALL', KEYS[1])
local reply = { '' }
for i = 1, #all, 2 do
  local first, last, ends, at = open(all[i + 1])
  if not first then return 'X' end
  if ends > now then
    local text = string.sub(all[i + 1], at)
    local age, since = math.max(0, now - last), math.max(0, now - first)
    reply[#reply + 1] = '|' .. all[i] .. '|' .. whole(age) .. '|' .. whole(since) .. '|' .. #text .. '|' .. text
  end
end
reply[1] = 'L' .. (#reply - 1)
return table.concat(reply)
`;
