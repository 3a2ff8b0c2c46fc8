/** What the listener counts, by names that `status` shows; the place in the list is the code in a frame. */
import { reasons } from '../methods/knock.js';

export const counterNames = [
  'seen',
  'lost',
  'malformed',
  'knocks',
  'noise',
  'sources',
  'datagrams',
  'datagrams malformed',
  'datagrams dropped',
  'verifier restarts',
  'hellos',
  'challenges sent',
  'challenges not sent',
  'responses',
  'challenges malformed',
  'challenges dropped',
  'signatory restarts',
  ...reasons.map(reason => `refused ${reason}` as const),
] as const;

export type CounterName = (typeof counterNames)[number];

export type Counters = Record<CounterName, number>;

export function newCounters(): Counters {
  return Object.fromEntries(counterNames.map(name => [name, 0])) as Counters;
}
