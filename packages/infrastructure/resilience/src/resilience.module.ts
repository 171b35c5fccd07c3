// Wires the policies around calls to what may be away.
import { Logger, Metrics, Resilience } from '@groundwork/application';
import { ContainerModule } from 'inversify';
import { DependencyPolicies } from './dependency-policies.ts';
import { policySettingsOf, type ResilienceSettings } from './resilience.settings.ts';

/** Needs Logger and Metrics. */
export const resilienceModule = (settings: ResilienceSettings): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind<Resilience>(Resilience)
      .toResolvedValue(
        (metrics: Metrics, logger: Logger) => new DependencyPolicies(policySettingsOf(settings), metrics, logger),
        [Metrics, Logger],
      )
      .inSingletonScope();
  });
