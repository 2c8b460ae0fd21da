-- Many steps of many pushes in one call, in order, none interrupted by anybody else's.
--
-- KEYS: the epoch of each partition, then for each step its ledger entry and its user's
-- subscriptions. ARGV: how many partitions, the epoch expected of each, then for each step six:
-- operation, partition (1, 2 ...), subscription id, token, value, time to live in ms.
--
-- An entry is 'o<note>' (open: known not to have been taken), 'r<token>' (reserved: a POST may
-- be under way), 'f<result>' (finished: the result may not stand in its topic yet), 's' (settled).
local partitions = tonumber(ARGV[1])
local alive = {}
for p = 1, partitions do
  alive[p] = redis.call('GET', KEYS[p]) == ARGV[1 + p]
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
local arg, key = 2 + partitions, 1 + partitions
while arg <= #ARGV do
  local operation, partition = ARGV[arg], tonumber(ARGV[arg + 1])
  local subscription, token = ARGV[arg + 2], ARGV[arg + 3]
  local value, ttl = ARGV[arg + 4], ARGV[arg + 5]
  local entry, person = KEYS[key], KEYS[key + 1]
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
  answers[#answers + 1] = answer
  arg, key = arg + 6, key + 2
end
return answers
