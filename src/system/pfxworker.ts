/**
 * The thread that opens a PKCS #12 file for pfx.ts: it takes the keys and certificates out, and judges none of them.
 */
import { workerData } from 'node:worker_threads';
import forge from 'node-forge';
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

const { bytes, password, port, done } = workerData as PfxTask;
port.postMessage(open(bytes, password));
Atomics.store(done, 0, 1);
Atomics.notify(done, 0);
