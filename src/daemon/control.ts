/**
 * The control socket: how `portknockd status`, `open`, `close` and the others talk to the daemon that runs.
 *
 * A Unix socket in the state directory, for its owner alone: one request a connection, a line of JSON each way.
 */
import { chmodSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, errorCode, OperatorError, OperatorErrors } from '../system/error.js';

export type ControlRequest =
  | { readonly ask: 'status' }
  | { readonly ask: 'reload' }
  | { readonly ask: 'install' }
  | { readonly ask: 'remove' }
  | { readonly ask: 'open'; readonly door: string; readonly address: string }
  | { readonly ask: 'close'; readonly door: string; readonly address: string };

type ControlAnswer =
  | { readonly ok: unknown }
  | { readonly error: string; readonly hint?: string | undefined };

/** Nobody sends more; nobody can make us keep more. */
const longestRequest = 4096;
const patienceMs = 90_000;

export function controlPath(stateDirectory: string): string {
  return join(stateDirectory, 'control');
}

/** Answers requests until closed. The caller holds the lock of the state directory, so an old socket is nobody's. */
export function serveControl(
  path: string,
  answer: (request: ControlRequest) => Promise<unknown>,
): Promise<Server> {
  rmSync(path, { force: true });
  const server = createServer(connection => {
    connection.setEncoding('utf8').setTimeout(patienceMs, () => connection.destroy());
    connection.on('error', () => {});
    let text = '';
    connection.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > longestRequest) connection.destroy();
      else if (text.endsWith('\n')) void respond(connection, text, answer);
    });
  });
  return new Promise((resolve, reject) => {
    const failed = (error: Error) =>
      reject(
        new OperatorError('no-control', `${path}: cannot be made (${errorCode(error) ?? error.message})`),
      );
    server.on('error', failed);
    const mask = process.umask(0o177);
    server.listen(path, () => {
      chmodSync(path, 0o600);
      resolve(server);
    });
    process.umask(mask);
  });
}

async function respond(
  connection: Socket,
  text: string,
  answer: (request: ControlRequest) => Promise<unknown>,
): Promise<void> {
  connection.end(`${JSON.stringify(await attempt(text, answer))}\n`);
}

async function attempt(
  text: string,
  answer: (request: ControlRequest) => Promise<unknown>,
): Promise<ControlAnswer> {
  try {
    return { ok: (await answer(readRequest(text))) ?? null };
  } catch (error) {
    if (error instanceof OperatorErrors) return { error: error.errors.map(describe).join('; ') };
    if (error instanceof OperatorError) return { error: describe(error), hint: error.hint };
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

const asks: readonly unknown[] = ['status', 'reload', 'install', 'remove', 'open', 'close'];

function readRequest(text: string): ControlRequest {
  const request = parse<ControlRequest>(text);
  if (request === undefined || !asks.includes(request.ask)) {
    throw new OperatorError('bad-request', 'the daemon does not know this request', {
      hint: 'is it of another version? Restart it',
    });
  }
  return request;
}

/** Undefined for what is not one object. */
function parse<T extends object>(text: string): T | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}

/** Asks the daemon that runs. @returns its answer, or undefined where none runs @throws OperatorError of its own */
export function ask(stateDirectory: string, request: ControlRequest): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const connection = createConnection(controlPath(stateDirectory));
    let text = '';
    connection.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    connection.on('connect', () => connection.write(`${JSON.stringify(request)}\n`));
    connection.on('error', error => {
      const code = errorCode(error);
      if (code === 'ENOENT' || code === 'ECONNREFUSED') return resolve(undefined);
      const hint = 'run as root';
      reject(new OperatorError('no-control', `${controlPath(stateDirectory)}: ${code}`, { hint }));
    });
    connection.on('end', () => {
      const answer = parse<ControlAnswer>(text);
      if (answer === undefined)
        return reject(new OperatorError('no-answer', 'the daemon ended before it answered'));
      if ('ok' in answer) resolve(answer.ok);
      else reject(new OperatorError('refused', answer.error, { hint: answer.hint }));
    });
  });
}

/** Asks the daemon that must run. @throws OperatorError where none does */
export async function askRunning(stateDirectory: string, request: ControlRequest): Promise<unknown> {
  const answer = await ask(stateDirectory, request);
  if (answer !== undefined) return answer;
  throw new OperatorError('not-running', 'portknockd is not running', {
    hint: `nothing answers at ${controlPath(stateDirectory)}`,
  });
}
