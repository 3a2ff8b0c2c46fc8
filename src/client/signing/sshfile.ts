/** Files of SSH keys, private and public: which key is meant, and whether its private half is there. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { WireReader } from '../../crypto/sshwire.js';
import { errorCode, OperatorError } from '../../system/error.js';
import { requirePrivate } from '../../system/secret.js';
import { notSigned } from './key.js';

/** A key as it lies in files. */
export interface SshKeyFile {
  /** The public key in SSH's own form; undefined where only the private one, of an old form, is there. */
  readonly blob: Uint8Array | undefined;
  /** Where the private key is; undefined where it is not. */
  readonly privatePath: string | undefined;
}

const longestKey = 65_536;

/** @param path of a private key or of its `.pub` @throws KnockError `not-signed`, OperatorError */
export function findSshKey(path: string): SshKeyFile {
  const text = existsSync(path) ? read(path) : undefined;
  const beside = `${path}.pub`;
  if (text === undefined) {
    if (!existsSync(beside)) throw new OperatorError('no-secret', `${path}: no such file`);
    return { blob: publicKeyIn(read(beside)), privatePath: undefined };
  }
  const blob = publicKeyIn(text);
  if (blob !== undefined) {
    const privatePath = path.replace(/\.pub$/, '');
    const isThere = privatePath !== path && existsSync(privatePath);
    if (isThere) requirePrivate(privatePath, statSync(privatePath), {});
    return { blob, privatePath: isThere ? privatePath : undefined };
  }
  requirePrivateKey(path, text);
  requirePrivate(path, statSync(path), {});
  return {
    blob: publicHalf(text) ?? (existsSync(beside) ? publicKeyIn(read(beside)) : undefined),
    privatePath: path,
  };
}

function read(path: string): string {
  try {
    const stat = statSync(path);
    // Of a pipe there would be no end.
    if (stat.isFile() && stat.size <= longestKey) return readFileSync(path, 'latin1');
  } catch (error) {
    throw new OperatorError('unreadable-secret', `${path}: cannot be read (${errorCode(error)})`, {
      hint: 'run as the user who owns it, or change its owner',
    });
  }
  throw notSigned(`${path}: this is no SSH key`);
}

function requirePrivateKey(path: string, text: string): void {
  if (/^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/.test(text)) return;
  const isPgp = text.includes('-----BEGIN PGP');
  throw notSigned(
    `${path}: this is no SSH key`,
    isPgp ? `it is one of OpenPGP: --key-file ${path}` : undefined,
  );
}

/** The key of a line such as those of authorized_keys, without options. */
function publicKeyIn(text: string): Uint8Array | undefined {
  const [, type, base64] = /^((?:ssh|ecdsa|sk)-[\w@.-]+)[ \t]+([A-Za-z0-9+/]+=*)(?:\s|$)/.exec(text) ?? [];
  if (type === undefined || base64 === undefined) return undefined;
  const blob = new Uint8Array(Buffer.from(base64, 'base64'));
  return new WireReader(blob).name() === type ? blob : undefined;
}

/** Whether a private key is under a passphrase. @throws OperatorError */
export function isLocked(privatePath: string): boolean {
  const text = read(privatePath);
  const reader = openContainer(text);
  // The cipher comes first.
  return reader === undefined
    ? /^(?:Proc-Type: 4,|-----BEGIN )ENCRYPTED/m.test(text)
    : reader.name() !== 'none';
}

/** What a private key of OpenSSH's own form says in the clear, also under a passphrase. */
function publicHalf(text: string): Uint8Array | undefined {
  const reader = openContainer(text);
  for (let field = 0; field < 3; field++) reader?.string();
  return reader?.uint32() === 1 ? reader.string() : undefined;
}

/** OpenSSH's own form of private keys (its PROTOCOL.key), after its magic; undefined for other forms. */
function openContainer(text: string): WireReader | undefined {
  const [, base64] = /^-----BEGIN OPENSSH PRIVATE KEY-----\s([A-Za-z0-9+/=\s]+)-----END/.exec(text) ?? [];
  if (base64 === undefined) return undefined;
  const magic = 'openssh-key-v1\0';
  const bytes = Buffer.from(base64, 'base64');
  const isRight = bytes.toString('latin1', 0, magic.length) === magic;
  return isRight ? new WireReader(bytes.subarray(magic.length)) : undefined;
}
