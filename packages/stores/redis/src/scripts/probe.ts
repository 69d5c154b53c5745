/** Tries on a key of its own what the other scripts rely on, through the same client, and leaves nothing behind. */
export const PROBE = `-- onceover probe
-- KEYS[1] a key that nobody else uses
-- replies P|time to live in ms after SET PX 60000|the same after SET KEEPTTL|now
local time = redis.call('TIME')
redis.call('SET', KEYS[1], 'probe', 'PX', 60000)
local ttl = redis.call('PTTL', KEYS[1])
redis.call('SET', KEYS[1], 'probe', 'KEEPTTL')
local kept = redis.call('PTTL', KEYS[1])
redis.call('DEL', KEYS[1])
return 'P|' .. ttl .. '|' .. kept .. '|' .. string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
`;
