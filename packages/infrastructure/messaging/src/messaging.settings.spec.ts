import { describe, expect, it } from '@jest/globals';
import { messagingSettings } from './messaging.settings.ts';

describe('The settings of messaging', () => {
  it('need nothing, and then use the default bus', () => {
    expect(messagingSettings.parse({})).toEqual({ eventbridgeBus: 'default' });
  });

  it.each(['eu-north-1', 'us-gov-west-1', 'ap-southeast-2'])('know the region %s', (eventbridgeRegion) => {
    expect(messagingSettings.parse({ eventbridgeRegion })).toMatchObject({ eventbridgeRegion });
  });

  it.each([
    { eventbridgeRegion: 'Stockholm' },
    { eventbridgeEndpoint: 'ftp://127.0.0.1' },
    { eventbridgeBus: 'two words' },
  ])('refuse %j', (settings) => {
    expect(messagingSettings.safeParse(settings).success).toBe(false);
  });
});
