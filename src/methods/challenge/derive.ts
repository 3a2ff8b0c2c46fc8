/** Keys from the site key (PROTOCOL.md section 9), and how each of the three datagrams is sealed with its own. */
import { openMessage, sealMessage } from '../../crypto/aead.js';
import { deriveKey } from '../../crypto/derive.js';

/** Where every hello is answered: everybody knows it, and what it hides and proves is nothing. */
export const openSiteKey: Uint8Array = new Uint8Array(32);

const siteIdLength = 16;

/** What is sealed with a key of its own. */
export type MessageName = 'hello' | 'challenge' | 'response';

/** Seals and opens what a site's clients and its server send each other. */
export class Seals {
  readonly #keys: Readonly<Record<MessageName, Uint8Array>>;

  /** @param siteKey 32 random bytes, or `openSiteKey` */
  constructor(siteKey: Uint8Array) {
    const derive = (name: MessageName) => deriveKey(siteKey, `portknock/challenge/1 ${name}`);
    this.#keys = { hello: derive('hello'), challenge: derive('challenge'), response: derive('response') };
  }

  /** @param nonce 12 random bytes, for this message alone */
  seal(name: MessageName, nonce: Uint8Array, plaintext: Uint8Array): Uint8Array {
    return sealMessage(this.#keys[name], nonce, plaintext);
  }

  /** The plaintext, in bytes of its own; undefined where it was not sealed with this key, as this message. */
  open(name: MessageName, message: Uint8Array): Uint8Array | undefined {
    return openMessage(this.#keys[name], message);
  }
}

/** What a signature names a site by that has a site key, 16 bytes: it tells nothing of the key. */
export function siteId(siteKey: Uint8Array): Uint8Array {
  return deriveKey(siteKey, 'portknock/challenge/1 site').subarray(0, siteIdLength);
}
