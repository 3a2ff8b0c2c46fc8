/** Keys and signatures as the real ssh-keygen makes them, and a hardware key that exists in the test alone. */
import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeSshSignature, signedData } from '../../src/crypto/sshsignature.js';
import { concatenate, encodeString, encodeUint32 } from '../../src/crypto/sshwire.js';
import { temporaryFolder } from '../e2e/harness/folder.js';
import type { Scope } from '../e2e/harness/program.js';

export class SshKeygen {
  readonly folder: string;

  constructor(scope: Scope) {
    this.folder = temporaryFolder(scope, 'ssh');
  }

  run(argv: readonly string[], input: Uint8Array | string = ''): Buffer {
    return execFileSync('ssh-keygen', argv, { cwd: this.folder, stdio: 'pipe', timeout: 30_000, input });
  }

  /** @returns its line for authorized_keys */
  make(name: string, type: string, bits?: number): string {
    const size = bits === undefined ? [] : ['-b', String(bits)];
    this.run(['-q', '-t', type, ...size, '-N', '', '-C', name, '-f', name]);
    return readFileSync(join(this.folder, `${name}.pub`), 'utf8');
  }

  /** A signature without its armour. */
  sign(name: string, message: Uint8Array, namespace = 'portknock', hash = 'sha512'): Buffer {
    const options = ['-n', namespace, '-O', `hashalg=${hash}`];
    const armoured = this.run(['-q', '-Y', 'sign', '-f', name, ...options], message).toString();
    return Buffer.from(armoured.replace(/-----.*-----/g, ''), 'base64');
  }

  /** Whether ssh-keygen takes a signature for that of a key. */
  verifies(line: string, signature: Uint8Array, message: Uint8Array): boolean {
    writeFileSync(join(this.folder, 'allowed'), `john namespaces="portknock" ${line.trim()}\n`);
    const base64 = Buffer.from(signature).toString('base64').replace(/.{70}/g, '$&\n');
    const armoured = `-----BEGIN SSH SIGNATURE-----\n${base64}\n-----END SSH SIGNATURE-----\n`;
    writeFileSync(join(this.folder, 'signature'), armoured);
    try {
      const who = ['-f', 'allowed', '-I', 'john', '-n', 'portknock', '-s', 'signature'];
      this.run(['-Y', 'verify', ...who], message);
      return true;
    } catch {
      return false;
    }
  }
}

/** What an authenticator says beside a signature (OpenSSH's PROTOCOL.u2f). */
export const touched = 0x01;
export const touchedAndVerified = 0x05;

/** A FIDO authenticator with one key. */
export class Authenticator {
  readonly type: string;
  readonly publicKey: Uint8Array;
  readonly #privateKey: KeyObject;
  readonly #application = 'ssh:';

  constructor(kind: 'ed25519' | 'ecdsa') {
    const pair =
      kind === 'ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#privateKey = pair.privateKey;
    const { x = '', y = '' } = pair.publicKey.export({ format: 'jwk' });
    const [first, second] = [x, y].map(part => Buffer.from(part as string, 'base64url')) as [Buffer, Buffer];
    this.type = kind === 'ed25519' ? 'sk-ssh-ed25519@openssh.com' : 'sk-ecdsa-sha2-nistp256@openssh.com';
    const point =
      kind === 'ed25519'
        ? [encodeString(first)]
        : [encodeString('nistp256'), encodeString(concatenate(Uint8Array.of(4), first, second))];
    this.publicKey = concatenate(encodeString(this.type), ...point, encodeString(this.#application));
  }

  get line(): string {
    return `${this.type} ${Buffer.from(this.publicKey).toString('base64')} hardware`;
  }

  sign(message: Uint8Array, flags = touched): Uint8Array {
    const counter = encodeUint32(7);
    const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest();
    const data = signedData('portknock', 'sha512', message);
    const signed = concatenate(sha256(this.#application), Uint8Array.of(flags), counter, sha256(data));
    const blob = encodeString(this.#signatureOf(signed));
    const signature = concatenate(encodeString(this.type), blob, Uint8Array.of(flags), counter);
    const names = { namespace: 'portknock', hashName: 'sha512' } as const;
    return encodeSshSignature({ ...names, publicKey: this.publicKey, signature });
  }

  #signatureOf(data: Uint8Array): Uint8Array {
    if (this.#privateKey.asymmetricKeyType === 'ed25519') return sign(null, data, this.#privateKey);
    const pair = sign('sha256', data, { key: this.#privateKey, dsaEncoding: 'ieee-p1363' });
    return concatenate(...[pair.subarray(0, 32), pair.subarray(32)].map(part => encodeString(mpint(part))));
  }
}

/** RFC 4251 section 5: as short as it goes, and not negative. */
export function mpint(number: Uint8Array): Uint8Array {
  const start = number.findIndex(byte => byte !== 0);
  const bytes = number.subarray(start);
  return bytes[0]! < 0x80 ? bytes : concatenate(Uint8Array.of(0), bytes);
}
