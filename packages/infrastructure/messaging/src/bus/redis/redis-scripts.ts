// The steps on Redis that have to be one: whatever they touch shares one hash slot.

/** How every step names things: stream parts, dead letters, the lease of a transient queue, live consumers. */
const NAMES = `
local prefix = KEYS[1]
local function part(name, p) return prefix .. ':queue:' .. name .. ':' .. p end
local function dead(name) return prefix .. ':queue:' .. name .. ':dead' end
local function consumers(name) return prefix .. ':queue:' .. name .. ':consumers' end
local function lease(name) return prefix .. ':queue:' .. name .. ':lease' end
local function definition(name)
  local text = redis.call('HGET', prefix .. ':queues', name)
  return text and cjson.decode(text)
end
local function remove(name, partitions)
  for p = 0, partitions - 1 do redis.call('DEL', part(name, p)) end
  redis.call('DEL', dead(name), consumers(name), lease(name))
  redis.call('HDEL', prefix .. ':queues', name)
end
local function owns(stream, id, consumer)
  local found = redis.call('XPENDING', stream, 'readers', id, id, 1)
  return #found == 1 and found[1][2] == consumer
end
`;

/** ARGV: name, definition as JSON, lease in ms (0: none). Answers the definition that holds. */
const CREATE = `${NAMES}
local name, text, leaseMs = ARGV[1], ARGV[2], tonumber(ARGV[3])
if redis.call('HSETNX', prefix .. ':queues', name, text) == 1 then
  for p = 0, cjson.decode(text).partitions - 1 do
    redis.call('XGROUP', 'CREATE', part(name, p), 'readers', '0', 'MKSTREAM')
  end
end
if leaseMs > 0 then redis.call('SET', lease(name), '1', 'PX', leaseMs) end
return redis.call('HGET', prefix .. ':queues', name)`;

/** ARGV: mandatory, length of a part at most, then id, topic, partition and the fields (packed) of each message. */
const PUBLISH = `${NAMES}
local mandatory, lengthMax = ARGV[1] == '1', tonumber(ARGV[2])
local queues, touched, verdicts = {}, {}, {}
local all = redis.call('HGETALL', prefix .. ':queues')
for i = 1, #all, 2 do
  local queue = cjson.decode(all[i + 1])
  queue.name = all[i]
  if queue.transient and redis.call('EXISTS', lease(queue.name)) == 0 then
    remove(queue.name, queue.partitions)
  else
    queues[#queues + 1] = queue
  end
end
for i = 3, #ARGV, 8 do
  local topic, verdict, taken = ARGV[i + 1], '', false
  for _, queue in ipairs(queues) do
    if string.match(topic, queue.match) then
      taken = true
      local stream = part(queue.name, tonumber(ARGV[i + 2]) % queue.partitions)
      if redis.call('XLEN', stream) >= lengthMax then
        verdict = 'queue ' .. queue.name .. ' is full'
      else
        redis.call('XADD', stream, '*', 'id', ARGV[i], 'topic', topic, 'partition', ARGV[i + 2], 'key', ARGV[i + 3],
          'contentType', ARGV[i + 4], 'headers', ARGV[i + 5], 'body', ARGV[i + 6], 'hasKey', ARGV[i + 7])
        touched[queue.name] = true
      end
    end
  end
  if mandatory and not taken then verdict = 'unroutable' end
  verdicts[#verdicts + 1] = verdict
end
for name in pairs(touched) do redis.call('PUBLISH', prefix .. ':wake', name) end
return verdicts`;

/**
 * ARGV: name, consumer, how many, idle in ms after which a message is taken over, first part, life of a consumer in ms.
 * Answers nil without the queue, else part, entry id, former deliveries and fields of each.
 * Of an ordered queue each part has one message out.
 */
const TAKE = `${NAMES}
local name, consumer, idleMs = ARGV[1], ARGV[2], ARGV[4]
local free, first = tonumber(ARGV[3]), tonumber(ARGV[5])
local queue = definition(name)
if not queue then return false end
local time = redis.call('TIME')
redis.call('ZADD', consumers(name), time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[6], consumer)
if queue.transient then redis.call('SET', lease(name), '1', 'PX', ARGV[6]) end
local taken = {}
for i = 0, queue.partitions - 1 do
  local p = (first + i) % queue.partitions
  local stream = part(name, p)
  local count = queue.ordered and 1 or free - #taken
  if #taken >= free then break end
  for _, idle in ipairs(redis.call('XPENDING', stream, 'readers', 'IDLE', idleMs, '-', '+', count)) do
    for _, entry in ipairs(redis.call('XCLAIM', stream, 'readers', consumer, 0, idle[1])) do
      taken[#taken + 1] = { p, entry[1], idle[4], entry[2] }
      count = count - 1
    end
  end
  if count > 0 and (not queue.ordered or redis.call('XPENDING', stream, 'readers')[1] == 0) then
    local read = redis.call('XREADGROUP', 'GROUP', 'readers', consumer, 'COUNT', count, 'STREAMS', stream, '>')
    for _, entry in ipairs(read and read[1][2] or {}) do taken[#taken + 1] = { p, entry[1], 0, entry[2] } end
  end
end
return taken`;

