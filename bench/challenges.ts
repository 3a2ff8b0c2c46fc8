/**
 * Challenges: from hello to open, how many signatures a processor judges, and who gets in while strangers flood the port with
 * hellos.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Signers } from '../src/methods/challenge/judge.js';
import type { Contender, Garbage } from './contender.js';
import { fullAfterMs } from './flooded.js';
import { timeKnocks, valueFrom } from './latency.js';
import { residentMib } from './process.js';
import { pinDaemon } from './processors.js';
import type { Signed } from './signed.js';
import { algorithms, type KeyPair, makeOpenpgpKey, makeSshKey, signWith } from './signing.js';
import { spreadOf } from './spread.js';
import { atLeast, atMost, type Figure, figureOf, type Unit } from './table.js';

const patienceMs = 1000;
const wanted = 99;
const perSecond = 20_000;
/** Exchanges that take longer were not all under it. */
const floodMs = 30_000;
/** As many as a second of the flood has. */
const heldHellos = 20_000;
const judged = 500;
const warmUp = 50;

export interface ChallengeCounts {
  readonly knocks: number;
  readonly floodedTries: number;
}

/** All run already. @param others whose knocks are timed beside it */
export async function measureChallenges(
  signed: Signed,
  others: readonly Contender[],
  { knocks, floodedTries }: ChallengeCounts,
): Promise<Figure[]> {
  pinDaemon(await signed.processes());
  return [
    ...(await measureTimes(signed, others, knocks)),
    ...(await measureJudging()),
    ...(await measureFloods(signed, floodedTries)),
  ];
}

async function measureTimes(signed: Signed, others: readonly Contender[], knocks: number): Promise<Figure[]> {
  const beside = await timeKnocks(others, knocks);
  const group =
    'from before the hello to the first connection, without the signing; of the others from the last packet';
  const figures: Figure[] = [];
  for (const { name, key } of [signed.signing.ssh, signed.signing.openpgp]) {
    const found = await signed.exchange(key, knocks + 1, { tries: 1, patienceMs });
    // The first is not measured: everything is new to it.
    const times = found.times.slice(1);
    if (times.some(ms => ms < 0)) throw new Error(`${name}: an exchange opened nothing`);
    const own = spreadOf(times);
    const until = spreadOf(found.challengeTimes.slice(1));
    for (const share of ['p50', 'p99'] as const) {
      const line = figureOf({ group, name: `${share} of ${knocks}, ${name}`, unit: 'ms' }, beside, spread =>
        valueFrom(spread, share),
      );
      figures.push({ ...line, values: { ...line.values, challenge: valueFrom(own, share) } });
    }
    figures.push({
      ...{ group, name: '  of it until the challenge is there, p50', unit: 'ms' },
      values: { challenge: valueFrom(until, 'p50') },
    });
  }
  return figures;
}

/** Without kernel and threads, as the daemon's thread runs it. */
async function measureJudging(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const make of [makeOpenpgpKey, makeSshKey]) {
    for (const algorithm of algorithms) figures.push(await rate(await make(algorithm)));
  }
  return figures;
}

async function rate({ name, key, publicKey }: KeyPair): Promise<Figure> {
  const signers = new Signers([signerOf(key.kind, publicKey)]);
  const claims = await Promise.all(
    Array.from({ length: judged }, async (_, index) => {
      const text = Buffer.from(`portknock challenge 1\n${index}\n`);
      const signature = await signWith(key, text);
      return { door: 'ssh', kind: key.kind, text, signature, source: new Uint8Array(16), at: Date.now() };
    }),
  );
  const judge = async (claim: (typeof claims)[number]) => {
    const judgement = await signers.judge(claim);
    if ('flaw' in judgement) throw new Error(`${name}: ${judgement.flaw}`);
  };
  for (const claim of claims.slice(0, warmUp)) await judge(claim);
  const begun = performance.now();
  for (const claim of claims) await judge(claim);
  const value = Math.round((judged * 1000) / (performance.now() - begun));
  const group = 'signatures that one processor judges, one after the other';
  return { group, name: `${name}, ${judged}`, unit: '/s', values: { challenge: { value } } };
}

function signerOf(kind: 'ssh' | 'openpgp', publicKey: Uint8Array) {
  const ssh = {
    ...{ blob: publicKey, from: undefined, expiresAt: undefined },
    ...{ touchRequired: true, verifyRequired: false },
  };
  return {
    ...{ client: 'bench', doors: ['bench'], revoked: false },
    openpgp: kind === 'openpgp' ? [{ fingerprint: '', bytes: publicKey }] : [],
    ssh: kind === 'ssh' ? [ssh] : [],
  };
}

async function measureFloods(signed: Signed, tries: number): Promise<Figure[]> {
  const kinds: readonly [string, () => Garbage][] = [
    ['not made under the site key', () => signed.noise],
    ['right ones, recorded and sent again', () => signed.hellos(heldHellos)],
  ];
  const figures: Figure[] = [];
  for (const [name, garbage] of kinds) figures.push(...(await measureFlood(signed, name, garbage(), tries)));
  return figures;
}

/** Each hello from a random source. */
async function measureFlood(
  signed: Signed,
  name: string,
  garbage: Garbage,
  count: number,
): Promise<Figure[]> {
  const { place, signing } = signed;
  const [, listener = 0] = await signed.processes();
  const before = await signed.traffic();
  const flood = { garbage, perSecond, address: place.server.ipv4 };
  const flooding = place.onClient.ask({ do: 'flood', ...flood, packets: perSecond * 60, timeoutMs: floodMs });
  const begun = performance.now();
  await sleep(fullAfterMs);
  const memory = residentMib(listener);
  const { tries } = await signed.exchange(signing.ssh.key, count, { tries: 3, patienceMs });
  if (performance.now() - begun > floodMs) throw new Error('the flood ended before the exchanges did');
  const { sent = 0, ms = 1 } = await flooding;
  const grown = residentMib(listener) - memory;
  const after = await signed.traffic();
  const share = (most: number) => (tries.filter(each => each > 0 && each <= most).length * 100) / count;
  const bytes = (after.sent - before.sent) / (after.received - before.received);
  const group = `exchanges that open under ${perSecond.toLocaleString('en')} hellos a second, ${count} of each`;
  const row = (line: string, unit: Unit, value: number, goal?: Figure['goal']): Figure => ({
    ...{ group, name: line, unit, values: { challenge: { value } } },
    goal,
  });
  return [
    row(`${name}: at the first try`, '%', share(1), atLeast(`≥ ${wanted} %`, wanted, share(1))),
    row('  within three tries, a second apart', '%', share(3)),
    row('  hellos really sent', '/s', (sent / ms) * 1000),
    row('  bytes that left, of those that came', '%', bytes * 100, atMost('≤ 100 %', 100, bytes * 100)),
    row('  memory of the listener at the end, more than after four seconds', 'MiB', grown),
  ];
}
