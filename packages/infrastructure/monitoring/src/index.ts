// Logs, metrics, traces and health: how a running process is watched.
export { ManagementServer, type LifeStage } from './management-server.ts';
export { isSecretKey, MASK, maskSecrets } from './mask-secrets.ts';
export { MeasuredEventStore } from './measured-event-store.ts';
export { monitoringModule, type MonitoredProgram } from './monitoring.module.ts';
export { monitoringSettings, type MonitoringSettings } from './monitoring.settings.ts';
export { OpenTelemetryTracer } from './open-telemetry-tracer.ts';
export { PrometheusMetrics } from './prometheus-metrics.ts';
export { WinstonLogger, type WinstonLoggerOptions } from './winston-logger.ts';
