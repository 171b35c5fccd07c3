// What Redis does in one step, so that nobody comes in between.
import type { Redis, RedisOptions } from 'ioredis';

/** KEYS of all: the value, its lease, what the lease hides, and then the tags. */
export interface CachingRedis extends Redis {
  gwPut(keyCount: number, ...keysAndArguments: (string | number)[]): Promise<number>;
  gwClaim(keyCount: number, ...keysAndArguments: (string | number)[]): Promise<[number, string]>;
  gwHold(keyCount: number, ...keysAndArguments: (string | number)[]): Promise<number>;
  gwFill(keyCount: number, ...keysAndArguments: (string | number)[]): Promise<number>;
  gwRelease(keyCount: number, ...keysAndArguments: (string | number)[]): Promise<number>;
}

// A tag is a sorted set of the keys it stands for, by when they end, so that what has ended is taken out on the way.
const TAG = `
  local function tag(first, key, ttl)
    if first > #KEYS then return end
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    for at = first, #KEYS do
      redis.call('ZREMRANGEBYSCORE', KEYS[at], '-inf', now)
      redis.call('ZADD', KEYS[at], 'GT', now + ttl, key)
      if redis.call('PTTL', KEYS[at]) < ttl then redis.call('PEXPIRE', KEYS[at], ttl) end
    end
  end
`;

/** ARGV: text, ttl. */
const PUT = `${TAG}
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  redis.call('DEL', KEYS[2], KEYS[3])
  tag(4, KEYS[1], tonumber(ARGV[2]))
  return 1
`;

/** ARGV: prefix, token, lease in milliseconds. A claim is tagged as the value will be, so that both end together. */
const CLAIM = `${TAG}
  local text = redis.call('GET', KEYS[1])
  if text and string.sub(text, 1, #ARGV[1]) == ARGV[1] then return {1, text} end
  if not redis.call('SET', KEYS[2], ARGV[2], 'NX', 'PX', ARGV[3]) then return {0, ''} end
  tag(4, KEYS[1], tonumber(ARGV[3]))
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
const FILL = `${TAG}
  if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  redis.call('DEL', KEYS[2], KEYS[3])
  tag(4, KEYS[1], tonumber(ARGV[3]))
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
  gwClaim: { lua: CLAIM },
  gwHold: { lua: HOLD },
  gwFill: { lua: FILL },
  gwRelease: { lua: RELEASE },
};
