/** Deletes a record, whoever owns it; one that cannot be read, too: that is the way out of it. */
export const FORGET = `-- onceover forget
-- KEYS[1] the record
-- replies O deleted, N there was none
-- What is no string answers an error, which is a table.
local begins = redis.pcall('GETRANGE', KEYS[1], 0, 3)
if redis.call('DEL', KEYS[1]) == 0 then return 'N' end
if begins == '1|W|' then redis.pcall('PUBLISH', KEYS[1], '') end
return 'O'
`;
