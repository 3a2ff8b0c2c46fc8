/** ssh-agent's protocol (draft-ietf-sshm-ssh-agent), as much of it as signing takes: which keys there are, and a signature. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { encodeString, encodeUint32, WireReader } from '../../crypto/sshwire.js';
import { errorCode } from '../../system/error.js';
import { notSigned } from './signer.js';

/** A key that an agent holds. */
export interface AgentKey {
  /** In SSH's own form. */
  readonly blob: Uint8Array;
  readonly comment: string;
}

/** The numbers of messages, section 6.1 of the draft. */
const requestIdentities = 11;
const identitiesAnswer = 12;
const signRequest = 13;
const signResponse = 14;
/** For RSA: SHA-512, as SHA-1 is what an agent signs with otherwise. */
const rsaSha512 = 4;

/** As OpenSSH has it for any message. */
const longestMessage = 262_144;
const startAgent = 'start one: eval "$(ssh-agent)" && ssh-add; or give a key: --ssh-key FILE';

/** How long an agent may take: to say what it has, and to sign, which somebody may have to allow. */
export interface AgentLimits {
  readonly listMs: number;
  readonly signMs: number;
}

const usualLimits: AgentLimits = { listMs: 5000, signMs: 120_000 };

export class Agent {
  readonly #path: string;
  readonly #limits: AgentLimits;

  /** @param path of its socket; by default the one of the environment @throws KnockError `not-signed` */
  constructor(path = process.env['SSH_AUTH_SOCK'], limits: AgentLimits = usualLimits) {
    if (path === undefined || path === '') {
      throw notSigned('there is no ssh-agent: SSH_AUTH_SOCK is not set', startAgent);
    }
    this.#path = path;
    this.#limits = limits;
  }

  /** @throws KnockError `not-signed` */
  async list(signal: AbortSignal | undefined): Promise<readonly AgentKey[]> {
    const answer = await this.#ask(Uint8Array.of(requestIdentities), this.#limits.listMs, signal);
    const reader = new WireReader(answer);
    if (reader.byte() !== identitiesAnswer) throw notSigned('ssh-agent refuses to say which keys it has');
    const count = reader.uint32() ?? 0;
    const keys: AgentKey[] = [];
    while (keys.length < count) {
      const [blob, comment] = [reader.string(), reader.string()];
      if (blob === undefined || comment === undefined)
        throw notSigned('ssh-agent answers what is no list of keys');
      keys.push({ blob, comment: printable(comment) });
    }
    return keys;
  }

  /** The signature of bytes, in SSH's own form. @param name of the key, for messages @throws KnockError `not-signed` */
  async sign(
    { blob, name }: { readonly blob: Uint8Array; readonly name: string },
    data: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    const request = [Uint8Array.of(signRequest), encodeString(blob), encodeString(data)];
    const flags = encodeUint32(rsaSha512);
    const reader = new WireReader(
      await this.#ask(Buffer.concat([...request, flags]), this.#limits.signMs, signal),
    );
    const signature = reader.byte() === signResponse ? reader.string() : undefined;
    if (signature !== undefined && reader.isDone) return signature;
    throw notSigned(
      `ssh-agent did not sign with ${name}`,
      'it may be locked, the hardware key not plugged in or not touched, or the question was denied',
    );
  }

  async #ask(message: Uint8Array, limitMs: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    signal?.throwIfAborted();
    const socket = connect({ path: this.#path });
    const late = AbortSignal.timeout(limitMs);
    const either = signal === undefined ? late : AbortSignal.any([late, signal]);
    const stop = () => socket.destroy(either.reason as Error);
    either.addEventListener('abort', stop);
    try {
      await once(socket, 'connect');
      socket.write(encodeString(message));
      return await readMessage(socket);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (late.aborted) throw notSigned(`ssh-agent does not answer (${this.#path})`, startAgent);
      throw gone(this.#path, error);
    } finally {
      either.removeEventListener('abort', stop);
      socket.destroy();
    }
  }
}

async function readMessage(socket: Socket): Promise<Uint8Array> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of socket) {
    bytes = Buffer.concat([bytes, chunk as Buffer]);
    const length = bytes.length < 4 ? undefined : bytes.readUInt32BE(0);
    if (length !== undefined && length > longestMessage) break;
    if (length !== undefined && bytes.length >= 4 + length) return bytes.subarray(4, 4 + length);
  }
  throw Object.assign(new Error('no answer'), { code: 'it closed the connection' });
}

function gone(path: string, error: unknown): Error {
  const code = errorCode(error);
  if (code === undefined) return error instanceof Error ? error : new Error(String(error));
  return notSigned(`ssh-agent cannot be asked (${path}: ${code})`, startAgent);
}

function printable(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('latin1')
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 100);
}
