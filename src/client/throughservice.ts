/** Asking the socket service for a connection that it lets in by a sequence number: the user needs no privilege. */
import type { Socket } from 'node:net';
import { OperatorError } from '../system/error.js';
import type { Family } from './result.js';

/** What the service is asked for; it has `name` or `host`. */
export interface ServiceRequest {
  /** Where the service listens. */
  readonly path: string;
  /** The name of a profile of the service's. */
  readonly name?: string | undefined;
  /** The host of a profile of the service's. */
  readonly host?: string | undefined;
  readonly port: number;
  readonly family?: Family | undefined;
  readonly timeoutMs: number;
}

/** A connection that stands: its owner ends it. */
export interface ServedConnection {
  readonly socket: Socket;
  readonly address: string;
}

/** @throws OperatorError where the service is not there or refuses; KnockError where it could not connect */
export async function throughService({ path }: ServiceRequest): Promise<ServedConnection> {
  throw new OperatorError('no-service', `${path}: there is no socket service`, {
    hint: 'give the key with --psk-file, or have the service started: portknock socket-service',
  });
}
