// What Redis does in one step, so that nobody comes in between.
import type { Redis, RedisOptions } from 'ioredis';

/** KEYS of what is for one value: the value, its lease, what the lease hides, names of its tags, and then the tags. */
export interface CachingRedis extends Redis {
  gwPut(keyCount: number, ...keysAndArguments: (string | number)[]): Promise<number>;
  gwDelete(keyCount: number, ...keysAndArguments: (string | number)[]): Promise<number>;
  gwExpire(keyCount: number, ...keysAndArguments: (string | number)[]): Promise<number>;
  gwUntag(keyCount: number, ...keysAndArguments: (string | number)[]): Promise<[number, number]>;
  gwClaim(keyCount: number, ...keysAndArguments: (string | number)[]): Promise<[number, string]>;
  gwHold(keyCount: number, ...keysAndArguments: (string | number)[]): Promise<number>;
  gwFill(keyCount: number, ...keysAndArguments: (string | number)[]): Promise<number>;
  gwRelease(keyCount: number, ...keysAndArguments: (string | number)[]): Promise<number>;
}

// A tag is a sorted set of the keys it stands for, by when they end, so that what has ended is taken out on the way.
const TAG = `
  local function tag(tags, key, ttl)
    if #tags == 0 then return end
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    for _, each in ipairs(tags) do
      redis.call('ZREMRANGEBYSCORE', each, '-inf', now)
      redis.call('ZADD', each, 'GT', now + ttl, key)
      if redis.call('PTTL', each) < ttl then redis.call('PEXPIRE', each, ttl) end
    end
  end
`;

const STORE = `${TAG}
  local function store(text, ttl)
    local tags = {unpack(KEYS, 5)}
    redis.call('SET', KEYS[1], text, 'PX', ttl)
    redis.call('DEL', KEYS[2], KEYS[3], KEYS[4])
    if #tags == 0 then return end
    redis.call('SADD', KEYS[4], unpack(tags))
    redis.call('PEXPIRE', KEYS[4], ttl)
    tag(tags, KEYS[1], tonumber(ttl))
  end
`;

/** ARGV: text, ttl. */
const PUT = `${STORE}
  store(ARGV[1], ARGV[2])
  return 1
`;

const DELETE = `
  redis.call('DEL', KEYS[2], KEYS[3], KEYS[4])
  return redis.call('DEL', KEYS[1])
`;

/** ARGV: ttl. Its tags must know it for as long. */
const EXPIRE = `${TAG}
  if redis.call('PEXPIRE', KEYS[1], ARGV[1]) == 0 then return 0 end
  redis.call('PEXPIRE', KEYS[4], ARGV[1])
  tag(redis.call('SMEMBERS', KEYS[4]), KEYS[1], tonumber(ARGV[1]))
  return 1
`;

/** KEYS: a tag. ARGV: how many at once, what stands beside a value. Returns how many keys and values it took. */
const UNTAG = `
  local keys, count = redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1), 0
  for _, key in ipairs(keys) do
    for at = 2, #ARGV do redis.call('DEL', key .. ARGV[at]) end
    count = count + redis.call('UNLINK', key)
  end
  if #keys > 0 then redis.call('ZREM', KEYS[1], unpack(keys)) end
  return {#keys, count}
`;

/**
 * ARGV: prefix, token, lease in milliseconds. A claim is tagged as the value will be, so that both end together. What
 * is still hidden was left by a writer whose time ran out: whether it wrote, nobody knows.
 */
const CLAIM = `${TAG}
  local text = redis.call('GET', KEYS[1])
  if text and string.sub(text, 1, #ARGV[1]) == ARGV[1] then return {1, text} end
  if not redis.call('SET', KEYS[2], ARGV[2], 'NX', 'PX', ARGV[3]) then return {0, ''} end
  redis.call('DEL', KEYS[3])
  tag({unpack(KEYS, 5)}, KEYS[1], tonumber(ARGV[3]))
  return {2, ''}
`;

/** ARGV: token, lease. Of two who write at once nobody knows which value is the right one: then none is kept. */
const HOLD = `
  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
  if redis.call('DEL', KEYS[3]) == 1 then redis.call('DEL', KEYS[1])
  elseif redis.call('EXISTS', KEYS[1]) == 1 then redis.call('RENAME', KEYS[1], KEYS[3]) end
  return 1
`;

/** ARGV: token, text, ttl. */
const FILL = `${STORE}
  if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
  store(ARGV[2], ARGV[3])
  return 1
`;

/** ARGV: token. */
const RELEASE = `
  if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
  redis.call('DEL', KEYS[2])
  if redis.call('EXISTS', KEYS[3]) == 1 then redis.call('RENAME', KEYS[3], KEYS[1]) end
  return 1
`;

export const SCRIPTS: NonNullable<RedisOptions['scripts']> = {
  gwPut: { lua: PUT },
  gwDelete: { lua: DELETE },
  gwExpire: { lua: EXPIRE },
  gwUntag: { lua: UNTAG },
  gwClaim: { lua: CLAIM },
  gwHold: { lua: HOLD },
  gwFill: { lua: FILL },
  gwRelease: { lua: RELEASE },
};
