/** OpenPGP secret keys through OpenPGP.js: a module of its own, which is loaded for key files alone. */
import { createMessage, decryptKey, type PrivateKey, readKeys, sign } from 'openpgp';

/** Why a file or a key is of no use. */
export interface Flawed {
  readonly flaw: string;
}

/** @returns a value, also where it is no key */
export async function readSecretKey(bytes: Uint8Array): Promise<SecretKey | Flawed> {
  const isArmoured = Buffer.from(bytes.subarray(0, 4096)).includes('-----BEGIN PGP');
  try {
    const keys = isArmoured
      ? await readKeys({ armoredKeys: Buffer.from(bytes).toString() })
      : await readKeys({ binaryKeys: bytes });
    const secret = keys.filter(key => key.isPrivate()) as PrivateKey[];
    if (secret.length === 0) return { flaw: 'there are only public keys in it' };
    if (secret.length > 1)
      return { flaw: `there are ${secret.length} secret keys in it, and one is expected` };
    return new SecretKey(secret[0]!);
  } catch {
    return { flaw: 'there is no OpenPGP secret key in it' };
  }
}

/** A secret key, which may have to be unlocked. */
export class SecretKey {
  #key: PrivateKey;

  constructor(key: PrivateKey) {
    this.#key = key;
  }

  get fingerprint(): string {
    return this.#key.getFingerprint();
  }

  get isLocked(): boolean {
    return !this.#key.isDecrypted();
  }

  /** @returns false where the passphrase is wrong */
  async unlock(passphrase: string): Promise<boolean> {
    try {
      this.#key = await decryptKey({ privateKey: this.#key, passphrase });
      return true;
    } catch {
      return false;
    }
  }

  /** A detached signature of bytes, binary. */
  async sign(text: Uint8Array): Promise<{ readonly signature: Uint8Array } | Flawed> {
    const message = await createMessage({ binary: text });
    try {
      const signature = await sign({
        ...{ message, signingKeys: this.#key, detached: true },
        format: 'binary',
      });
      return { signature: signature as Uint8Array };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { flaw: `its key does not sign: ${why.replace(/^Error signing message: /, '').slice(0, 300)}` };
    }
  }
}
