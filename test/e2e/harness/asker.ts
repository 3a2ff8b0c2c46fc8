/** One who answers challenges by hand, datagram by datagram, with an SSH key that Node makes (PROTOCOL.md section 9). */
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import {
  composeHello,
  composeResponse,
  helloRandomLength,
  type KnownSite,
  type ReadChallenge,
  readChallenge,
  responseRandomLength,
} from '../../../src/methods/challenge/compose.js';
import type { SignatureKind } from '../../../src/methods/challenge/site.js';
import type { Host } from './host.js';
import { project } from './isolation.js';
import type { Program } from './program.js';
import type { Answer } from './udpprogram.js';

const usualWaitMs = 2000;

export class SshSigner {
  readonly #key: KeyObject = generateKeyPairSync('ed25519').privateKey;
  readonly #blob: Buffer;

  constructor() {
    const point = createPublicKey(this.#key).export({ format: 'der', type: 'spki' }).subarray(-32);
    this.#blob = Buffer.concat([text('ssh-ed25519'), text(point)]);
  }

  /** As in a file authorized_keys. */
  get line(): string {
    return `ssh-ed25519 ${this.#blob.toString('base64')} test`;
  }

  /** SSHSIG, binary. */
  sign(message: Uint8Array): Buffer {
    const head = [text('portknock'), text(''), text('sha512')];
    const digest = createHash('sha512').update(message).digest();
    const signature = sign(null, Buffer.concat([magic, ...head, text(digest)]), this.#key);
    const version = Buffer.of(0, 0, 0, 1);
    const made = Buffer.concat([text('ssh-ed25519'), text(signature)]);
    return Buffer.concat([magic, version, text(this.#blob), ...head, text(made)]);
  }
}

const magic = Buffer.from('SSHSIG');

function text(bytes: Uint8Array | string): Buffer {
  const value = Buffer.from(bytes as Uint8Array);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(value.length);
  return Buffer.concat([length, value]);
}

export class Asker {
  readonly #program: Program;
  readonly #waiting: ((answers: readonly Answer[]) => void)[] = [];

  constructor(from: Host) {
    this.#program = from.namespace.start(process.execPath, [
      `${project}/dist/test/e2e/harness/udpprogram.js`,
    ]);
    this.#program.onLine(line => this.#waiting.shift()?.(JSON.parse(line) as Answer[]));
  }

  /** Sends a datagram. @returns what has come back since, not more than what came within the time */
  send(address: string, port: number, payload: Uint8Array, waitMs = usualWaitMs): Promise<readonly Answer[]> {
    const hex = Buffer.from(payload).toString('hex');
    return new Promise((resolve, reject) => {
      this.#waiting.push(resolve);
      this.#program.ended.then(() => reject(new Error(`the program ended\n${this.#program.output}`)));
      this.#program.write(`${JSON.stringify({ address, port, hex, waitMs })}\n`);
    });
  }
}

export function hello(site: KnownSite, door: string, time: number = Date.now()) {
  return composeHello(site, door, time, randomBytes(helloRandomLength));
}

export function respond(challenge: ReadChallenge, signer: SshSigner): Uint8Array {
  return respondBy(challenge, 'ssh', signer.sign(challenge.text));
}

/** @param signature of the challenge's text */
export function respondBy(challenge: ReadChallenge, kind: SignatureKind, signature: Uint8Array): Uint8Array {
  return composeResponse(challenge, kind, signature, randomBytes(responseRandomLength));
}

/** A whole exchange but for the last datagram, which is returned. @throws where there is no answer */
export async function ask(asker: Asker, to: Door, signer: SshSigner) {
  const { payload, asked } = hello(to.site, to.door);
  const [answer] = await asker.send(to.address, to.port, payload);
  if (answer === undefined) throw new Error('no answer to a hello');
  const challenge = readChallenge(asked, Buffer.from(answer.hex, 'hex'));
  if (challenge === undefined) throw new Error('the answer cannot be read');
  return { hello: payload, answer, challenge, response: respond(challenge, signer) };
}

/** What is asked for, and where. */
export interface Door {
  readonly site: KnownSite;
  readonly address: string;
  readonly port: number;
  readonly door: string;
}
