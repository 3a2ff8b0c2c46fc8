/** The authority itself: its key, its certificate, its folder, and what is made with them. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { OperatorError } from '../../system/error.js';
import { readSecretFile } from '../../system/secret.js';
import { endOf, type Signer } from './certificate.js';
import { type AuthorityFolder, type NewFile, noAuthority } from './folder.js';
import { readRevoked, revocationText } from './records.js';
import { makeList, readList } from './revocation.js';
import { dayText, tell, warn } from './told.js';

const longestKey = 16_384;

/** Files of the folder that every authority has. */
export const keyPath = 'ca.key';
export const certificatePath = 'ca.pem';
export const listPath = 'crl.pem';

/** Its certificate. @throws OperatorError `no-authority`, `bad-authority` */
export function readCertificate(folder: AuthorityFolder): X509Certificate {
  const pem = folder.read(certificatePath);
  if (pem === undefined) {
    if (!folder.has(keyPath)) throw noAuthority(folder.path);
    throw new OperatorError('bad-authority', `${folder.place(certificatePath)}: no such file`, {
      hint: 'put it back from a copy: it is on every server too (ca_file)',
    });
  }
  try {
    return new X509Certificate(pem);
  } catch {
    throw new OperatorError('bad-authority', `${folder.place(certificatePath)}: not a certificate in PEM`, {
      hint: 'put it back from a copy: it is on every server too (ca_file)',
    });
  }
}

/** Who signs. @throws OperatorError */
export function readSigner(folder: AuthorityFolder): Signer & { readonly until: number } {
  const certificate = readCertificate(folder);
  const key = readKey(folder);
  if (!certificate.checkPrivateKey(key)) {
    throw new OperatorError('bad-authority', `${folder.place(keyPath)}: not the key of ${certificatePath}`, {
      hint: 'put back the two that belong together',
    });
  }
  return { key, certificate: certificate.raw, until: Date.parse(certificate.validTo) };
}

function readKey(folder: AuthorityFolder): KeyObject {
  const path = folder.place(keyPath);
  let pem: string;
  try {
    pem = readSecretFile(path, {}, longestKey);
  } catch (error) {
    if (!(error instanceof OperatorError) || error.code !== 'no-secret') throw error;
    throw new OperatorError('bad-authority', `${path}: no such file: nothing can be signed without it`, {
      hint: 'put it back from a copy; if there is none, make a new CA in another folder',
    });
  }
  const key = parseKey(pem);
  if (key?.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
  throw new OperatorError(
    'bad-authority',
    `${path}: expected a private key of P-256 in PEM, without a password`,
    {
      hint: 'of one with a password: openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW',
    },
  );
}

function parseKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

/** @throws OperatorError `authority-expired` where a certificate would outlive its authority */
export function requireOutlived(until: number, days: number, now: number): void {
  if (until < now) {
    throw new OperatorError(
      'authority-expired',
      `the CA has expired: it was in date until ${dayText(until)}`,
      {
        hint: 'make a new one in another folder (--directory), and give its ca.pem to every server',
      },
    );
  }
  if (endOf(days, now) <= until) return;
  const left = Math.floor((until - now) / 86_400_000);
  const message = `the CA is in date until ${dayText(until)}, the certificate would be so for ${days} days`;
  throw new OperatorError('authority-expired', message, {
    hint: left > 0 ? `give it at most: --days ${left}` : 'make a new CA in another folder (--directory)',
  });
}

/** A new list of what is revoked, beside what is being revoked. */
export async function newListFile(
  folder: AuthorityFolder,
  signer: Signer,
  {
    days,
    now,
    revoking = [],
  }: { readonly days: number; readonly now: number; readonly revoking?: readonly string[] },
): Promise<NewFile & { readonly until: number }> {
  const text = folder.read(listPath);
  const before = text === undefined ? undefined : readList(text);
  if (text !== undefined && before === undefined)
    warn(`${folder.place(listPath)} could not be read; it is written anew`);
  const revoked = [...readRevoked(folder), ...revoking.map(serial => ({ serial, at: now }))];
  const { pem, until, isOlder } = await makeList(revoked, { before, days, now }, signer);
  if (isOlder) {
    warn(
      'the clock is behind: the list before is from a later time, and servers that have it will not take this one',
    );
  }
  return { path: listPath, contents: pem, isSecret: false, replaces: true, until };
}

/** Says of a list that was written what becomes of it. */
export function tellList(folder: AuthorityFolder, until: number): void {
  tell(`${folder.place(listPath)}: for the servers (crl_file, crl_url), in date until ${dayText(until)}`);
  tell('  before that, write it anew: portknock ca crl');
}

/** The file that says that a certificate is revoked. */
export function revocationFile(path: string, now: number): NewFile {
  return { path, contents: revocationText(now), isSecret: false };
}
