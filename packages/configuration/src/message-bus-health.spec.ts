// A broker that stops is noticed by its ping, and makes nobody unready.
import { MessageBus } from '@groundwork/application';
import { ManagementServer } from '@groundwork/monitoring';
import { BrokerServer, eventually, hasBrokerServer } from '@groundwork/testing';
import { describe, expect, it } from '@jest/globals';
import { compose } from './compose.ts';
import { platformModules } from './platform-modules.ts';
import { readSettings } from './platform.settings.ts';

// Needs RabbitMQ's program: `apt-get install rabbitmq-server`.
(hasBrokerServer('rabbitmq') ? describe : describe.skip)('The health of the message bus', () => {
  it('S2-33 is bad within 5 s of the stop of RabbitMQ, hung or gone, and good again after it; readiness is degraded', async () => {
    await using rabbitmq = await BrokerServer.start('rabbitmq');
    const settings = readSettings({
      GW_STORE: 'memory',
      LOG_LEVEL: 'error',
      MANAGEMENT_PORT: '0',
      AMQP_URL: rabbitmq.url,
    });
    const modules = platformModules(settings, 'api');
    await using app = await compose({ program: 'api', modules, roots: [ManagementServer, MessageBus] });
    const management = app.get(ManagementServer);
    const readyz = `http://127.0.0.1:${await management.listen()}/readyz`;
    management.enter('running');
    const stateWithin = (state: string, timeoutMs: number): Promise<number> =>
      eventually(async () => {
        const response = await fetch(readyz, { headers: { accept: 'application/json' } });
        const { status, checks } = (await response.json()) as { status: string; checks: { name: string }[] };
        expect(checks).toContainEqual(expect.objectContaining({ name: 'message-bus', healthy: state === 'ready' }));
        return status === state && response.status;
      }, timeoutMs);

    expect(await stateWithin('ready', 30_000)).toBe(200);
    rabbitmq.signal('SIGSTOP');
    expect(await stateWithin('degraded', 5_000)).toBe(200);
    rabbitmq.signal('SIGCONT');
    expect(await stateWithin('ready', 30_000)).toBe(200);
    await rabbitmq.kill();
    expect(await stateWithin('degraded', 5_000)).toBe(200);
    await rabbitmq.start();
    expect(await stateWithin('ready', 30_000)).toBe(200);
  }, 180_000);
});
