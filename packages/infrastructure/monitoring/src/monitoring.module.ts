// Binds what watches the process: logger, metrics, tracer and the management server.
import { HealthCheck, Logger, Metrics, Tracer } from '@groundwork/application';
import { ContainerModule } from 'inversify';
import { ErrorGroups } from './error-groups.ts';
import { HttpManagementServer, ManagementServer } from './management-server.ts';
import type { MonitoringSettings } from './monitoring.settings.ts';
import { OpenTelemetryTracer } from './open-telemetry-tracer.ts';
import { PrometheusMetrics } from './prometheus-metrics.ts';
import { Readiness } from './readiness.ts';
import { WinstonLogger } from './winston-logger.ts';

export interface MonitoredProgram {
  /** Which program this is: `api`, `worker`, `gw`. */
  readonly name: string;
  readonly version: string;
  /** In production the management port listens on every address by default, elsewhere on loopback. */
  readonly isProduction: boolean;
  /** What else `/info` shows; secrets must be masked already. */
  readonly info?: Readonly<Record<string, unknown>>;
}

/** Everything that is bound here works without a database and without a network. */
export function monitoringModule(settings: MonitoringSettings, program: MonitoredProgram): ContainerModule {
  const build = { service: program.name, version: program.version, gitSha: settings.gitSha ?? 'unknown' };
  const metrics = new PrometheusMetrics().describeProcess(build);
  const errors = new ErrorGroups(metrics);
  const logger = new WinstonLogger({
    service: program.name,
    level: settings.logLevel,
    format: settings.logFormat,
    listener: (entry) => errors.record(entry),
  });
  const server = (checks: HealthCheck[]): ManagementServer =>
    new HttpManagementServer({
      host: settings.managementHost ?? (program.isProduction ? '0.0.0.0' : '127.0.0.1'),
      port: settings.managementPort,
      readiness: new Readiness(checks, settings.healthCheckTimeoutMs),
      metrics,
      logger,
      errors,
      info: { ...build, node: process.version, startedAt: new Date().toISOString(), ...program.info },
    });
  return new ContainerModule(({ bind }) => {
    bind<Logger>(Logger).toConstantValue(logger);
    bind<Metrics>(Metrics).toConstantValue(metrics);
    bind<Tracer>(Tracer).toConstantValue(new OpenTelemetryTracer());
    bind<ManagementServer>(ManagementServer)
      .toResolvedValue(server, [{ serviceIdentifier: HealthCheck, isMultiple: true }])
      .inSingletonScope()
      .onDeactivation((management) => management.close());
  });
}
