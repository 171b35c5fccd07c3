// What other systems are told: the events of a running product, published to a bus of the test's own.
import { clientsModule, clientsSettings } from '@groundwork/clients';
import { infrastructureFactory } from '@groundwork/configuration';
import { parseTenantId, streamId } from '@groundwork/domain';
import { runningEmbeddedPostgres } from '@groundwork/persistence';
import { collected, FakeEventBridge } from '@groundwork/testing';

/** What goes out for the events of a client when they are published from the product's own log. */
export async function messagesOf(dataDir: string, clientId: string): Promise<readonly unknown[]> {
  process.env['AWS_ACCESS_KEY_ID'] = 'AKIDEXAMPLE';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'not-a-secret';
  const url = new URL((await runningEmbeddedPostgres(dataDir))!);
  url.pathname = '/groundwork';
  await using bridge = await FakeEventBridge.start();
  await using product = await infrastructureFactory({
    databaseUrl: url.href,
    eventbridgeRegion: 'eu-north-1',
    settings: { EVENTBRIDGE_ENDPOINT: bridge.endpoint },
    modules: [clientsModule(clientsSettings.parse({}))],
  });
  const events = product.eventStore.readStream(parseTenantId('demo'), streamId('client', clientId));
  await product.publisher.publish(await collected(events));
  return bridge.details();
}
