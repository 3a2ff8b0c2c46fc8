/** Packets without privilege, on loopback. What arrives over a wire is looked at in test/client/namespaces.test.ts. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { tcp, udp } from '../../src/net/packet.js';
import { eachHit, type Hit, sendHits } from '../../src/net/send.js';
import { eventually } from '../e2e/harness/eventually.js';

const still = { delayMs: 0, signal: undefined, onHit: undefined };
const syn = (port: number): Hit => ({ protocol: tcp, port });
const datagram = (port: number): Hit => ({ protocol: udp, port, payload: Uint8Array.of(7) });

test('tells of every packet, refused or not', async () => {
  let told = 0;
  await sendHits('127.0.0.1', [syn(9), syn(9), datagram(9), syn(10)], { ...still, onHit: () => told++ });
  assert.equal(told, 4);
});

test('the ports in order, with their delay', async () => {
  const ports: number[] = [];
  const start = performance.now();
  await eachHit([3, 1, 2].map(syn), { ...still, delayMs: 20 }, ({ port }) => void ports.push(port));
  assert.deepEqual(ports, [3, 1, 2]);
  assert(performance.now() - start >= 39);
});

test('stops at the signal', async () => {
  const ports: number[] = [];
  const controller = new AbortController();
  const send = ({ port }: Hit) => {
    ports.push(port);
    if (port === 2) controller.abort();
  };
  await assert.rejects(eachHit([1, 2, 3].map(syn), { ...still, signal: controller.signal }, send), {
    name: 'AbortError',
  });
  assert.deepEqual(ports, [1, 2]);
});

test('what cannot be sent fails with the system’s word', async () => {
  // A link-local address without its zone leads nowhere.
  for (const hit of [syn(9), datagram(9)]) {
    await assert.rejects(sendHits('fe80::1', [hit], still), error => {
      const { code } = error as NodeJS.ErrnoException;
      return (
        code === 'EINVAL' || code === 'ENETUNREACH' || code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT'
      );
    });
  }
});

test('a datagram holds what it was given, each from a port of its own', async t => {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.after(() => socket.close());
  const { port } = socket.address();
  const heard: { readonly payload: number[]; readonly from: number }[] = [];
  socket.on('message', (payload, from) => heard.push({ payload: [...payload], from: from.port }));
  for (const delayMs of [0, 1]) {
    await sendHits('127.0.0.1', [datagram(port), datagram(port)], { ...still, delayMs });
  }
  await eventually('all have arrived', () => heard.length === 4);
  assert(heard.every(({ payload }) => payload.length === 1 && payload[0] === 7));
  assert.notEqual(heard[0]!.from, heard[1]!.from);
  assert.notEqual(heard[2]!.from, heard[3]!.from);
});
