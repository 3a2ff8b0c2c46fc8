/**
 * Challenges in the listener: what it needs of the configuration, and the recogniser's own form of it.
 *
 * The first is plain JSON, as daemon/site.ts's is. All keys in it but the site key are public.
 */
import { openSiteKey } from '../methods/challenge/derive.js';
import type { ChallengeSite, Signer, SshKey } from '../methods/challenge/site.js';
import { siteLine } from '../methods/challenge/text.js';
import type { ChallengeSettings, Config, SignerClientSettings } from './config.js';
import { bytes, hex } from './site.js';

/** What the table logs a datagram with that may be a hello or a response. */
export const challengePrefix = 'challenge';

type SshKeySettings = Omit<SshKey, 'blob' | 'from' | 'expiresAt'> & {
  readonly blob: string;
  readonly from?: string;
  readonly expiresAt?: number;
};

/** One whose signatures count; keys are in hexadecimal. */
interface SignerSettings extends Pick<Signer, 'client' | 'doors' | 'revoked'> {
  readonly openpgp: readonly { readonly fingerprint: string; readonly bytes: string }[];
  readonly ssh: readonly SshKeySettings[];
}

export interface ChallengeSiteSettings extends Pick<ChallengeSettings, 'port' | 'site' | 'verifyWith'> {
  readonly skewMs: number;
  /** In hexadecimal; undefined: everybody's hello is answered. */
  readonly siteKey: string | undefined;
  readonly doors: readonly string[];
  readonly signers: readonly SignerSettings[];
}

/** Undefined where there are no challenges. */
export function challengeSettings({ challenge, doors, clients }: Config): ChallengeSiteSettings | undefined {
  if (challenge === undefined) return undefined;
  const { siteKey, keySources: _, ...settings } = challenge;
  return {
    ...settings,
    siteKey: siteKey && hex(siteKey),
    doors: doors.map(({ name }) => name),
    signers: clients.flatMap(client => (client.kind === 'signer' ? [signerSettings(client)] : [])),
  };
}

function signerSettings({ name, doors, revoked, openpgp, ssh }: SignerClientSettings): SignerSettings {
  return {
    ...{ client: name, doors, revoked },
    openpgp: openpgp.map(key => ({ ...key, bytes: hex(key.bytes) })),
    ssh: ssh.map(({ blob, from, expiresAt, ...demands }) => ({
      ...demands,
      blob: hex(blob),
      ...(from === undefined ? {} : { from }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
    })),
  };
}

export function buildChallenges({ siteKey, site, skewMs, doors }: ChallengeSiteSettings): ChallengeSite {
  const key = siteKey === undefined ? undefined : bytes(siteKey);
  return { siteKey: key ?? openSiteKey, siteLine: siteLine(key, site), skewMs, doors };
}

/** Whose signatures are whose, as those need it who judge them. */
export function buildSigners({ signers }: Pick<ChallengeSiteSettings, 'signers'>): readonly Signer[] {
  return signers.map(({ openpgp, ssh, ...signer }) => ({
    ...signer,
    openpgp: openpgp.map(key => ({ ...key, bytes: bytes(key.bytes) })),
    ssh: ssh.map(({ from, expiresAt, ...key }) => ({ ...key, from, expiresAt, blob: bytes(key.blob) })),
  }));
}
