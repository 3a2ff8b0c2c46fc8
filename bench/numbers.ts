/**
 * What a sequence number adds to a connection, beside a connection that needs none and beside a knock; how many connections
 * a second one door lets in; and how many of them come about under a flood of guesses.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Scope } from '../test/e2e/harness/program.js';
import type { Connection } from './connecting.js';
import { type Flooded, fullAfterMs, knockUnder } from './flooded.js';
import { knockAt } from './knocking.js';
import { doorPort, makePlace } from './namespaces.js';
import { type Numbered, writeManyClients } from './numbered.js';
import type { Portknock } from './portknock.js';
import { pinDaemon } from './processors.js';
import { type Spread, spreadOf } from './spread.js';
import { atLeast, type Figure, median, type Unit, type Value } from './table.js';

const timeoutMs = 3000;
/** Of a second, one after the other. */
const rateCount = 500;
const floodPerSecond = 100_000;
const wanted = 99.9;

export interface NumberCounts {
  readonly knocks: number;
  readonly runs: number;
  /** Connections under a flood. */
  readonly guessedTries: number;
}

/** As many as the project has set itself to serve: three numbers of each at each port. */
const manyClients = 1000;
const manyPorts = 10;
const fillRounds = 5;

/** No daemon runs. @param scope of the namespace that it is done in */
export async function measureFilling(scope: Scope): Promise<Figure[]> {
  const place = await makePlace(scope);
  const configFile = writeManyClients(scope, manyClients, manyPorts);
  const {
    ms = 0,
    kernel = 0,
    times = [],
    turn = 0,
    count = 0,
  } = await place.onServer.ask({
    do: 'fill',
    configFile,
    rounds: fillRounds,
  });
  const group = `the numbers of ${manyClients.toLocaleString('en')} clients at ${manyPorts} ports in the kernel`;
  const row = (name: string, unit: Unit, value: Value): Figure => ({
    group,
    name,
    unit,
    values: { number: value },
  });
  return [
    row(`at the start, ${count.toLocaleString('en')} numbers`, 'ms', one(ms)),
    row('  of it the kernel', 'ms', one(kernel)),
    row(`when a period begins, median of ${fillRounds}`, 'ms', median(spreadOf(times))),
    row('  longest turn of the event loop meanwhile', 'ms', one(turn)),
  ];
}

/** Both run already. */
export async function measureNumbers(
  numbered: Numbered,
  portknock: Portknock,
  counts: NumberCounts,
): Promise<Figure[]> {
  for (const contender of [numbered, portknock]) pinDaemon(await contender.processes());
  return [
    ...(await measureTimes(numbered, portknock, counts.knocks)),
    ...(await measureRates(numbered)),
    ...(await measureRuns(numbered, portknock, counts.runs)),
    ...(await measureGuessed(numbered, counts.guessedTries)),
  ];
}

async function connect(numbered: Numbered, connections: readonly Connection[]) {
  const { prober, server, client } = numbered.place;
  const { times = [], ms = 0 } = await prober.ask({
    do: 'connect',
    source: client.ipv4,
    address: server.ipv4,
    connections,
    timeoutMs,
  });
  return { times, ms };
}

type Way = 'door' | 'repaired' | 'plain';

/** In turns, and each as often first as last, so that whatever else this machine does meets all of them alike. */
async function measureTimes(numbered: Numbered, portknock: Portknock, count: number): Promise<Figure[]> {
  const { openPort: port } = numbered;
  const times: Record<Way | 'knock', number[]> = { door: [], repaired: [], plain: [], knock: [] };
  for (const [turn, number] of numbered.takeNumbers(count).entries()) {
    const ways: readonly (readonly [Way, Connection])[] = [
      ['door', { port: doorPort, number }],
      ['repaired', { port, number }],
      ['plain', { port }],
    ];
    const order = [...ways.slice(turn % ways.length), ...ways.slice(0, turn % ways.length)];
    // One that is not measured: both machines have slept.
    const { times: found } = await connect(numbered, [{ port }, ...order.map(([, each]) => each)]);
    for (const [index, [way]] of order.entries()) times[way].push(found[index + 1]!);
    times.knock.push(await knockAt(portknock));
    // As in the other parts: many knocks in a short time would be taken for a flood, and gathered.
    await sleep(Math.random() * 100);
  }
  const spread = (values: readonly number[]) => spreadOf(values.map(ms => ms * 1000));
  return timeFigures(spread(times.door), spread(times.repaired), spread(times.plain), spread(times.knock));
}

