-- Who a subscription belongs to, decided in one step for all copies of the gateway.
--
-- KEYS: the owner's claims (sorted by when each was last seen), the endpoint's claim, where the
-- claimed endpoint of each of the owner's subscriptions stands (hash), which of the owner's
-- subscriptions are over and Kafka may not know it yet (set).
-- ARGV: subscription id, owner, the visitor it came from ('' for none), now (epoch ms), the most
-- that one owner may have, how long a claim is remembered (ms).
--
-- Answers {'conflict'} when the endpoint is another's under other keys, else
-- {'ok', the subscription id the endpoint had, its owner, whatever had to go for this one …}.
local subscription, owner, visitor = ARGV[1], ARGV[2], ARGV[3]
local before_id, before_owner = '', ''
local found = redis.call('GET', KEYS[2])
if found then
  before_id, before_owner = string.match(found, '^(%x+) (.*)$')
  if before_id ~= subscription and before_owner ~= owner and before_owner ~= visitor then
    return {'conflict'}
  end
end
local answer = {'ok', before_id, before_owner}
redis.call('SREM', KEYS[4], subscription)
if before_owner == owner and before_id ~= subscription then
  redis.call('SADD', KEYS[4], before_id)
end
redis.call('SET', KEYS[2], subscription .. ' ' .. owner, 'PX', ARGV[6])
redis.call('ZADD', KEYS[1], ARGV[4], subscription)
redis.call('HSET', KEYS[3], subscription, KEYS[2])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('PEXPIRE', KEYS[3], ARGV[6])
local more = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[5])
if more > 0 then
  for _, gone in ipairs(redis.call('ZRANGE', KEYS[1], 0, more - 1)) do
    local place = redis.call('HGET', KEYS[3], gone)
    -- Else whoever subscribes without end would leave a key behind each time.
    if place and redis.call('GET', place) == gone .. ' ' .. owner then
      redis.call('DEL', place)
    end
    redis.call('HDEL', KEYS[3], gone)
    redis.call('ZREM', KEYS[1], gone)
    redis.call('SADD', KEYS[4], gone)
    answer[#answer + 1] = gone
  end
end
redis.call('PEXPIRE', KEYS[4], ARGV[6])
return answer
