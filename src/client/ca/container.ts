/**
 * PKCS #12 files (RFC 7292) as the authority writes them: AES-256 and SHA-256, as OpenSSL 3 does, in DER throughout, without
 * which some programs read none. Key, certificate and exactly one certificate of the authority, which sKnock wants.
 */
import { createCipheriv, createHmac, type KeyObject, pbkdf2Sync, randomBytes } from 'node:crypto';
import * as asn1js from 'asn1js';
import { copyOf } from './extensions.js';
import { macKey } from './mackey.js';

const ids = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.2',
  certificateBag: '1.2.840.113549.1.12.10.1.3',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  localKeyId: '1.2.840.113549.1.9.21',
  friendlyName: '1.2.840.113549.1.9.20',
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
  hmacWithSha256: '1.2.840.113549.2.9',
  aes256Cbc: '2.16.840.1.101.3.4.1.42',
  sha256: '2.16.840.1.101.3.4.2.1',
} as const;

/** Readers without a native PBKDF2 take some tenths of a second for so many rounds. */
const rounds = 10_000;
const keyLength = 32;

/** What goes into it; certificates in DER. */
export interface Contents {
  readonly name: string;
  readonly key: KeyObject;
  readonly certificate: Uint8Array;
  readonly authority: Uint8Array;
}

/** @param password printable ASCII: programs differ over how other characters are written */
export function writeContainer(contents: Contents, password: string): Uint8Array {
  const keys = sequence(keyBag(contents, password));
  const [algorithm, encrypted] = encrypt(der(sequence(...certificateBags(contents))), password);
  // RFC 5652 section 8: the content is [0] IMPLICIT OCTET STRING.
  const content = new asn1js.Primitive({
    idBlock: { tagClass: 3, tagNumber: 0 },
    valueHex: copyOf(encrypted),
  });
  const certificates = sequence(
    oid(ids.encryptedData),
    tagged(sequence(integer(0), sequence(oid(ids.data), algorithm, content))),
  );
  const safe = der(sequence(data(der(keys)), certificates));
  return der(sequence(integer(3), data(safe), mac(safe, password)));
}

/** RFC 7292 section 4: MacData. */
function mac(safe: Uint8Array, password: string): asn1js.Sequence {
  const salt = randomBytes(16);
  const digest = createHmac('sha256', macKey(password, salt, rounds))
    .update(safe)
    .digest();
  const algorithm = sequence(oid(ids.sha256), new asn1js.Null());
  return sequence(sequence(algorithm, octets(digest)), octets(salt), integer(rounds));
}

/** RFC 8018 section 6.2: PBES2. */
function encrypt(plain: Uint8Array, password: string): [algorithm: asn1js.Sequence, encrypted: Uint8Array] {
  const [salt, iv] = [randomBytes(16), randomBytes(16)];
  const cipher = createCipheriv('aes-256-cbc', pbkdf2Sync(password, salt, rounds, keyLength, 'sha256'), iv);
  const prf = sequence(oid(ids.hmacWithSha256), new asn1js.Null());
  const derivation = sequence(oid(ids.pbkdf2), sequence(octets(salt), integer(rounds), prf));
  const encryption = sequence(oid(ids.aes256Cbc), octets(iv));
  const algorithm = sequence(oid(ids.pbes2), sequence(derivation, encryption));
  return [algorithm, Buffer.concat([cipher.update(plain), cipher.final()])];
}

function keyBag({ name, key }: Contents, password: string): asn1js.Sequence {
  const [algorithm, encrypted] = encrypt(key.export({ type: 'pkcs8', format: 'der' }), password);
  return sequence(oid(ids.keyBag), tagged(sequence(algorithm, octets(encrypted))), attributes(name));
}

function certificateBags({ name, certificate, authority }: Contents): asn1js.Sequence[] {
  const value = (bytes: Uint8Array) => tagged(sequence(oid(ids.x509Certificate), tagged(octets(bytes))));
  return [
    sequence(oid(ids.certificateBag), value(certificate), attributes(name)),
    sequence(oid(ids.certificateBag), value(authority)),
  ];
}

/** By which programs see that key and certificate belong together, and how they call them. */
function attributes(name: string): asn1js.Set {
  const attribute = (id: string, value: asn1js.AsnType) =>
    sequence(oid(id), new asn1js.Set({ value: [value] }));
  return new asn1js.Set({
    value: [
      attribute(ids.friendlyName, new asn1js.BmpString({ value: name })),
      attribute(ids.localKeyId, octets(Uint8Array.of(1))),
    ],
  });
}

function data(contents: Uint8Array): asn1js.Sequence {
  return sequence(oid(ids.data), tagged(octets(contents)));
}

function sequence(...value: asn1js.AsnType[]): asn1js.Sequence {
  return new asn1js.Sequence({ value });
}

function tagged(value: asn1js.AsnType): asn1js.Constructed {
  return new asn1js.Constructed({ idBlock: { tagClass: 3, tagNumber: 0 }, value: [value] });
}

function oid(value: string): asn1js.ObjectIdentifier {
  return new asn1js.ObjectIdentifier({ value });
}

function integer(value: number): asn1js.Integer {
  return new asn1js.Integer({ value });
}

function octets(bytes: Uint8Array): asn1js.OctetString {
  return new asn1js.OctetString({ valueHex: copyOf(bytes) });
}

function der(value: asn1js.AsnType): Uint8Array {
  return new Uint8Array(value.toBER(false));
}
