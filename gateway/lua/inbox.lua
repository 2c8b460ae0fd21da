-- A message for a user's inbox, put there once however often its job is read.
--
-- KEYS: the messages (hash, job id to JSON), their order (sorted by time), those read (set), the
-- job's withdrawal, the owner's erasure (until when, ms).
-- ARGV: job id, JSON, time (ms), the most that are kept, how long the inbox lives unused (ms).
--
-- Answers 1 when it was put there, 0 when it was there already or had been taken back,
-- or when its owner has asked to be forgotten since.
if redis.call('EXISTS', KEYS[4]) == 1 then return 0 end
local erased = redis.call('GET', KEYS[5])
if erased and tonumber(ARGV[3]) <= tonumber(erased) then return 0 end
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
local more = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[4])
if more > 0 then
  for _, gone in ipairs(redis.call('ZRANGE', KEYS[2], 0, more - 1)) do
    redis.call('HDEL', KEYS[1], gone)
    redis.call('ZREM', KEYS[2], gone)
    redis.call('SREM', KEYS[3], gone)
  end
end
for place = 1, 3 do redis.call('PEXPIRE', KEYS[place], ARGV[5]) end
return redis.call('HEXISTS', KEYS[1], ARGV[1])
