/**
 * A program that holds an NFLOG group and starts the listener on it, as the monitor does, and says what it is told: one
 * JSON object a line. Asked for `{"gone": [NAME]}`, it tells the listener of a configuration without those clients.
 *
 *   node listenprogram.js STATE_DIRECTORY USER
 */
import { createInterface } from 'node:readline';
import pino from 'pino';
import { openCapture } from '../../../src/daemon/capture.js';
import type { Config, SequenceSettings } from '../../../src/daemon/config.js';
import { ReplyPort } from '../../../src/daemon/replyport.js';
import { openState } from '../../../src/daemon/state.js';
import { Subprocess } from '../../../src/daemon/subprocess.js';
import { reasons } from '../../../src/methods/knock.js';
import { parseFlags, parseStep } from '../../../src/methods/plain-sequence/format.js';
import { formatAddress } from '../../../src/net/address.js';
import { report } from '../../../src/system/error.js';
import { config as numbers } from '../../daemon/numberconfig.js';

export interface Told {
  readonly kind: string;
  readonly reason?: string | undefined;
  readonly detail?: number;
  readonly client?: string;
  readonly door?: string;
  readonly source?: string;
}

const sequence = (...steps: readonly string[]): SequenceSettings => ({
  steps: steps.map(step => parseStep(step)!),
  timeoutMs: 20_000,
  flags: parseFlags(['syn', '!ack', '!fin', '!rst'])!,
  target: undefined,
  allowDuplicates: false,
  scanGuard: false,
  oneTimeFile: undefined,
  turn: 0,
});

function config(gone: readonly string[]): Config {
  const [stateDirectory = '', user = ''] = process.argv.slice(2);
  const door = numbers.doors.at(-1)!;
  return {
    ...numbers,
    stateDirectory,
    user,
    doors: [
      ...numbers.doors,
      { ...door, name: 'plain', command: undefined, sequence: sequence('7000/tcp', '7001/tcp') },
      // Whatever else hears of a connection to port 22 takes it for a knock.
      { ...door, name: 'trap', command: undefined, sequence: sequence('22/tcp') },
    ],
    clients: numbers.clients.filter(({ name }) => !gone.includes(name)),
  };
}

function say(told: Told): void {
  process.stdout.write(`${JSON.stringify(told)}\n`);
}

try {
  const capture = openCapture(config([]), pino({ level: 'silent' }), () => {});
  const state = openState(config([]).stateDirectory);
  const handed = { capture, state, replies: new ReplyPort(config([])) };
  const listener = new Subprocess(config([]), handed, false, {
    frame: ({ kind, code, detail, client, door, source }) => {
      const reason = kind === 'refused' ? reasons[code] : undefined;
      say({ kind, reason, detail, client, door, source: formatAddress(source) });
    },
    ended: how => {
      say({ kind: `ended: ${how}` });
      process.exit(1);
    },
  });
  listener.configure(config([]));
  createInterface({ input: process.stdin })
    .on('line', line => {
      listener.configure(config((JSON.parse(line) as { gone: readonly string[] }).gone));
      void listener.counters().then(({ seen }) => say({ kind: 'configured', detail: seen }));
    })
    .on('close', () => process.exit());
} catch (error) {
  process.exitCode = report('listen', error);
}
