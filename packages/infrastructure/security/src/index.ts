// Who is calling, and what they may do.
export { issueDevelopmentToken, type DevelopmentTokenRequest } from './development-token.ts';
export { securityModule } from './security.module.ts';
export { securitySettings, type SecuritySettings } from './security.settings.ts';
