/** Asks the socket service for a connection (socketrequest.ts): Linux, where it hands over the open socket. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { openUnix, receiveDescriptor, whenReadable } from '../net/descriptors.js';
import { libc, SystemError } from '../net/libc.js';
import { errorCode, OperatorError } from '../system/error.js';
import { isKnockFailure, KnockError } from './failure.js';
import { requireLinux, unread } from './numbered.js';
import {
  formatRequest,
  longestReply,
  parseReply,
  type SocketReply,
  type SocketRequest,
} from './socketrequest.js';

/** What the service may take beside the waiting for the connection: until it is our turn, and to start. */
const patienceMs = 20_000;

/** What the service is asked for; it has `name` or `host`, or both, and then both must be right. */
export interface ServiceRequest extends SocketRequest {
  /** Where the service listens. */
  readonly path: string;
}

/** A connection that stands: its owner ends it. */
export interface ServedConnection {
  /** Half-open at either end, as if it were made here; nothing is read from it before its owner does. */
  readonly socket: Socket;
  /** The descriptor of `socket`, which closes it. */
  readonly fd: number;
  readonly address: string;
}

/** @throws OperatorError where the service is not there or refuses; KnockError where it could not connect */
export async function throughService({ path, ...request }: ServiceRequest): Promise<ServedConnection> {
  requireLinux();
  const fd = openUnix();
  // Never read by Node, which would lose the descriptor that comes along.
  const service = unread(fd).pause();
  try {
    service.connect(path);
    await once(service, 'connect');
    service.on('error', () => {});
    service.write(formatRequest(request));
    return await receive(fd, path, performance.now() + request.timeoutMs + patienceMs);
  } catch (error) {
    throw error instanceof OperatorError ? error : unreachable(path, error);
  } finally {
    service.destroy();
  }
}

async function receive(fd: number, path: string, deadline: number): Promise<ServedConnection> {
  let given: number | undefined;
  let heard = Buffer.alloc(0);
  const buffer = Buffer.alloc(longestReply);
  try {
    while (!heard.includes('\n')) {
      const isThere = await whenReadable(fd, Math.max(0, deadline - performance.now()));
      if (!isThere) throw silent(path, 'it did not answer in time');
      const received = receiveDescriptor(fd, buffer);
      if (received === undefined) continue;
      if (received.descriptor !== undefined && given !== undefined) libc().close(received.descriptor);
      given ??= received.descriptor;
      heard = Buffer.concat([heard, buffer.subarray(0, received.length)]);
      if (received.length === 0 || heard.length > longestReply) throw silent(path, 'it gave no answer');
    }
    const reply = parseReply(heard.subarray(0, heard.indexOf('\n')));
    if (reply === undefined) throw silent(path, 'what it says is no answer');
    if ('error' in reply) throw said(reply);
    if (given === undefined) throw silent(path, 'it gave no connection');
    const connection = { socket: unread(given), fd: given, address: reply.address };
    given = undefined;
    return connection;
  } finally {
    if (given !== undefined) libc().close(given);
  }
}

/** The service's error as our own: it ends us as if we had failed of it. */
function said({ error, message, hint }: Extract<SocketReply, { error: string }>): OperatorError {
  if (isKnockFailure(error)) return new KnockError(error, message, { hint });
  return new OperatorError(error === 'usage' ? 'failed' : error, message, { hint });
}

const howToEnable =
  'enable it with: sudo systemctl enable --now portknock-sockets.socket; or connect with --psk-file';

function unreachable(path: string, error: unknown): unknown {
  if (error instanceof SystemError && error.call === 'recvmsg') return silent(path, error.code);
  const code = errorCode(error);
  switch (code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return new OperatorError('no-service', `${path}: no socket service listens there`, {
        hint: howToEnable,
      });
    case 'EACCES':
      return new OperatorError('no-service', `${path}: not yours to ask`, {
        hint: 'ask whoever looks after it',
      });
    case 'EAGAIN':
      return new OperatorError('busy', `${path}: too many ask the socket service at once`, {
        hint: 'try again',
      });
    default:
      return code === undefined
        ? error
        : new OperatorError('no-service', `${path}: cannot be asked (${code})`, { hint: howToEnable });
  }
}

function silent(path: string, why: string): OperatorError {
  return new OperatorError('no-answer', `the socket service at ${path} failed: ${why}`, {
    hint: 'see its log, such as with: journalctl -u "portknock-sockets@*"; where many ask at once, try again',
  });
}
