/** What a scenario of knockd is made of: knocks by the real client, segments, waits and signals. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from './eventually.js';
import { project } from './isolation.js';
import { fenceDoor, first, type Step, type Trial, type Way } from './knockd.js';
import type { Segment } from './segments.js';

/** A port as knock takes it: `8000`, `8000:udp`. */
export type Port = number | `${number}:udp` | `${number}:tcp`;

/** Runs the real knock. */
export function knock(
  ports: readonly Port[],
  { way = first, options = [] }: { readonly way?: Way; readonly options?: readonly string[] } = {},
): Step {
  return async ({ client }) => {
    await client.exec('/usr/bin/knock', [...options, way.server, ...ports.map(String)]);
  };
}

const segmentsPath = `${project}/dist/test/e2e/harness/segments.js`;

/** Sends TCP segments with these flags, from and to the first addresses unless they say others. */
export function segments(...wanted: readonly Segment[]): Step {
  return async ({ client }) => {
    const addressed = wanted.map(segment => ({
      source: first.client,
      destination: first.server,
      ...segment,
    }));
    await client.exec(process.execPath, [segmentsPath, JSON.stringify(addressed)]);
  };
}

export function pause(ms: number): Step {
  return () => sleep(ms);
}

export function signal(name: NodeJS.Signals): Step {
  return async ({ daemon }) => daemon?.signal(name);
}

/** Waits until the log holds this text so often. */
export function logged(text: string, times = 1, path = '/mnt/log'): Step {
  return async trial => {
    await eventually(`the log says ${text}`, () => trial.read(path).split(text).length > times).catch(
      (error: Error) => {
        throw new Error(`${trial.kind}: ${error.message}\n${trial.read(path)}\n${trial.daemon?.output}`);
      },
    );
  };
}

/** Waits until the commands have written so many lines. */
export function ran(count: number): Step {
  return async trial => {
    await eventually(
      `${count} lines were written`,
      () => trial.read('/mnt/ran').split('\n').length > count,
    ).catch((error: Error) => {
      throw new Error(`${trial.kind}: ${error.message}\n${trial.read('/mnt/log')}\n${trial.daemon?.output}`);
    });
  };
}

export function write(path: string, text: string): Step {
  return async trial => trial.write(path, text);
}

/** Has the daemon read its configuration again. */
export function reload(configuration: string, times = 1): Step {
  return async trial => {
    trial.write(
      '/mnt/knockd.conf',
      `${configuration}
${fenceDoor}`,
    );
    trial.daemon?.signal('SIGHUP');
    await logged('re-reading config file', times)(trial);
  };
}

/** Something to be compared at the end. */
export function note(find: (trial: Trial) => string | Promise<string>): Step {
  return async trial => {
    trial.notes.push(await find(trial));
  };
}

/** The daemon ends by itself. */
export function ends(): Step {
  return async ({ daemon }) => {
    assert.ok(daemon);
    await daemon.end();
  };
}

/** Asks the daemon in the background to end whose process id this file holds. */
export function endBackground(path: string): Step {
  return async trial => {
    const pid = Number(trial.read(path));
    assert.ok(pid > 1, `${path}: ${pid}`);
    process.kill(pid, 'SIGTERM');
  };
}
