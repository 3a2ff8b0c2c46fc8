/**
 * The socket service: hands out connected sockets to users who may have them, so that they need no privilege and no
 * key. Here one request is served, on descriptor 3, as systemd starts a program for each connection (Accept=yes).
 *
 * Whoever asks gives a profile's name or host, a port and nothing else that matters; it gets a connection to what the
 * profile says, or one word that does not say what was missing.
 */
import { once } from 'node:events';
import { Socket } from 'node:net';
import { isAbsolute } from 'node:path';
import { type Peer, peerOf, sendDescriptor } from '../net/descriptors.js';
import { SystemError } from '../net/libc.js';
import { describe, OperatorError, report } from '../system/error.js';
import type { SequenceNumberProfile } from '../system/numberprofile.js';
import type { ClientOptions } from './invocation.js';
import { connectNumbered, type NumberedConnection, requireLinux } from './numbered.js';
import { chooseServed, defaultServedDirectory, profilesFor } from './served.js';
import {
  formatReply,
  longestRequest,
  longestWaitMs,
  parseRequest,
  type SocketReply,
  type SocketRequest,
} from './socketrequest.js';
import { fileStepMemory } from './steps.js';

/** Where systemd puts the one socket that it hands over (sd_listen_fds(3)). */
export const requestDescriptor = 3;
const requestWithinMs = 5000;
const defaultStateDirectory = '/var/lib/portknock-sockets';

/** `portknock socket-service`. @returns the exit status @throws OperatorError */
export async function runSocketService({
  listen,
  profiles = defaultServedDirectory,
}: Pick<ClientOptions, 'listen' | 'profiles'>): Promise<number> {
  requireLinux();
  if (listen === undefined) await serveRequest(profiles);
  else {
    const command = [process.argv[1]!, 'socket-service', '--profiles', profiles];
    await (await import('./socketloop.js')).serveSocketFile(listen, command);
  }
  return 0;
}

/** Serves the request on a descriptor, and says on standard error what came of it. @throws OperatorError */
export async function serveRequest(profiles: string, descriptor = requestDescriptor): Promise<void> {
  const peer = askerOn(descriptor);
  const who = `uid ${peer.uid} (pid ${peer.pid})`;
  const asker = new Asker(descriptor);
  let asked = 'nothing that is known';
  try {
    const request = await asker.request();
    asked = describeRequest(request);
    const profile = profileFor(peer, request, profiles);
    const connection = await connect(profile, request, asker.gone);
    give(descriptor, connection);
    log(`gave ${who} a connection to ${connection.address} port ${request.port}, by "${profile.name}"`);
  } catch (error) {
    log(`gave ${who} none, asked for ${asked}: ${asker.gone.aborted ? 'went away' : whyOf(error)}`);
    asker.answer(replyTo(error));
  } finally {
    asker.close();
  }
}

function askerOn(descriptor: number): Peer {
  try {
    return peerOf(descriptor);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new OperatorError('usage', `descriptor ${descriptor} is no Unix socket (${error.code})`, {
      hint: 'systemd starts this with one (Accept=yes); without it give --listen PATH',
    });
  }
}

/** That it says no more keeps from everybody which profiles there are for others. */
const notAllowed = () =>
  new OperatorError('not-allowed', 'the socket service has no such connection for you', {
    hint: 'its log says what was asked for; to allow it: portknock import FILE --for USER',
  });

function profileFor({ uid }: Peer, request: SocketRequest, folder: string): SequenceNumberProfile {
  const profiles = profilesFor(uid, folder, error => report('portknock', error));
  const profile = chooseServed(profiles, request);
  if (profile?.host === undefined) throw notAllowed();
  return profile;
}

