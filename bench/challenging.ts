/**
 * The whole exchange of a challenge, as a client makes it: asked, signed, answered, open. Signing is timed apart, for it is the
 * user's key that takes it.
 */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  composeHello,
  composeResponse,
  helloRandomLength,
  type ReadChallenge,
  readChallenge,
  responseRandomLength,
} from '../src/methods/challenge/compose.js';
import { firstConnection } from './prober.js';
import { type BenchKey, signWith } from './signing.js';
import { socketAddress, waitExactly } from './sockets.js';

export interface ExchangeRequest {
  readonly do: 'exchange';
  /** Dotted IPv4: the client's, one for each exchange, and the server's. */
  readonly sources: readonly string[];
  readonly address: string;
  /** That hellos go to. */
  readonly port: number;
  /** In hexadecimal. */
  readonly siteKey: string;
  readonly doorName: string;
  /** The port that opens. */
  readonly door: number;
  readonly key: BenchKey;
  /** How often each asks, so long after the one before, where it has got nowhere. */
  readonly tries: number;
  readonly patienceMs: number;
}

/** In the order of the sources; milliseconds. */
export interface ExchangeResult {
  /** From before the hello is sent to the first connection, without the signing; −1 where it never opened. */
  readonly times: readonly number[];
  /** The part of it until the challenge was there. */
  readonly challengeTimes: readonly number[];
  /** At which try it opened, from 1; 0 where it never did. */
  readonly tries: readonly number[];
}

/** One after the other. */
export async function exchangeAll(request: ExchangeRequest): Promise<ExchangeResult> {
  waitExactly();
  const found: Exchanged[] = [];
  for (const source of request.sources) found.push(await exchange(request, source));
  return {
    times: found.map(({ ms }) => ms),
    challengeTimes: found.map(({ challengeMs }) => challengeMs),
    tries: found.map(({ tries }) => tries),
  };
}

interface Exchanged {
  readonly ms: number;
  readonly challengeMs: number;
  readonly tries: number;
}

const nothing: Exchanged = { ms: -1, challengeMs: -1, tries: 0 };

async function exchange(request: ExchangeRequest, source: string): Promise<Exchanged> {
  const socket = createSocket('udp4');
  socket.bind(0, source);
  await once(socket, 'listening');
  try {
    for (let tries = 1; tries <= request.tries; tries++) {
      const exchanged = await tryOnce(request, source, socket);
      if (exchanged !== undefined) return { ...exchanged, tries };
    }
    return nothing;
  } finally {
    socket.close();
  }
}

async function tryOnce(
  request: ExchangeRequest,
  source: string,
  socket: Socket,
): Promise<Omit<Exchanged, 'tries'> | undefined> {
  const { address, port, siteKey, doorName, key, door, patienceMs } = request;
  const site = { siteKey: Buffer.from(siteKey, 'hex') };
  const { payload, asked } = composeHello(site, doorName, Date.now(), randomBytes(helloRandomLength));
  const begun = performance.now();
  socket.send(payload, port, address);
  const challenge = await firstChallenge(socket, bytes => readChallenge(asked, bytes), patienceMs);
  if (challenge === undefined) return undefined;
  const challengeMs = performance.now() - begun;
  const signature = await signWith(key, challenge.text);
  const response = composeResponse(challenge, key.kind, signature, randomBytes(responseRandomLength));
  const answered = performance.now();
  socket.send(response, port, address);
  // Until it is sent: what comes then blocks this thread.
  await sleep(0);
  const at = firstConnection(
    socketAddress(address, door),
    socketAddress(source, 0),
    performance.now() + patienceMs,
  );
  return at === undefined ? undefined : { ms: challengeMs + at - answered, challengeMs };
}

async function firstChallenge(
  socket: Socket,
  read: (bytes: Uint8Array) => ReadChallenge | undefined,
  withinMs: number,
): Promise<ReadChallenge | undefined> {
  return new Promise(resolve => {
    const settle = (found: ReadChallenge | undefined) => {
      clearTimeout(timer);
      socket.removeAllListeners('message');
      resolve(found);
    };
    const timer = setTimeout(settle, withinMs, undefined);
    socket.on('message', bytes => {
      const found = read(bytes);
      if (found !== undefined) settle(found);
    });
  });
}
