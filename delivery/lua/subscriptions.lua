-- Applies records of one partition of push.subscriptions, in order, once.
--
-- KEYS: the partition's position. ARGV: the prefix of our keys, the position before ('' for none),
-- the position after, then for each record four: user, subscription id, when it was last seen
-- (epoch ms, '' for a tombstone), the record's value.
--
-- A subscription belongs to one user: the one it was last seen with. Returns how many there are of
-- all partitions, or 'elsewhere' when the position is another (flushed, or another worker's).
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[2] then return 'elsewhere' end
local prefix = ARGV[1]

local function owner_of(subscription)
  local found = redis.call('GET', prefix .. 'owner:' .. subscription)
  if not found then return nil, 0 end
  local seen, user = string.match(found, '^(%d+) (.*)$')
  return user, tonumber(seen)
end

local more = 0
for arg = 4, #ARGV, 4 do
  local user, subscription, seen = ARGV[arg], ARGV[arg + 1], ARGV[arg + 2]
  local owner, owned_at = owner_of(subscription)
  if seen == '' then
    more = more - redis.call('HDEL', prefix .. 'of:' .. user, subscription)
    if owner == user then redis.call('DEL', prefix .. 'owner:' .. subscription) end
  elseif owner == nil or owner == user or owned_at <= tonumber(seen) then
    if owner and owner ~= user then
      more = more - redis.call('HDEL', prefix .. 'of:' .. owner, subscription)
    end
    more = more + redis.call('HSET', prefix .. 'of:' .. user, subscription, ARGV[arg + 3])
    redis.call('SET', prefix .. 'owner:' .. subscription, seen .. ' ' .. user)
  end
end
redis.call('SET', KEYS[1], ARGV[3])
return redis.call('INCRBY', prefix .. 'count', more)
