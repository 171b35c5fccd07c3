// Calls to what may be away: repeated, limited in time and number, and not made at all while nobody answers.
export { DependencyPolicies } from './dependency-policies.ts';
export { resilienceModule } from './resilience.module.ts';
export {
  POLICY_DEFAULTS,
  policySettingsOf,
  resilienceSettings,
  type ResilienceSettings,
} from './resilience.settings.ts';
