/**
 * Certificates of every kind, also such as no program would issue: DER written here by hand and signed with Node's crypto.
 *
 * Those that openssl has made are in test/vectors/openssl-certificates.json.
 */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export const day = 86_400_000;
/** When everything here is in date, unless told otherwise. */
export const noon = Date.UTC(2026, 10, 21, 12);

/** DER: tag, length in the shortest form, contents. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const head =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Uint8Array.of(tag, ...head), content]);
}

export const sequence = (...contents: readonly Uint8Array[]) => der(0x30, ...contents);
export const utf8 = (text: string) => der(0x0c, Buffer.from(text));
const bits = (content: Uint8Array, unused = 0) => der(0x03, Uint8Array.of(unused), content);

export function oid(text: string): Buffer {
  const [first = 0n, second = 0n, ...rest] = text.split('.').map(BigInt);
  const groups = (arc: bigint): number[] => {
    const all = [Number(arc & 0x7fn)];
    for (let left = arc >> 7n; left > 0n; left >>= 7n) all.unshift(Number(left & 0x7fn) | 0x80);
    return all;
  };
  return der(0x06, Uint8Array.from([first * 40n + second, ...rest].flatMap(groups)));
}

/** One extension. */
export function extension(id: string, value: Uint8Array, critical = false): Buffer {
  return sequence(oid(id), ...(critical ? [der(0x01, Uint8Array.of(0xff))] : []), der(0x04, value));
}

export const keyUsage = (bitString: number, critical = true) =>
  extension('2.5.29.15', bits(Uint8Array.of(bitString)), critical);
export const purposes = (...ids: readonly string[]) => extension('2.5.29.37', sequence(...ids.map(oid)));
export const clientAuthentication = '1.3.6.1.5.5.7.3.2';
export const serverAuthentication = '1.3.6.1.5.5.7.3.1';

export function basicConstraints(authority: boolean, pathLength?: number): Buffer {
  const length = pathLength === undefined ? [] : [der(0x02, Uint8Array.of(pathLength))];
  return extension(
    '2.5.29.19',
    sequence(...(authority ? [der(0x01, Uint8Array.of(0xff)), ...length] : [])),
    true,
  );
}

/** sKnock's name in subjectAltName. */
export const otherName = (value: Uint8Array, id = '1.3.6.1.4.1.19518') =>
  der(0xa0, oid(id), der(0xa0, value));
export const alternativeNames = (...names: readonly Uint8Array[]) =>
  extension('2.5.29.17', sequence(...names));
export const old = (text: string) => alternativeNames(otherName(utf8(text)));
export const ownRightsId = '2.25.216960764478568293933262447144336931113';
export const own = (...entries: readonly string[]) => extension(ownRightsId, sequence(...entries.map(utf8)));

export function name(commonName: string): Buffer {
  return sequence(der(0x31, sequence(oid('2.5.4.3'), utf8(commonName))));
}

function time(at: number): Buffer {
  const text = new Date(at).toISOString().replace(/[-:T]|\.\d+/g, '');
  return at < Date.UTC(2050, 0) ? der(0x17, Buffer.from(text.slice(2))) : der(0x18, Buffer.from(text));
}

export interface Made {
  readonly certificate: Buffer;
  readonly key: KeyObject;
}

export interface Wish {
  readonly subject?: string;
  /** Its name, as issuer; itself where missing. */
  readonly issuer?: { readonly subject: string; readonly key: KeyObject };
  readonly keys?: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
  readonly serial?: Uint8Array;
  readonly from?: number;
  readonly until?: number;
  readonly extensions?: readonly Uint8Array[];
  /** What it is signed with; SHA-256 where missing. */
  readonly digest?: 'sha1';
}

export const p256 = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });

const algorithms: Readonly<Record<string, Buffer>> = {
  'sha256 ec': sequence(oid('1.2.840.10045.4.3.2')),
  'sha256 rsa': sequence(oid('1.2.840.113549.1.1.11'), der(0x05)),
  'sha1 ec': sequence(oid('1.2.840.10045.4.1')),
  'sha1 rsa': sequence(oid('1.2.840.113549.1.1.5'), der(0x05)),
};

export function makeCertificate(wish: Wish = {}): Made {
  const { subject = 'laptop', keys = p256(), serial = Uint8Array.of(3), extensions = [] } = wish;
  const { from = noon - day, until = noon + day } = wish;
  const issuer = wish.issuer ?? { subject, key: keys.privateKey };
  const { digest = 'sha256' } = wish;
  const algorithm = algorithms[`${digest} ${issuer.key.asymmetricKeyType}`]!;
  const signed = sequence(
    der(0xa0, der(0x02, Uint8Array.of(2))),
    der(0x02, serial),
    algorithm,
    name(issuer.subject),
    sequence(time(from), time(until)),
    name(subject),
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    ...(extensions.length === 0 ? [] : [der(0xa3, sequence(...extensions))]),
  );
  const certificate = sequence(signed, algorithm, bits(sign(digest, signed, issuer.key)));
  return { certificate, key: keys.privateKey };
}

export interface MadeAuthority extends Made {
  readonly subject: string;
}

export function makeAuthority(
  subject: string,
  wish: Wish & { readonly pathLength?: number } = {},
): MadeAuthority {
  const extensions = [basicConstraints(true, wish.pathLength), keyUsage(0x06)];
  return { subject, ...makeCertificate({ extensions, ...wish, subject }) };
}

/** What a client's usually has, besides its rights. */
export const usual = [keyUsage(0x88), purposes(clientAuthentication)];
