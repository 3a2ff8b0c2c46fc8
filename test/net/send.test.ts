/** SYNs without privilege, on loopback. What arrives over a wire is looked at in test/client/namespaces.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eachPort, sendSyns } from '../../src/net/send.js';

const still = { delayMs: 0, signal: undefined, onSyn: undefined };

test('tells of every SYN, refused or not', async () => {
  let told = 0;
  await sendSyns('127.0.0.1', [9, 9, 10], { ...still, onSyn: () => told++ });
  assert.equal(told, 3);
});

test('the ports in order, with their delay', async () => {
  const ports: number[] = [];
  const start = performance.now();
  await eachPort([3, 1, 2], { ...still, delayMs: 20 }, port => void ports.push(port));
  assert.deepEqual(ports, [3, 1, 2]);
  assert(performance.now() - start >= 39);
});

test('stops at the signal', async () => {
  const ports: number[] = [];
  const controller = new AbortController();
  const send = (port: number) => {
    ports.push(port);
    if (port === 2) controller.abort();
  };
  await assert.rejects(eachPort([1, 2, 3], { ...still, signal: controller.signal }, send), {
    name: 'AbortError',
  });
  assert.deepEqual(ports, [1, 2]);
});

test('what cannot be sent fails with the system’s word', async () => {
  // A link-local address without its zone leads nowhere.
  await assert.rejects(sendSyns('fe80::1', [9], still), error => {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EINVAL' || code === 'ENETUNREACH' || code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT';
  });
});
