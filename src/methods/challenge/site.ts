/** What the recogniser of challenges works with: the site, its doors, and whose signatures count (PROTOCOL.md section 9). */

/** A public key of OpenPGP, whose signatures are a client's. */
export interface OpenpgpKey {
  /** Of the primary key, in hexadecimal, lower-case: 40 digits, or 64 for version 6. */
  readonly fingerprint: string;
  /** The whole transferable public key, binary (RFC 9580 section 10.1). */
  readonly bytes: Uint8Array;
}

/** A public key of SSH, with what its line in authorized_keys says of who may use it (sshd(8)). */
export interface SshKey {
  /** In SSH's own form, which begins with its type. */
  readonly blob: Uint8Array;
  /** The patterns of `from=`, as they are written; undefined: from anywhere. */
  readonly from: string | undefined;
  /** Milliseconds since 1970 of `expiry-time=`. */
  readonly expiresAt: number | undefined;
  /** Whether a hardware key must have been touched: unless its line says `no-touch-required`. */
  readonly touchRequired: boolean;
  /** Whether a hardware key must have asked for a PIN or a finger: `verify-required`. */
  readonly verifyRequired: boolean;
}

/** Whose signatures are whose. */
export interface Signer {
  readonly client: string;
  readonly doors: readonly string[];
  readonly revoked: boolean;
  readonly openpgp: readonly OpenpgpKey[];
  readonly ssh: readonly SshKey[];
}

export interface ChallengeSite {
  /** 32 bytes; all zero where every hello is answered. */
  readonly siteKey: Uint8Array;
  /** The line that names this server in what is signed, without its end. */
  readonly siteLine: string;
  /** How far a hello's time may be from ours. */
  readonly skewMs: number;
  /** The names of all doors. */
  readonly doors: readonly string[];
}

/** How a response is signed; the code in it is the place here, from 1. */
export const signatureKinds = ['openpgp', 'ssh'] as const;
export type SignatureKind = (typeof signatureKinds)[number];

/** A response to a challenge of ours that is still good: whose it is, its signature has to show. */
export interface Claim {
  readonly outcome: 'claim';
  readonly door: string;
  readonly kind: SignatureKind;
  /** A detached signature of OpenPGP, binary; or of SSH (SSHSIG), binary. */
  readonly signature: Uint8Array;
  /** What must have been signed. */
  readonly text: Uint8Array;
  /** 32 bytes: which challenge it answers. */
  readonly digest: Uint8Array;
  /** Milliseconds since 1970 when that was made. */
  readonly issuedAt: number;
  /** 16 bytes. */
  readonly source: Uint8Array;
  /** Milliseconds since 1970 when it came. */
  readonly at: number;
}

/** Why a signature is nobody's; the detail of a refusal is the place here, from 1. */
export const signatureFlaws = [
  'malformed',
  'unknown-key',
  'bad-signature',
  'weak-signature',
  'key-expired',
  'key-revoked',
  'not-touched',
  'not-verified',
  'other-source',
  'not-judged',
] as const;
export type SignatureFlaw = (typeof signatureFlaws)[number];

/** What a signature showed. */
export type Judgement =
  /** @param key the first 20 bytes of the key's fingerprint, in hexadecimal */
  | { readonly client: string; readonly key: string }
  | { readonly flaw: SignatureFlaw; readonly client: string | undefined; readonly key: string | undefined };
