/** Random packets open nothing that is guarded, and without the guard they do: so the test can fail. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { PlainSequence } from '../../../src/methods/plain-sequence/recognise.js';
import { newPacket, tcp, udp } from '../../../src/net/packet.js';
import { chanceFrom } from '../chance.js';
import { seedOf } from '../seed.js';
import { door } from './knocker.js';

const packets = 1_000_000;

/** How often random packets of a few sources, a thousand a second, open a door of three ports. */
function openedBy(scanGuard: boolean, t: TestContext): number {
  let opened = 0;
  const events = { stage() {}, refused() {}, knock: () => opened++ };
  const doors = [door('ssh', '7000,8000,9000', { scanGuard, timeoutMs: 3_600_000 })];
  const method = new PlainSequence(
    { doors, services: [], addresses: undefined },
    events,
    64,
    Buffer.alloc(36, 3),
  );
  const packet = newPacket();
  const chance = chanceFrom(seedOf(t));
  for (let count = 0; count < packets; count++) {
    packet.at = 1_790_000_000_000 + count;
    packet.source[15] = chance.below(4);
    packet.protocol = chance.happens(0.9) ? tcp : udp;
    packet.sourcePort = chance.below(65536);
    packet.sequence = chance.word();
    // Near the ports of the door as often as not, where it is most dangerous.
    packet.port = chance.happens(0.5)
      ? 7000 + 1000 * chance.below(3) + chance.below(4)
      : 1 + chance.below(65535);
    packet.flags = chance.happens(0.5) ? 2 : chance.below(256);
    method.hear(packet);
  }
  return opened;
}

test('a million random packets open no door', t => assert.equal(openedBy(true, t), 0));

test('without the guard they open it, as they would for knockd', t => assert.ok(openedBy(false, t) > 0));
