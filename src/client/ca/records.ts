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

const recordName = /^[0-9a-f]{2,40}\.pem$/i;

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

/** A serial number as any program writes it, as `serialText` does; undefined where it is none. */
export function parseSerial(text: string): string | undefined {
  const [, digits] = /^(?:0x)?0*([0-9a-f]{1,40})$/.exec(text.toLowerCase().replaceAll(':', '')) ?? [];
  return digits && padded(digits);
}

/**
 * Every revocation, in the order of the serial numbers. People write some by hand: one whose time cannot be read counts from
 * the beginning of time, and none is passed over because of how its number is written.
 * @throws OperatorError `bad-record`
 */
export function readRevoked(folder: AuthorityFolder): Revoked[] {
  const names = folder.names('revoked').filter(name => !name.startsWith('.'));
  const all = names.map(name => readRevocation(folder, name));
  const bySerial = new Map(all.map(each => [each.serial, each]));
  return [...bySerial.values()].sort((a, b) => (a.serial < b.serial ? -1 : 1));
}

function readRevocation(folder: AuthorityFolder, name: string): Revoked {
  const path = revocationPath(name);
  const serial = parseSerial(name);
  if (serial === undefined) {
    throw new OperatorError('bad-record', `${folder.place(path)}: its name is no serial number`, {
      hint: 'its name is to be the serial number in hexadecimal; what is no revocation, move away',
    });
  }
  const at = Date.parse((folder.read(path) ?? '').trim());
  return { serial, at: Number.isNaN(at) ? 0 : at };
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