/** ARGV: name, consumer, part, entry id, what (ack, back, dead, keep), then reason, attempts, time. 1: it was held. */
const SETTLE = `${NAMES}
local name, consumer, stream, id, what = ARGV[1], ARGV[2], part(ARGV[1], ARGV[3]), ARGV[4], ARGV[5]
if not owns(stream, id, consumer) then return 0 end
if what == 'keep' then
  redis.call('XCLAIM', stream, 'readers', consumer, 0, id, 'JUSTID')
  return 1
end
if what == 'back' then
  redis.call('XCLAIM', stream, 'readers', 'nobody', 0, id, 'IDLE', 2147483647, 'JUSTID')
else
  if what == 'dead' then
    local fields = redis.call('XRANGE', stream, id, id)[1][2]
    for i = 6, 8 do
      fields[#fields + 1] = ({ 'reason', 'attempts', 'at' })[i - 5]
      fields[#fields + 1] = ARGV[i]
    end
    redis.call('XADD', dead(name), '*', unpack(fields))
  end
  redis.call('XACK', stream, 'readers', id)
  redis.call('XDEL', stream, id)
end
redis.call('PUBLISH', prefix .. ':wake', name)
return 1`;

/** ARGV: name, consumer, whether the queue ends with it. */
const LEAVE = `${NAMES}
redis.call('ZREM', consumers(ARGV[1]), ARGV[2])
local queue = definition(ARGV[1])
if queue and ARGV[3] == '1' then remove(ARGV[1], queue.partitions) end`;

/** ARGV: name. Answers nil, or waiting, consumers and dead letters. */
const COUNTS = `${NAMES}
local name = ARGV[1]
local queue = definition(name)
if not queue then return false end
local time = redis.call('TIME')
redis.call('ZREMRANGEBYSCORE', consumers(name), '-inf', time[1] * 1000 + math.floor(time[2] / 1000))
local waiting = 0
for p = 0, queue.partitions - 1 do
  waiting = waiting + redis.call('XLEN', part(name, p)) - redis.call('XPENDING', part(name, p), 'readers')[1]
end
return { waiting, redis.call('ZCARD', consumers(name)), redis.call('XLEN', dead(name)) }`;

/** ARGV: name. What was handed to a consumer stays. */
const PURGE = `${NAMES}
local name = ARGV[1]
for p = 0, definition(name).partitions - 1 do
  local read = '0'
  local facts = redis.call('XINFO', 'GROUPS', part(name, p))[1]
  for i = 1, #facts, 2 do if facts[i] == 'last-delivered-id' then read = facts[i + 1] end end
  for _, entry in ipairs(redis.call('XRANGE', part(name, p), '(' .. read, '+')) do
    redis.call('XDEL', part(name, p), entry[1])
  end
end`;

/** ARGV: name. */
const REMOVE = `${NAMES}
local queue = definition(ARGV[1])
if queue then remove(ARGV[1], queue.partitions) end`;

/** ARGV: name, fate, whether ids are given, the ids. Answers how many. */
const SETTLE_DEAD = `${NAMES}
local name, chosen, count = ARGV[1], {}, 0
for i = 4, #ARGV do chosen[ARGV[i]] = true end
local partitions = definition(name).partitions
for _, entry in ipairs(redis.call('XRANGE', dead(name), '-', '+')) do
  local fields = entry[2]
  if ARGV[3] == '0' or chosen[fields[2]] then
    if ARGV[2] == 'redrive' then
      local again = {}
      for i = 1, 16 do again[i] = fields[i] end
      redis.call('XADD', part(name, tonumber(fields[6]) % partitions), '*', unpack(again))
    end
    redis.call('XDEL', dead(name), entry[1])
    count = count + 1
  end
end
redis.call('PUBLISH', prefix .. ':wake', name)
return count`;

export const redisScripts = {
  gwCreate: CREATE,
  gwPublish: PUBLISH,
  gwTake: TAKE,
  gwSettle: SETTLE,
  gwLeave: LEAVE,
  gwCounts: COUNTS,
  gwPurge: PURGE,
  gwRemove: REMOVE,
  gwSettleDead: SETTLE_DEAD,
} as const;
