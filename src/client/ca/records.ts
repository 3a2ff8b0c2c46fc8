/** What the authority remembers: each certificate that it has issued (`issued/SERIAL.pem`), and when one was revoked. */
import { X509Certificate } from 'node:crypto';
import { serialText } from '../../crypto/certificate.js';
import { formatRight } from '../../methods/datagram/rights.js';
import { OperatorError } from '../../system/error.js';
import { rightsIn } from '../allowed.js';
import { type Kind, purposeOf } from './extensions.js';
import type { AuthorityFolder } from './folder.js';
import type { Revoked } from './revocation.js';

/** A certificate that was issued. */
export interface Issue {
  readonly serial: string;
  readonly name: string;
  readonly kind: Exclude<Kind, 'authority'>;
  /** Milliseconds since 1970. */
  readonly until: number;
  readonly revokedAt: number | undefined;
  /** DER. */
  readonly certificate: Uint8Array;
}

export type State = 'in date' | 'expired' | 'revoked';

const recordName = /^[0-9a-f]{2,40}\.pem$/;

/** Where the record of a certificate lies. */
export function recordPath(serial: string): string {
  return `issued/${serial}.pem`;
}

/** Where it is said that one is revoked, and when. */
export function revocationPath(serial: string): string {
  return `revoked/${serial}`;
}

/** The text of that file. */
export function revocationText(at: number): string {
  return `${new Date(at).toISOString()}\n`;
}

/** All that was issued, by name and then by date. @throws OperatorError `bad-record` */
export function readIssues(folder: AuthorityFolder): Issue[] {
  const revoked = new Map(readRevoked(folder).map(({ serial, at }) => [serial, at]));
  return folder
    .names('issued')
    .filter(name => recordName.test(name))
    .map(name => readIssue(folder, name, revoked))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.until - b.until));
}

function readIssue(folder: AuthorityFolder, file: string, revoked: ReadonlyMap<string, number>): Issue {
  const path = `issued/${file}`;
  const certificate = parse(folder.read(path) ?? '');
  if (certificate === undefined) {
    throw new OperatorError('bad-record', `${folder.place(path)}: not a certificate`, {
      hint: `put it back from a copy, or move it away; to revoke it, make a file ${revocationPath(file.slice(0, -'.pem'.length))} and run: portknock ca crl`,
    });
  }
  const serial = serialText(Buffer.from(padded(certificate.serialNumber), 'hex'));
  const isServer = certificate.keyUsage?.includes(purposeOf('server')!) ?? false;
  return {
    serial,
    name: nameOf(certificate),
    kind: isServer ? 'server' : 'client',
    until: Date.parse(certificate.validTo),
    revokedAt: revoked.get(serial),
    certificate: certificate.raw,
  };
}

function parse(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function padded(hex: string): string {
  return hex.length % 2 === 0 ? hex : `0${hex}`;
}

/** Its common name; what a terminal should not be sent is replaced. */
function nameOf({ subject }: X509Certificate): string {
  return (/^CN=(.*)$/m.exec(subject)?.[1] ?? '').replace(/[^\x20-\x7e]/g, '?');
}

/**
 * Every revocation, in the order of the serial numbers. One whose time cannot be read counts, from the beginning of time.
 * @throws OperatorError
 */
export function readRevoked(folder: AuthorityFolder): Revoked[] {
  return folder
    .names('revoked')
    .filter(name => recordName.test(`${name}.pem`))
    .map(serial => {
      const at = Date.parse((folder.read(revocationPath(serial)) ?? '').trim());
      return { serial, at: Number.isNaN(at) ? 0 : at };
    });
}

/** What can be said of a certificate at a time. */
export function stateOf({ revokedAt, until }: Issue, now: number): State {
  if (revokedAt !== undefined) return 'revoked';
  return until < now ? 'expired' : 'in date';
}

/** The certificates in date that have a name. */
export function inDate(issues: readonly Issue[], name: string, now: number): Issue[] {
  return issues.filter(issue => issue.name === name && stateOf(issue, now) === 'in date');
}

/** The rights of a certificate, for people; empty where it has none. */
export function rightsText(der: Uint8Array): string {
  return rightsIn(der).map(formatRight).join(', ');
}
