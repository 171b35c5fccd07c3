// What becomes of a cache whose Redis is stopped, hangs, is flushed, refuses to write, or cannot be reached.
import type { TenantId } from '@groundwork/domain';
import { describeWithRedis, eventually, FaultProxy, newTenant, RedisServer } from '@groundwork/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { namedCacheUnderTest, type NamedCacheUnderTest } from '../named-cache-under-test.ts';
import { TwoLevelStrategy } from '../two-level-strategy.ts';
import { RedisStrategy, type Guard } from './redis-strategy.ts';
import { limited, opened } from './redis-under-test.ts';

const LIMITS = { entriesMax: 1_000, bytesMax: 10_000_000 };
const KINDS: readonly [string, (url: string, guard: Guard) => RedisStrategy | TwoLevelStrategy][] = [
  ['one level', (url, guard) => new RedisStrategy(url, guard)],
  ['two levels', (url, guard) => new TwoLevelStrategy(url, guard, LIMITS)],
];

describeWithRedis(describe)('an outage of Redis', () => {
  describe.each(KINDS)('under a cache of %s', (_, open) => {
    let server: RedisServer;
    let proxy: FaultProxy;
    let under: NamedCacheUnderTest;
    let tenant: TenantId;
    beforeEach(async () => {
      server = await RedisServer.start();
      proxy = await FaultProxy.before(server.port);
      under = namedCacheUnderTest(await opened(open(`redis://127.0.0.1:${proxy.port}`, limited(300))));
      tenant = newTenant();
    });
    afterEach(async () => {
      await under.strategy.close();
      await proxy[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    });

    const warnings = () => under.logger.lines.filter(({ level }) => level === 'warn');
    const isUsed = () =>
      eventually(async () => {
        await under.cache.set(tenant, 'probe', 1);
        return (await under.cache.get(tenant, 'probe')) !== undefined;
      });

    /** The truth behind the cache, which goes on changing while the cache is away. */
    const changeAndRead = async (): Promise<void> => {
      let truth = 'first';
      const read = () => under.cache.remember(tenant, 'a', async () => truth, { tags: ['t'] });
      for (let n = 0; n < 9; n++) {
        truth = `truth ${n}`;
        if (n % 3 === 0) await under.cache.delete(tenant, 'a');
        else if (n % 3 === 1) await under.cache.invalidateTags(tenant, ['t']);
        else await under.cache.clear(tenant, 'a*');
        expect(await read()).toBe(truth);
      }
    };

    it.each<[string, () => Promise<void> | void, () => Promise<void> | void]>([
      ['is stopped and started again with what it had', () => server.stop(), () => server.start()],
      ['hangs', () => server.signal('SIGSTOP'), () => server.signal('SIGCONT')],
      ['is cut off', () => ((proxy.state = 'refusing'), proxy.cut()), () => void (proxy.state = 'open')],
      ['is silent', () => void (proxy.state = 'silent'), () => void (proxy.state = 'open')],
      [
        'may only be read',
        () => void server.cli('replicaof', '127.0.0.1', '1'),
        () => void server.cli('replicaof', 'no', 'one'),
      ],
    ])(
      'S2-26 S4-12 when Redis %s: no error, one warning, figures that rise; then used again, and nothing old is read',
      async (_, begin, end) => {
        const { cache, count, logger } = under;
        await cache.set(tenant, 'a', 'before', { tags: ['t'] });
        await cache.set(tenant, 'b', 'before', { tags: ['other'] });
        // What a machine with much to do made late before is none of this outage.
        logger.lines.length = 0;
        await begin();
        await changeAndRead();
        expect(await cache.writeThrough(tenant, 'b', async () => 'after')).toBe('after');
        expect(warnings()).toHaveLength(1);
        expect(count('errors')).toBeGreaterThan(0);
        await end();
        await isUsed();
        expect((await cache.get(tenant, 'b'))?.value).not.toBe('before');
        expect((await cache.get(tenant, 'a'))?.value).not.toBe('before');
        expect(await cache.remember(tenant, 'a', async () => 'now', { version: '2' })).toBe('now');
        expect(logger.lines.filter(({ level }) => level === 'info').length).toBeGreaterThan(0);
        const errorsMeanwhile = count('errors');
        await cache.get(tenant, 'a');
        expect(count('errors')).toBe(errorsMeanwhile);
      },
      30_000,
    );

    it('S2-26 S4-12 when Redis is flushed, everything is loaded again', async () => {
      const { cache } = under;
      await cache.set(tenant, 'a', 'before');
      await cache.get(tenant, 'a');
      server.cli('flushall');
      await eventually(async () => (await cache.get(tenant, 'a')) === undefined, 1_000);
      expect(await cache.remember(tenant, 'a', async () => 'loaded')).toBe('loaded');
      expect(await cache.get(tenant, 'a')).toEqual({ value: 'loaded' });
      expect(warnings()).toEqual([]);
    });

    it('S4-12 an invalidation by tag whose answer came too late is none that was lost', async () => {
      const { cache } = under;
      const other = namedCacheUnderTest(await opened(new RedisStrategy(server.url, limited())));
      try {
        await cache.set(tenant, 'a', 'old', { tags: ['t'] });
        server.signal('SIGSTOP');
        await cache.invalidateTags(tenant, ['t']);
        server.signal('SIGCONT');
        // Redis does what it was told while it hung, though nobody waits for it any longer.
        await eventually(async () => (await other.cache.get(tenant, 'a')) === undefined, 3_000);
        await isUsed();
        expect(await cache.get(tenant, 'a')).toBeUndefined();
      } finally {
        await other.strategy.close();
      }
    });

    it('S4-14 a cache that fails in the middle of a write leaves no old value to be read', async () => {
      const { cache } = under;
      await cache.set(tenant, 'a', 'old');
      const write = cache.writeThrough(tenant, 'a', async () => {
        proxy.state = 'refusing';
        proxy.cut();
        return 'new';
      });
      expect(await write).toBe('new');
      // Neither by others, who reach Redis, nor by us when we do again.
      const other = namedCacheUnderTest(await opened(new RedisStrategy(server.url, limited()))).cache;
      expect(await other.get(tenant, 'a')).toBeUndefined();
      proxy.state = 'open';
      await isUsed();
      expect((await cache.get(tenant, 'a'))?.value).not.toBe('old');
    });
  });
});
