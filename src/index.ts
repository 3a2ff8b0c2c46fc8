/** The library's public names, nothing else. */
export { type ConnectOptions, connect } from './client/connect.js';
export { KnockError, type KnockFailure } from './client/failure.js';
export { knock } from './client/knock.js';
export { type DatagramIdentity, type KnockDatagramOptions, knockDatagram } from './client/knockdatagram.js';
export type {
  ChallengeRequest,
  DatagramRequest,
  KnockDelivery,
  KnockOptions,
  KnockRequest,
  PlainSequenceRequest,
  PortSequenceRequest,
} from './client/request.js';
export type { Family, KnockedAddress, KnockResult } from './client/result.js';
export type { ChallengeKey, ChallengeSignature, SignText } from './client/signing/signer.js';
export type { ChallengeProfile, ChallengeServer, SigningKey } from './system/challengeprofile.js';
export type { DatagramProfile } from './system/datagramprofile.js';
export type { ProfileAccess } from './system/document.js';
export type { SequenceNumberProfile } from './system/numberprofile.js';
export type { PlainSequenceDoor, PlainSequenceProfile } from './system/plainprofile.js';
export {
  type ClassicIdentity,
  type PortSequenceProfile,
  type Profile,
  type ProfileDoor,
  parseProfile,
  type SealedIdentity,
} from './system/profile.js';
