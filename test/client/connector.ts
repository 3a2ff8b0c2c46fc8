/** A program for the client's side of a test: uses the library's `connect` and prints what came of it as JSON. */
import { once } from 'node:events';
import { openSync, readlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import { devNull } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { connectNumbered } from '../../src/client/numbered.js';
import { fileStepMemory } from '../../src/client/steps.js';
import { type ConnectOptions, connect } from '../../src/index.js';
import { libc } from '../../src/net/libc.js';
import { openUnconnected, putInPlace } from '../../src/net/repair.js';

type Given = ConnectOptions & {
  readonly psk: string;
  readonly periodMs: number;
  readonly toleranceMs: number;
};

/** What came of a connection. */
export interface Outcome {
  readonly events: readonly string[];
  readonly data: string;
  readonly error?: string;
  readonly code?: string;
}

/** Writes before it is connected, and ends. */
async function talk(options: ConnectOptions, meddle?: (socket: ReturnType<typeof connect>) => void) {
  const events: string[] = [];
  let data = '';
  let failure: (Error & { readonly code?: string }) | undefined;
  const socket = connect(options);
  for (const event of ['lookup', 'connect', 'ready', 'end', 'close'])
    socket.on(event, () => events.push(event));
  socket.setEncoding('utf8').on('data', (text: string) => {
    data += text;
  });
  socket.on('error', error => {
    failure = error;
  });
  socket.write('before ');
  socket.end('it stands');
  meddle?.(socket);
  await new Promise(resolve => socket.on('close', resolve));
  return { events, data, error: failure?.name, code: failure?.code };
}

/** Node does not tell it. */
function descriptorOf(socket: Socket): number {
  return (socket as unknown as { readonly _handle: { readonly fd: number } })._handle.fd;
}

const scenarios: Readonly<Record<string, (given: Given) => Promise<unknown>>> = {
  talk,
  abort: given => {
    const controller = new AbortController();
    return talk({ ...given, signal: controller.signal }, () => setTimeout(() => controller.abort(), 100));
  },
  aborted: given => talk({ ...given, signal: AbortSignal.abort() }),
  /** At once, so that the descriptor of the placeholder is somebody else's when the address is known. */
  destroy: async given => {
    const socket = connect(given);
    const descriptor = descriptorOf(socket);
    socket.destroy();
    const other = openSync(devNull, 'r');
    await pause(300);
    return { isSame: other === descriptor, link: readlinkSync(`/proc/self/fd/${other}`) };
  },
  /** What is set before it is connected. */
  set: async given => {
    const socket = connect(given).setNoDelay().setKeepAlive(true, 7000);
    await once(socket, 'connect');
    const options = { noDelay: [6, 1], keepAlive: [1, 9], idle: [6, 4] } as const;
    const found = Object.entries(options).map(([name, [level, option]]) => {
      const value = new Uint8Array(4);
      libc().getsockopt(descriptorOf(socket), level, option, value, Uint32Array.of(4));
      return [name, Buffer.from(value).readInt32LE()];
    });
    socket.destroy();
    return Object.fromEntries(found);
  },
  two: given => Promise.all([talk(given), talk(given)]),
  /** Hands a connection of which nothing was read to another socket, as the socket service does. */
  paused: async given => {
    const { psk: text, periodMs, toleranceMs, port } = given;
    const source = { psk: Buffer.from(text), port, periods: { periodMs, toleranceMs } };
    const request = { ...source, host: given.host, timeoutMs: 5000, paused: true };
    const memory = fileStepMemory(source, () => {});
    const { socket, fd, address } = await connectNumbered(request, { memory, watch: () => {} });
    await pause(300);
    const bytesRead = socket.bytesRead;
    const copy = openUnconnected(4);
    putInPlace(libc().fcntl(fd, 0, 0), copy);
    socket.destroy();
    const other = new Socket({ fd: copy });
    other.end('from the other');
    let data = '';
    for await (const chunk of other.setEncoding('utf8')) data += chunk;
    return { address, bytesRead, data };
  },
};

const [scenario, given] = process.argv.slice(2);
const run = scenarios[scenario ?? ''];
// Tests find all files of this folder; only as a program does this one do anything.
if (run !== undefined) process.stdout.write(JSON.stringify(await run(JSON.parse(given!) as Given)));
