// What can be set about logs and the management port.
import { setting, wholeNumberSetting } from '@groundwork/application';
import { z } from 'zod';

export const monitoringSettings = z.object({
  logLevel: setting(z.enum(['error', 'warn', 'info', 'debug']).default('info'), {
    variable: 'LOG_LEVEL',
    description: 'The least important log lines that are written; `PUT /loggers` changes it while the process runs.',
    allowed: 'error, warn, info, debug',
  }),
  logFormat: setting(z.enum(['json', 'pretty']).optional(), {
    variable: 'GW_LOG_FORMAT',
    description: 'One JSON object a line, or short coloured lines; by default pretty on a terminal and JSON elsewhere.',
    allowed: 'json, pretty',
  }),
  managementPort: wholeNumberSetting(0, 65_535, 4001, {
    variable: 'MANAGEMENT_PORT',
    description: 'Where health, metrics and log levels are served, apart from the product; 0 takes any free port.',
  }),
  managementHost: setting(z.string().min(1).optional(), {
    variable: 'GW_MANAGEMENT_HOST',
    description: 'The address the management port listens on; by default 127.0.0.1, in production 0.0.0.0.',
    allowed: 'an IP address or host name',
  }),
  healthCheckTimeoutMs: wholeNumberSetting(100, 10_000, 2_000, {
    variable: 'GW_HEALTH_CHECK_TIMEOUT_MS',
    description: 'How long `/readyz` waits for one check before it counts as failed.',
  }),
  gitSha: setting(
    z
      .string()
      .regex(/^[0-9a-f]{7,40}$/)
      .optional(),
    {
      variable: 'GW_GIT_SHA',
      description: 'The commit this program was built from, shown by `/info` and `groundwork_build_info`.',
      allowed: '7 to 40 hexadecimal digits',
    },
  ),
});

export type MonitoringSettings = z.infer<typeof monitoringSettings>;
