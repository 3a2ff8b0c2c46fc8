/** The library's public names, nothing else. */
export { KnockError, type KnockFailure } from './client/failure.js';
export { knock } from './client/knock.js';
export type {
  KnockDelivery,
  KnockOptions,
  KnockRequest,
  PortSequenceRequest,
} from './client/request.js';
export type { Family, KnockedAddress, KnockResult } from './client/result.js';
export {
  type ClassicIdentity,
  type PortSequenceProfile,
  type Profile,
  type ProfileDoor,
  parseProfile,
  type SealedIdentity,
} from './system/profile.js';
