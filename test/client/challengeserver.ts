/** A server's side of challenges, for tests: a UDP socket of both families, and what the daemon recognises and judges with. */
import { randomBytes } from 'node:crypto';
import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { Signers } from '../../src/methods/challenge/judge.js';
import { answerRandomLength, Challenge } from '../../src/methods/challenge/recognise.js';
import type { Signer } from '../../src/methods/challenge/site.js';
import { siteLine } from '../../src/methods/challenge/text.js';
import type { Knock, Refusal } from '../../src/methods/knock.js';
import { formatAddress, parseAddress } from '../../src/net/address.js';
import { newPacket, udp } from '../../src/net/packet.js';
import { eventually } from '../e2e/harness/eventually.js';
import type { Scope } from '../e2e/harness/program.js';
import { fingerprintOf } from './gnupg.js';

/** What a client's keys are, each as it is written. */
export interface Keys {
  /** Public keys of OpenPGP, binary. */
  readonly openpgp?: readonly Uint8Array[];
  /** Public keys of SSH, as in a `.pub`. */
  readonly ssh?: readonly string[];
}

export interface ServerOptions {
  readonly siteKey?: Uint8Array;
  /** Of a server without a site key. */
  readonly name?: string;
  readonly doors?: readonly string[];
  /** What to do with the answer to a hello, counted from 1, instead of sending it. */
  readonly onHello?: (answer: Uint8Array, count: number, send: (bytes: Uint8Array) => void) => void;
  /** Told of each knock. */
  readonly onKnock?: (knock: Knock) => void;
}

/** All of whose knocks are of `john`, who may use every door but `vault`. */
export class ChallengeServer {
  readonly knocks: Knock[] = [];
  readonly refusals: Refusal[] = [];
  /** Responses as they came. */
  readonly responses: Buffer[] = [];
  hellos = 0;
  port = 0;
  readonly #options: ServerOptions;
  readonly #challenge: Challenge;
  readonly #signers: readonly Signer[];
  readonly #judge: Signers;
  readonly #socket = createSocket('udp6');

  private constructor(signers: readonly Signer[], options: ServerOptions) {
    const { siteKey, name = '', doors = ['ssh', 'vault'] } = options;
    const site = {
      ...{
        siteKey: siteKey ?? new Uint8Array(32),
        siteLine: siteLine(siteKey, name),
        skewMs: 300_000,
        doors,
      },
    };
    this.#options = options;
    this.#challenge = new Challenge(site, randomBytes(32), 0);
    this.#signers = signers;
    this.#judge = new Signers(signers);
  }

  static async open(scope: Scope, keys: Keys, options: ServerOptions): Promise<ChallengeServer> {
    const openpgp = await Promise.all(
      (keys.openpgp ?? []).map(async bytes => ({ fingerprint: await fingerprintOf(bytes), bytes })),
    );
    const ssh = (keys.ssh ?? []).map(line => ({
      blob: new Uint8Array(Buffer.from(line.split(' ')[1]!, 'base64')),
      ...{ from: undefined, expiresAt: undefined, touchRequired: true, verifyRequired: false },
    }));
    const john = { client: 'john', doors: ['ssh'], revoked: false, openpgp, ssh };
    const server = new ChallengeServer([john], options);
    const socket = server.#socket.bind(0, '::');
    scope.after(() => void socket.close());
    await once(socket, 'listening');
    server.port = socket.address().port;
    socket.on('message', (payload, from) => void server.#take(payload, from));
    return server;
  }

  /** The first so many knocks, when they are there. */
  async first(count: number): Promise<readonly Knock[]> {
    return eventually(`${count} knocks`, () => (this.knocks.length >= count ? this.knocks : undefined));
  }

  /** The first so many refusals, when they are there. */
  async firstRefusals(count: number): Promise<readonly Refusal[]> {
    return eventually(`${count} refusals`, () => (this.refusals.length >= count ? this.refusals : undefined));
  }

  async #take(payload: Buffer, { address, port }: RemoteInfo): Promise<void> {
    const packet = { ...newPacket(), source: parseAddress(address)!, protocol: udp, payload, at: Date.now() };
    const heard = this.#challenge.recognise(packet, randomBytes(answerRandomLength), () => false);
    if (payload.length === 128) this.hellos += 1;
    else this.responses.push(payload);
    if (heard === undefined) return;
    if (heard.outcome === 'refused') this.refusals.push(heard);
    else if (heard.outcome === 'answer') {
      const send = (bytes: Uint8Array) => this.#socket.send(bytes, port, address);
      const { onHello = (answer: Uint8Array) => send(answer) } = this.#options;
      onHello(heard.payload, this.hellos, send);
    } else {
      const concluded = this.#challenge.conclude(heard, await this.#judge.judge(heard), this.#signers);
      if (concluded.outcome === 'refused') {
        this.refusals.push(concluded);
        return;
      }
      this.knocks.push(concluded);
      this.#options.onKnock?.(concluded);
    }
  }
}

/** Where a knock came from. */
export function sourceOf({ source }: Knock): string {
  return formatAddress(source);
}
