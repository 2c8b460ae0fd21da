-- Many steps of many pushes in one call, in order, none interrupted by anybody else's.
--
-- KEYS: the epoch of each partition. ARGV: the epoch expected of each, then the steps in
-- MessagePack: as arguments of their own they cost the client fifty times as much. A step is
-- {operation, partition (1, 2 ...), its ledger entry, its user's subscriptions, subscription id,
-- token, value, time to live in ms}. The keys of a call lie on one server (docs/delivery.md).
--
-- An entry is 'o<note>' (open: known not to have been taken), 'r<token>' (reserved: a POST may
-- be under way), 'f<result>' (finished: the result may not stand in its topic yet), 's' (settled).
local alive = {}
for p = 1, #KEYS do
  alive[p] = redis.call('GET', KEYS[p]) == ARGV[p]
end

local function reserve(entry, person, subscription, token, once, ttl)
  local found = redis.call('GET', entry)
  if found then
    local state = string.sub(found, 1, 1)
    if state == 'f' or state == 's' then return 'done' end
    if state == 'r' and found ~= 'r' .. token and once == '1' then return 'in_doubt' end
  end
  if redis.call('HEXISTS', person, subscription) == 0 then return 'no_subscription' end
  redis.call('SET', entry, 'r' .. token, 'PX', ttl)
  return 'reserved'
end

local answers = {}
for number, step in ipairs(cmsgpack.unpack(ARGV[#ARGV])) do
  local operation, partition, entry, person = step[1], step[2], step[3], step[4]
  local subscription, token, value, ttl = step[5], step[6], step[7], step[8]
  local answer = 1
  if operation == 'lookup' then
    if alive[partition] then
      answer = {redis.call('GET', entry), redis.call('HGET', person, subscription)}
    else
      answer = 'flushed'
    end
  elseif operation == 'reserve' then
    if alive[partition] then
      answer = reserve(entry, person, subscription, token, value, ttl)
    else
      answer = 'flushed'
    end
  elseif operation == 'release' then
    if redis.call('GET', entry) == 'r' .. token then
      redis.call('SET', entry, 'o' .. value, 'PX', ttl)
    end
  elseif operation == 'finish' then
    redis.call('SET', entry, 'f' .. value, 'PX', ttl)
  elseif operation == 'settle' then
    redis.call('SET', entry, 's', 'PX', ttl)
  end
  answers[number] = answer
end
return answers
