/**
 * How many knocks open the door, one try each, where the network loses, reorders or doubles packets. This kernel has no
 * netem: the seeded network of the tests decides at the sender what arrives, the same for every contender.
 */
import { type Conditions, Network } from '../test/methods/network.js';
import type { Contender } from './contender.js';
import { pinDaemon } from './processors.js';
import { atLeast, type Figure, type Value } from './table.js';
import { knockOften, type Tries } from './tries.js';

export interface Row {
  readonly name: string;
  readonly conditions: Partial<Conditions>;
  /** The share that is to open, in %. */
  readonly wanted: number;
  readonly seed: number;
}

const rows: readonly Row[] = [
  { name: 'nothing lost', conditions: {}, wanted: 99.9, seed: 0 },
  { name: '1 % lost', conditions: { loss: 0.01 }, wanted: 99.9, seed: 1 },
  { name: '5 % lost', conditions: { loss: 0.05 }, wanted: 99.9, seed: 2 },
  { name: '30 % lost', conditions: { loss: 0.3 }, wanted: 85, seed: 3 },
  { name: '5 % reordered', conditions: { reordering: 0.05 }, wanted: 99.9, seed: 4 },
  { name: '25 % reordered', conditions: { reordering: 0.25 }, wanted: 99.9, seed: 5 },
  { name: '1 % doubled', conditions: { duplication: 0.01 }, wanted: 99.9, seed: 6 },
];

/** Between two knocks: more than any contender works on one, and more than a packet is held back. */
const everyMs = 30;
const everyMsReordered = 60;
/** Further apart than any number of knocks. */
const seedStride = 1 << 16;

/** The contenders run already. */
export async function measureSuccess(contenders: readonly Contender[], knocks: number): Promise<Figure[]> {
  for (const contender of contenders) pinDaemon(await contender.processes());
  const figures: Figure[] = [];
  for (const row of rows) figures.push(await measureRow(contenders, row, knocks));
  return figures;
}

async function measureRow(contenders: readonly Contender[], row: Row, knocks: number): Promise<Figure> {
  const values: Record<string, Value> = {};
  for (const contender of contenders) {
    values[contender.name] = { value: (await knockOften(contender, triesOf(row, knocks))).opened };
  }
  return {
    group: `knocks that open, one try each, ${knocks} of each contender`,
    name: row.name,
    unit: '%',
    values,
    goal: atLeast(`≥ ${row.wanted} %`, row.wanted, values['portknock']?.value),
  };
}

/** The same seeds for every contender. */
export function triesOf({ conditions, seed }: Row, knocks: number): Tries {
  return {
    knocks,
    everyMs: conditions.reordering === undefined ? everyMs : everyMsReordered,
    // A network of its own for each knock: what happens to one does not depend on how many packets the others have.
    way: (sent, knock) => new Network(seed * seedStride + knock, conditions).carry(sent),
  };
}
