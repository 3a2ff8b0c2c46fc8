/** What can be measured, by name, and how often a whole run and a quick one measure it. */
import type { Scope } from '../test/e2e/harness/program.js';
import { Certified } from './certified.js';
import { measureChallenges } from './challenges.js';
import { measureClientRuns } from './clientrun.js';
import type { Contender, DaemonContender } from './contender.js';
import { measureDatagrams } from './datagrams.js';
import { measureFlooded } from './flooded.js';
import { Floor } from './floor.js';
import { Fwknop } from './fwknop.js';
import { measureGarbage, measurePopulations, type Population } from './garbage.js';
import { measureIdle } from './idle.js';
import { measureInterference } from './interference.js';
import { Knockd } from './knockd.js';
import { measureLatency } from './latency.js';
import { measureMemory } from './memory.js';
import { Numbered } from './numbered.js';
import { measureFilling, measureNumbers } from './numbers.js';
import { Portknock } from './portknock.js';
import { withScope } from './scope.js';
import { createSequenced } from './sequenced.js';
import { measureSequenceMemory, measureSequences, measureSpoofed } from './sequences.js';
import { Signed } from './signed.js';
import { measureStarts } from './start.js';
import { measureSuccess } from './success.js';
import type { Figure } from './table.js';

export interface Counts {
  readonly knocks: number;
  /** Of each contender, under each condition. */
  readonly tries: number;
  readonly floodedTries: number;
  readonly sprayedTries: number;
  /** Of two and a half seconds for each contender. */
  readonly garbageRounds: number;
  readonly runs: number;
  readonly starts: number;
  readonly idleSeconds: number;
  readonly sources: number;
  /** Connections with a sequence number under a flood. */
  readonly guessedTries: number;
}

export const fullCounts: Counts = {
  knocks: 300,
  tries: 300,
  floodedTries: 200,
  sprayedTries: 200,
  garbageRounds: 5,
  runs: 30,
  starts: 10,
  idleSeconds: 20,
  sources: 1_000_000,
  guessedTries: 1000,
};

export const quickCounts: Counts = {
  knocks: 20,
  tries: 60,
  floodedTries: 30,
  sprayedTries: 30,
  garbageRounds: 2,
  runs: 10,
  starts: 3,
  idleSeconds: 5,
  sources: 200_000,
  guessedTries: 100,
};

/** Everything that is compared. */
export interface Field {
  readonly portknock: Portknock;
  /** portknock first. */
  readonly daemons: readonly DaemonContender[];
  readonly floor: Floor;
}

export async function createField(scope: Scope): Promise<Field> {
  const portknock = await Portknock.create(scope);
  const others = [
    await Knockd.create(scope),
    await Fwknop.create(scope, 'pcap'),
    await Fwknop.create(scope, 'udp'),
  ];
  return { portknock, daemons: [portknock, ...others], floor: await Floor.create(scope) };
}

type Part = (field: Field, counts: Counts) => Promise<Figure[]>;

/** One part, one file: a further row is one more line here. */
export const parts: Readonly<Record<string, Part>> = {
  latency: ({ daemons, floor }, { knocks }) =>
    whileRunning(daemons, () => measureLatency([...daemons, floor], floor, knocks)),
  success: ({ daemons, floor }, { tries }) =>
    whileRunning(daemons, () => measureSuccess([...daemons, floor], tries)),
  flood: ({ daemons, floor }, { floodedTries }) =>
    whileRunning(daemons, () => measureFlooded([...daemons, floor], floodedTries)),
  interference: ({ portknock }, { sprayedTries }) =>
    whileRunning([portknock], () => measureInterference(portknock, sprayedTries)),
  garbage: ({ daemons }, { garbageRounds }) =>
    whileRunning(daemons, () => measureGarbage(daemons, garbageRounds)),
  population: (_, { garbageRounds }) => measurePopulation(garbageRounds),
  memory: ({ daemons, floor }, { sources }) => measureMemory(daemons, floor, sources),
  client: ({ daemons, floor }, { runs }) =>
    whileRunning(daemons, () => measureClientRuns(daemons, floor, runs)),
  start: ({ daemons, floor }, { starts }) => measureStarts(daemons, floor, starts),
  sequences: (_, counts) => measureAllSequences(counts),
  numbers: ({ portknock }, counts) => measureAllNumbers(portknock, counts),
  datagrams: ({ portknock, daemons }, counts) =>
    measureAllDatagrams(
      portknock,
      daemons.filter(({ name }) => name.startsWith('fwknop')),
      counts,
    ),
  challenges: ({ portknock }, counts) => measureAllChallenges(portknock, counts),
  idle: ({ daemons }, { idleSeconds }) => whileRunning(daemons, () => measureIdle(daemons, idleSeconds)),
};

async function whileRunning<Result>(
  contenders: readonly Contender[],
  measure: () => Promise<Result>,
): Promise<Result> {
  try {
    for (const contender of contenders) await contender.start();
    return await measure();
  } finally {
    for (const contender of contenders) await contender.stop();
  }
}

/** In namespaces of its own, for their firewall and their interface are not the other parts'. */
function measureAllSequences(counts: Counts): Promise<Figure[]> {
  return withScope(async scope => {
    const contenders = await createSequenced(scope);
    return [
      ...(await whileRunning(contenders, () => measureSequences(contenders, counts))),
      ...(await measureSpoofed(contenders, counts.floodedTries)),
      ...(await measureSequenceMemory(contenders, counts.sources)),
    ];
  });
}

function measureAllNumbers(portknock: Portknock, counts: Counts): Promise<Figure[]> {
  return withScope(async scope => {
    const numbered = await Numbered.create(scope);
    return [
      ...(await whileRunning([numbered, portknock], () => measureNumbers(numbered, portknock, counts))),
      ...(await measureFilling(scope)),
    ];
  });
}

function measureAllDatagrams(
  portknock: Portknock,
  others: readonly Contender[],
  counts: Counts,
): Promise<Figure[]> {
  return withScope(async scope => {
    const certified = await Certified.create(scope);
    return whileRunning([portknock, certified, ...others], () =>
      measureDatagrams(certified, portknock, others, counts),
    );
  });
}

function measureAllChallenges(portknock: Portknock, counts: Counts): Promise<Figure[]> {
  return withScope(async scope => {
    const certified = await Certified.create(scope);
    const signed = await Signed.create(scope);
    const others = [portknock, certified];
    await signed.start();
    try {
      return await whileRunning(others, () => measureChallenges(signed, others, counts));
    } finally {
      await signed.stop();
    }
  });
}

function measurePopulation(rounds: number): Promise<Figure[]> {
  return withScope(async scope => {
    const populations: Population[] = [];
    for (const clients of [10, 1000, 50_000]) {
      populations.push({ clients, contender: await Portknock.create(scope, clients) });
    }
    for (const clients of [1, 100]) {
      populations.push({ clients, contender: await Fwknop.create(scope, 'udp', clients) });
    }
    const contenders = populations.map(({ contender }) => contender);
    return whileRunning(contenders, () => measurePopulations(populations, rounds));
  });
}
