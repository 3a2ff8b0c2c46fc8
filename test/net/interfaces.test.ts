/** What is known of interfaces: of the loopback, which every machine has. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { formatAddress, parseAddress } from '../../src/net/address.js';
import {
  anyInterface,
  interfaceAddresses,
  interfaceIndex,
  isEthernet,
  isRunning,
  watchInterfaces,
} from '../../src/net/interfaces.js';

const absent = 'no-such-thing';

test('an index', () => {
  assert.equal(interfaceIndex('lo'), 1);
  assert.equal(interfaceIndex(absent), undefined);
  assert.equal(interfaceIndex('x'.repeat(300)), undefined);
});

test('addresses, of one interface and of all', () => {
  const own = interfaceAddresses('lo').map(formatAddress);
  assert.ok(own.includes('127.0.0.1'), own.join());
  const all = interfaceAddresses(anyInterface).map(formatAddress);
  assert.deepEqual(
    own.filter(address => !all.includes(address)),
    [],
  );
  assert.equal(new Set(all).size, all.length);
  assert.deepEqual(interfaceAddresses(absent), []);
  assert.deepEqual(interfaceAddresses('l'), []);
});

test("every address that is in Node's own list too", () => {
  for (const [name, listed = []] of Object.entries(networkInterfaces())) {
    const own = interfaceAddresses(name).map(formatAddress);
    for (const { address } of listed) assert.ok(own.includes(formatAddress(parseAddress(address)!)), address);
  }
});

test('whether it runs', () => {
  assert.equal(isRunning('lo'), true);
  assert.equal(isRunning(anyInterface), true);
  assert.equal(isRunning(absent), false);
});

test('whether it is Ethernet', () => {
  assert.equal(isEthernet('lo'), true);
  assert.equal(isEthernet(absent), false);
  assert.equal(isEthernet(anyInterface), false);
});

test('a watch is closed, and does not keep the process alive', () => {
  watchInterfaces(() => {}).close();
  watchInterfaces(() => {});
});

test('no program that is started has the socket of the watch', () => {
  const descriptors = () => execFileSync('/bin/ls', ['/proc/self/fd'], { encoding: 'utf8' });
  const before = descriptors();
  const watch = watchInterfaces(() => {});
  assert.equal(descriptors(), before);
  watch.close();
});