function connect(
  profile: SequenceNumberProfile,
  { port, family, timeoutMs }: SocketRequest,
  signal: AbortSignal,
): Promise<NumberedConnection> {
  const { host = '', macPort = port, periodSeconds, toleranceSeconds } = profile;
  const psk = Buffer.from(profile.psk);
  const periods = { periodMs: periodSeconds * 1000, toleranceMs: toleranceSeconds * 1000 };
  const memory = fileStepMemory({ psk, port: macPort, periods }, log, stateDirectory());
  const request = { host, port, psk, macPort, periods, family, timeoutMs, paused: true, signal };
  return connectNumbered(request, { memory, watch: () => {} });
}

function stateDirectory(): string {
  const [first = ''] = (process.env['STATE_DIRECTORY'] ?? '').split(':');
  return isAbsolute(first) ? first : defaultStateDirectory;
}

/** Ours is closed: the other one has its own. */
function give(descriptor: number, { socket, fd, address }: NumberedConnection): void {
  try {
    sendDescriptor(descriptor, Buffer.from(formatReply({ ok: true, address })), fd);
  } finally {
    socket.destroy();
  }
}

function replyTo(error: unknown): SocketReply {
  if (!(error instanceof OperatorError)) {
    return { error: 'failed', message: 'the socket service failed', hint: 'its log says why' };
  }
  const { code, message, hint } = error;
  return { error: code, message, hint: hintsOfOurs.get(code) ?? hint };
}

/** Where what a user could do about it himself is not what helps here. */
const hintsOfOurs: ReadonlyMap<string, string> = new Map([
  ['not-permitted', 'it is the socket service that needs it: see its unit'],
  ['used-up', `wait so long, or let it wait with --timeout, ${longestWaitMs / 1000}s at most`],
]);

function whyOf(error: unknown): string {
  if (error instanceof OperatorError) return error.code === 'not-allowed' ? 'not allowed' : describe(error);
  return String(error instanceof Error ? error.stack : error);
}

function describeRequest({ name, host, port }: SocketRequest): string {
  const place = [name === undefined ? [] : `"${name}"`, host ?? []].flat().join(' at ');
  return `${place} port ${port}`;
}

function log(line: string): void {
  process.stderr.write(`portknock: ${line}\n`);
}

/** The one who asks, as heard on a descriptor. */
class Asker {
  readonly #socket: Socket;
  readonly #gone = new AbortController();

  constructor(descriptor: number) {
    this.#socket = new Socket({ fd: descriptor, allowHalfOpen: true });
    const gone = () => this.#gone.abort(new OperatorError('gone', 'the one who asked went away'));
    for (const event of ['end', 'close', 'error']) this.#socket.on(event, gone);
  }

  /** Aborted when nobody waits for the answer any more. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** The request. @throws OperatorError `bad-request`, and what `gone` is aborted with */
  async request(): Promise<SocketRequest> {
    const ended = new AbortController();
    this.gone.addEventListener('abort', () => ended.abort(this.gone.reason));
    const late = badRequest(`no line within ${requestWithinMs} ms`);
    const timer = setTimeout(() => ended.abort(late), requestWithinMs);
    let heard = Buffer.alloc(0);
    try {
      while (!heard.includes('\n')) {
        const [piece] = (await once(this.#socket, 'data', { signal: ended.signal })) as [Buffer];
        heard = Buffer.concat([heard, piece]);
        if (heard.length > longestRequest) throw badRequest(`longer than ${longestRequest} bytes`);
      }
    } catch (error) {
      throw ended.signal.aborted ? ended.signal.reason : error;
    } finally {
      clearTimeout(timer);
    }
    const end = heard.length - 1;
    const request = heard.indexOf('\n') === end ? parseRequest(heard.subarray(0, end)) : undefined;
    if (request === undefined) throw badRequest('expected one line of JSON');
    return request;
  }

  answer(reply: SocketReply): void {
    if (!this.gone.aborted) this.#socket.end(formatReply(reply));
  }

  /** What was written still goes out. */
  close(): void {
    this.#socket.destroySoon();
  }
}

function badRequest(why: string): OperatorError {
  return new OperatorError(
    'bad-request',
    `the socket service was asked in a way that it does not know: ${why}`,
  );
}
