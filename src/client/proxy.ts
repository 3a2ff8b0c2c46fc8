/** For ProxyCommand: knocks, connects, and joins the connection to standard input and output. */
import { existsSync } from 'node:fs';
import { dashed } from '../system/command-line.js';
import { OperatorError } from '../system/error.js';
import type { Profile } from '../system/profile.js';
import { chooseDoorTo } from './door.js';
import { KnockError } from './failure.js';
import { defaultServicePath } from './folders.js';
import type { ClientOptions, Invocation } from './invocation.js';
import { composerOf, profileJob } from './job.js';
import { joinStandard } from './join.js';
import { deliver } from './knock.js';
import { loadProfile } from './profiles.js';
import { failed } from './run.js';
import { Screen } from './screen.js';

type Proxy = Extract<Invocation, { form: 'proxy' }>;
type Knocked = Exclude<Profile, { method: 'sequence-number' }>;

/** @returns the exit status @throws OperatorError */
export async function runProxy(proxy: Proxy): Promise<number> {
  const profile = findProfile(proxy.name, proxy.options);
  if (profile?.method === 'sequence-number') {
    return (await import('./numberproxy.js')).proxyByProfile(profile, proxy);
  }
  if (profile === undefined) return (await import('./numberproxy.js')).proxyByService(proxy);
  return knockAndJoin(profile, proxy);
}

/** The user's profile, or undefined where there is none and the socket service may have it. @throws OperatorError */
function findProfile(name: string, { socket = defaultServicePath }: ClientOptions): Profile | undefined {
  try {
    return loadProfile(name);
  } catch (error) {
    const isUnknown = error instanceof OperatorError && error.code === 'no-profile';
    if (isUnknown && existsSync(socket)) return undefined;
    throw error;
  }
}

async function knockAndJoin(profile: Knocked, { name, host, port, options }: Proxy): Promise<number> {
  requireNoNumber(options);
  const door = chooseDoorTo(profile, options.door, port);
  const job = profileJob(profile, door, options, profile.host ?? host);
  const screen = new Screen({ ...options, place: name, waitPort: port, live: false });
  const wanted = { ...job.options, wait: port };
  const composer = await composerOf({ ...job, options: wanted }, screen.tell);
  // ssh hands over the alias where its configuration says no more; the profile knows better.
  const doorHost = host === name ? job.options.host : host;
  try {
    const { result, socket } = await deliver(wanted, { composer, watch: screen.watch, doorHost });
    screen.note(`connected to ${result.opened?.address} after ${result.opened?.waitMs.toFixed(1)} ms`);
    await joinStandard(socket!);
    return 0;
  } catch (error) {
    if (error instanceof KnockError) return failed(error);
    throw error;
  }
}

function requireNoNumber(options: ClientOptions): void {
  const given = (['clockOffset', 'socket', 'fdpass'] as const).find(
    name => options[name] !== undefined && options[name] !== false,
  );
  if (given === undefined) return;
  throw new OperatorError('usage', `${dashed(given)} is for profiles of sequence numbers`);
}
