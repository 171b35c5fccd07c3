// Keeps a building for an hour and reads it again.
import { Caches } from '@groundwork/application';
import { infrastructureFactory, type InfrastructureOptions } from '@groundwork/configuration';
import { parseTenantId } from '@groundwork/domain';

export async function keepBuilding(options: InfrastructureOptions): Promise<unknown> {
  await using factory = await infrastructureFactory(options);
  const [cache, tenant] = [factory.get(Caches).cache(), parseTenantId('demo')];
  await cache.set(tenant, 'building:1', { name: 'Harbour Street 1', floors: 4 }, { ttlSeconds: 3600 });
  const found = await cache.get(tenant, 'building:1');
  return found?.value;
}
