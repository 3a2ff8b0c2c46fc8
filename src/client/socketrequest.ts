/**
 * What is said between the socket service and those who ask it, over a Unix stream socket: one line of JSON each way,
 * and with the answer's first byte the connected socket, where there is one.
 */
import * as v from 'valibot';
import type { Family } from './result.js';

/** Who asks waits no longer than this for a connection. */
export const longestWaitMs = 60_000;
/** Of a line, its newline included. */
export const longestRequest = 1024;
export const longestReply = 8192;

/** A connection that is asked for, by the profile or by its host. */
export interface SocketRequest {
  readonly name?: string | undefined;
  readonly host?: string | undefined;
  readonly port: number;
  readonly family?: Family | undefined;
  readonly timeoutMs: number;
}

/** What the service says: to which address the socket is connected, or why there is none. */
export type SocketReply =
  | { readonly ok: true; readonly address: string }
  | { readonly error: string; readonly message: string; readonly hint?: string | undefined };

const word = v.pipe(v.string(), v.regex(/^[^\s/\p{C}]{1,255}$/u));
const whole = (lowest: number, highest: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(lowest), v.maxValue(highest));

const request = v.pipe(
  v.strictObject({
    name: v.optional(word),
    host: v.optional(word),
    port: whole(1, 65535),
    family: v.optional(v.picklist([4, 6])),
    timeout_ms: v.optional(whole(1, longestWaitMs), 10_000),
  }),
  v.check(({ name, host }) => name !== undefined || host !== undefined),
);

// What a terminal would obey has no place in what is shown.
const shown = v.pipe(v.string(), v.regex(/^[^\p{C}]{1,2000}$/u));

const reply = v.union([
  v.strictObject({ ok: v.literal(true), address: shown }),
  v.strictObject({
    error: v.pipe(v.string(), v.regex(/^[a-z-]{1,40}$/)),
    message: shown,
    hint: v.optional(shown),
  }),
]);

export function formatRequest({ name, host, port, family, timeoutMs }: SocketRequest): string {
  return `${JSON.stringify({ name, host, port, family, timeout_ms: timeoutMs })}\n`;
}

/** @param line without its newline @returns undefined for what is no request */
export function parseRequest(line: Uint8Array): SocketRequest | undefined {
  const read = v.safeParse(request, parseLine(line));
  if (!read.success) return undefined;
  const { timeout_ms: timeoutMs, ...rest } = read.output;
  return { ...rest, timeoutMs };
}

export function formatReply(answer: SocketReply): string {
  return `${JSON.stringify(answer)}\n`;
}

/** @param line without its newline @returns undefined for what is no answer */
export function parseReply(line: Uint8Array): SocketReply | undefined {
  const read = v.safeParse(reply, parseLine(line));
  return read.success ? read.output : undefined;
}

function parseLine(line: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(line));
  } catch {
    return undefined;
  }
}
