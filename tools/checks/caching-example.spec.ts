// Runs the example of the caching package unchanged, on PostgreSQL and Redis.
import { describeWithRedis, RedisServer, testDatabase } from '@groundwork/testing';
import { describe, expect, it } from '@jest/globals';
import { keepBuilding } from '../../docs/examples/caching.ts';
import { readText } from './workspace.ts';

describeWithRedis(describe)('the example of caching', () => {
  it('S2-56 sets a value with a time of 3600 s in Redis, and gets it', async () => {
    await using server = await RedisServer.start();
    const database = await testDatabase();
    const options = { databaseUrl: database.url, settings: { REDIS_URL: server.url, LOG_LEVEL: 'error' } };
    expect(await keepBuilding(options)).toEqual({ name: 'Harbour Street 1', floors: 4 });
    const ttlSeconds = Number(server.cli('ttl', 'gw:demo:default:building%3A1'));
    expect(ttlSeconds).toBeGreaterThan(3_200);
    expect(ttlSeconds).toBeLessThanOrEqual(3_600);
    await database.drop();
  });

  it('S2-56 is what the README shows', () => {
    const shown = `\`\`\`ts\n${readText('docs/examples/caching.ts')}\`\`\``;
    expect(readText('packages/infrastructure/caching/README.md')).toContain(shown);
  });
});
