/** Who is in which named set, against a plain reckoning of all openings; the kernel's sets are kept in memory here. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Door } from '../../src/daemon/config.js';
import { Members } from '../../src/daemon/members.js';
import { namedSet } from '../../src/daemon/setnames.js';
import { formatAddress, parseAddress } from '../../src/net/address.js';
import type { AddressSets, Member, Place } from '../../src/net/addressset.js';
import { Logbook } from './logbook.js';
import { read, smallText } from './reading.js';

const doors = ['a', 'b', 'c'];
const clients = ['x', 'y', 'z'];
const sources = ['192.0.2.1', '192.0.2.2', '2001:db8::1'];
const hourMs = 3_600_000;

/** What the kernel has, by set and address. */
class Sets implements AddressSets {
  readonly elements = new Map<string, Member>();

  add(members: readonly Member[]): void {
    for (const member of members)
      if (!this.elements.has(keyOf(member))) this.elements.set(keyOf(member), member);
  }

  replace(member: Member): boolean {
    const isThere = this.elements.has(keyOf(member));
    if (isThere) this.elements.set(keyOf(member), member);
    return isThere;
  }

  remove(place: Place): void {
    this.elements.delete(keyOf(place));
  }

  close(): void {}
}

function keyOf({ set, source }: Place): string {
  return `${set} ${formatAddress(source)}`;
}

interface Opening {
  readonly door: string;
  readonly client: string;
  readonly source: string;
  readonly hours: number;
}

/** For how many hours an address is in each set. */
function reckon(openings: readonly Opening[]): Map<string, number> {
  const expected = new Map<string, number>();
  for (const { door, client, source, hours } of openings) {
    const family = source.includes(':') ? 'ipv6' : 'ipv4';
    for (const { [family]: set } of [namedSet('door', door), namedSet('client', client)]) {
      const key = `${set} ${source}`;
      expected.set(key, Math.max(expected.get(key) ?? 0, hours));
    }
  }
  return expected;
}

test('is who has an opening, for as long as the longest, whatever is opened, closed, forbidden and restarted', t => {
  const base = read(t, smallText);
  const config = {
    ...base,
    doors: doors.map(name => ({ ...base.doors[0]!, name })),
    clients: clients.map(name => ({ ...base.clients[0]!, name })),
  };
  const sets = new Sets();
  const begin = () => new Members(sets, new Logbook().log, () => false);
  let members = begin();
  t.after(() => members.stop());
  members.adopt(config);
  let openings: Opening[] = [];
  let state = 7;
  const pick = <T>(values: readonly T[]): T => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 1;
    return values[(state >>> 8) % values.length]!;
  };
  for (let round = 0; round < 3000; round++) {
    const [door, client, source] = [pick(doors), pick(clients), pick(sources)];
    const action = pick(['open', 'open', 'open', 'open', 'close', 'forbid', 'flush'] as const);
    if (action === 'open') {
      const hours = pick([1, 2, 3, 4, 5]);
      const opened: Door = { ...config.doors.find(({ name }) => name === door)!, openForMs: hours * hourMs };
      members.join(opened, parseAddress(source)!, client);
      const before = openings.find(o => o.door === door && o.client === client && o.source === source);
      openings = openings.filter(opening => opening !== before);
      openings.push({ door, client, source, hours: Math.max(hours, before?.hours ?? 0) });
    } else if (action === 'close') {
      members.leave(door, parseAddress(source)!);
      openings = openings.filter(opening => opening.door !== door || opening.source !== source);
    } else if (action === 'forbid') {
      members.closeForbidden((by, of) => by !== client || of !== door);
      openings = openings.filter(opening => opening.client !== client || opening.door !== door);
    } else {
      sets.elements.clear();
      members.restore();
    }
    const found = [...sets.elements].map(([key, { timeoutMs }]) => [key, Math.round(timeoutMs / hourMs)]);
    assert.deepEqual(new Map(found.sort() as [string, number][]), new Map([...reckon(openings)].sort()));
  }
  // Of those that hold an address longest, another run knows everything.
  members.stop();
  members = begin();
  members.adopt(config);
  members.readBack([...sets.elements.values()]);
  for (const door of doors) for (const source of sources) members.leave(door, parseAddress(source)!);
  assert.deepEqual([...sets.elements.keys()], []);
});
