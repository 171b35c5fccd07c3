// What can be set about the bus that events are published to.
import { setting } from '@groundwork/application';
import { z } from 'zod';

export const messagingSettings = z.object({
  eventbridgeRegion: setting(
    z
      .string()
      .regex(/^[a-z]{2}(-[a-z]+)+-\d+$/)
      .optional(),
    {
      variable: 'EVENTBRIDGE_REGION',
      description:
        'The AWS region of the event bus; without it nothing can be published. Credentials are found as AWS tools ' +
        'find them: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the role of the machine.',
      allowed: 'a region such as eu-north-1',
    },
  ),
  eventbridgeEndpoint: setting(z.url({ protocol: /^https?$/ }).optional(), {
    variable: 'EVENTBRIDGE_ENDPOINT',
    description: "Where EventBridge answers, when it is not AWS's own address of the region.",
    allowed: 'an http or https URL',
  }),
  eventbridgeBus: setting(
    z
      .string()
      .regex(/^[\w./:-]{1,1600}$/)
      .default('default'),
    {
      variable: 'GW_EVENTBRIDGE_BUS',
      description: 'The event bus that events are published to.',
      allowed: 'the name or the ARN of a bus',
    },
  ),
});

export type MessagingSettings = z.output<typeof messagingSettings>;