/** All in microseconds. */
export function timeFigures(door: Spread, repaired: Spread, plain: Spread, knock: Spread): Figure[] {
  const group =
    'from nothing to a connection (portknock: from the last packet of a spread knock; floor: no number, an open port)';
  const row = (name: string, values: Figure['values'], unit: Unit = 'µs'): Figure => ({
    group,
    name,
    unit,
    values,
  });
  return [
    row(`p50 of ${door.count}`, { portknock: median(knock), number: median(door), floor: median(plain) }),
    row(`p99 of ${door.count}`, { portknock: one(knock.p99), number: one(door.p99), floor: one(plain.p99) }),
    row('p50 more than the floor', {
      portknock: one(knock.p50 - plain.p50),
      number: one(door.p50 - plain.p50),
    }),
    row('  of it the client’s part: setting the number, an open port', {
      number: one(repaired.p50 - plain.p50),
    }),
    row('  of it the server’s part: the door instead of an open port', {
      number: one(door.p50 - repaired.p50),
    }),
  ];
}

function one(value: number): Value {
  return { value };
}

async function measureRates(numbered: Numbered): Promise<Figure[]> {
  const { openPort: port } = numbered;
  const numbers = numbered.takeNumbers(rateCount);
  const rate = async (connections: readonly Connection[]) =>
    (connections.length * 1000) / (await connect(numbered, connections)).ms;
  const door = await rate(numbers.map(number => ({ port: doorPort, number })));
  const plain = await rate(numbers.map(() => ({ port })));
  const group = 'connections one after the other through one door (floor: to an open port)';
  return [
    {
      group,
      name: `${rateCount} connections`,
      unit: '/s',
      values: { number: one(Math.round(door)), floor: one(Math.round(plain)) },
    },
  ];
}

/** From the start of the program to its end: the service hangs up as soon as it has said its line. */
async function measureRuns(numbered: Numbered, portknock: Portknock, runs: number): Promise<Figure[]> {
  const times = { number: [] as number[], portknock: [] as number[], floor: [] as number[] };
  const run = async (command: ReturnType<Numbered['takeClientCommand']>) =>
    (await numbered.place.onClient.ask({ do: 'run', command })).ms!;
  const wait = {
    ...portknock.clientCommand,
    argv: [...portknock.clientCommand.argv, '--wait', String(doorPort)],
  };
  const nothing = { argv: [process.execPath, '-e', '0'] };
  for (let turn = 0; turn <= runs; turn++) {
    const number = await run(numbered.takeClientCommand());
    const { ms: knock } = await portknock.place.onClient.ask({ do: 'run', command: wait });
    const floor = await run(nothing);
    if (turn === 0) continue;
    times.number.push(number);
    times.portknock.push(knock!);
    times.floor.push(floor);
    // The door has to be shut again.
    await sleep(150);
  }
  const values = Object.fromEntries(
    Object.entries(times).map(([name, each]) => [name, median(spreadOf(each))]),
  );
  const group =
    "the client's whole run (portknock: knock with --wait; sequence number: connect; floor: node -e 0)";
  return [{ group, name: `median of ${runs}`, unit: 'ms', values }];
}

async function measureGuessed(numbered: Numbered, tries: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  const strangers = { garbage: numbered.garbage, perSecond: floodPerSecond, leadMs: fullAfterMs };
  const named = `${floodPerSecond.toLocaleString('en')}/s, each from a random source`;
  figures.push(...guessedFigures(named, await knockUnder(numbered, strangers, tries), tries));
  return figures;
}

/** What was found, in lines. */
export function guessedFigures(name: string, found: Flooded, tries: number): Figure[] {
  const group = `connections that come about under SYNs with random numbers to the same port, one try each, of ${tries}`;
  return [
    {
      group,
      name,
      unit: '%',
      values: { number: one(found.opened) },
      goal: atLeast(`≥ ${wanted} %`, wanted, found.opened),
    },
    { group, name: '  packets really sent', unit: '/s', values: { number: one(found.perSecond) } },
  ];
}
