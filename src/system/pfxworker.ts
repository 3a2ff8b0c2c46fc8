/**
 * The thread that opens a PKCS #12 file for pfx.ts: it takes the keys and certificates out, and judges none of them.
 */
import { pbkdf2Sync } from 'node:crypto';
import forge from 'node-forge';
import { answerApart } from './apart.js';
import type { PfxContents, PfxTask } from './pfx.js';

const { asn1, pki, pkcs12 } = forge;

function open(bytes: Uint8Array, password: string): PfxContents {
  try {
    return contentsOf(decode(bytes, password).safeContents.flatMap(({ safeBags }) => safeBags));
  } catch (error) {
    return { mistake: mistakeOf(error) };
  }
}

function decode(bytes: Uint8Array, password: string): forge.pkcs12.Pkcs12Pfx {
  const pfx = asn1.fromDer(Buffer.from(bytes).toString('binary'));
  try {
    return pkcs12.pkcs12FromAsn1(pfx, password);
  } catch (error) {
    // Some programs write the empty password as no bytes at all, others as its two bytes of end.
    if (password !== '' || mistakeOf(error) !== 'wrong-password') throw error;
    return pkcs12.pkcs12FromAsn1(pfx);
  }
}

type Getting = (oid: string, parameters: unknown, password: string | undefined) => unknown;
const ciphers = (pki as unknown as { readonly pbe: { getCipher: Getting } }).pbe;
const getCipher = ciphers.getCipher;
// RFC 8018 takes bytes for a password, which are those of its UTF-8; RFC 7292 appendix B.1 takes UTF-16, which forge makes.
ciphers.getCipher = (oid, parameters, password) => {
  const isPbes2 = oid === pki.oids['pkcs5PBES2'];
  return getCipher(oid, parameters, isPbes2 ? forge.util.encodeUtf8(password ?? '') : password);
};

type Deriving = (password: string, salt: string, rounds: number, length: number, hash: Hash) => string;
interface Hash {
  readonly algorithm: string;
}
const derivations = forge.pkcs5 as unknown as { pbkdf2: Deriving };
const deriveSlowly = derivations.pbkdf2;
/** Some seconds. Such a derivation cannot be ended in the middle, so a file gets no more of it. */
let roundsLeft = 4_000_000;
// forge takes 5 microseconds for a round, and programs write files of 600,000 and more of them.
derivations.pbkdf2 = (password, salt, rounds, length, hash) => {
  if (rounds > roundsLeft || !/^sha(?:1|256|384|512)$/.test(hash.algorithm)) {
    return deriveSlowly(password, salt, rounds, length, hash);
  }
  roundsLeft -= rounds;
  const [secret, salting] = [Buffer.from(password, 'binary'), Buffer.from(salt, 'binary')];
  return pbkdf2Sync(secret, salting, rounds, length, hash.algorithm).toString('binary');
};

function contentsOf(bags: readonly forge.pkcs12.Bag[]): PfxContents {
  const isKey = ({ type }: forge.pkcs12.Bag) =>
    type === pki.oids['keyBag'] || type === pki.oids['pkcs8ShroudedKeyBag'];
  return {
    keys: once(bags.filter(isKey).map(keyOf)),
    certificates: once(bags.filter(({ type }) => type === pki.oids['certBag']).map(certificateOf)),
  };
}

/** What is no RSA forge leaves as it was. */
function keyOf({ key, asn1: info }: forge.pkcs12.Bag): Buffer {
  return derOf(key ? pki.wrapRsaPrivateKey(pki.privateKeyToAsn1(key)) : info);
}

function certificateOf({ cert, asn1: certificate }: forge.pkcs12.Bag): Buffer {
  return derOf(cert ? pki.certificateToAsn1(cert) : certificate);
}

function derOf(value: forge.asn1.Asn1): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), 'binary');
}

function once(all: readonly Buffer[]): Buffer[] {
  return all.filter((one, index) => all.findIndex(other => other.equals(one)) === index);
}

/** forge tells its errors apart by their words alone. */
function mistakeOf(error: unknown): Extract<PfxContents, { mistake: unknown }>['mistake'] {
  const message = error instanceof Error ? error.message : '';
  if (/MAC could not be verified|decrypt PKCS/.test(message)) return 'wrong-password';
  return /unsupported|not supported|password-based-encryption/i.test(message) ? 'unsupported' : 'malformed';
}

void answerApart<PfxTask>(({ bytes, password }) => open(bytes, password));
