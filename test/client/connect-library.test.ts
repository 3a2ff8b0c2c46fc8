/** The library's `connect`: a socket at once, what is written waits, and every error comes as an event. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ConnectOptions, connect } from '../../src/index.js';
import { missing, notIsolated } from '../e2e/harness/isolation.js';
import type { Outcome } from './connector.js';
import { Guarded } from './guarded.js';

const good = { host: '127.0.0.1', port: 2222, psk: 'key' };

const wrong: readonly [options: object, type: typeof TypeError | typeof RangeError, message: RegExp][] = [
  [{ host: '' }, TypeError, /^"host" expected a text$/],
  [{ host: 7 }, TypeError, /^"host"/],
  [{ port: 0 }, RangeError, /^"port" expected integer 1 to 65535, got 0$/],
  [{ port: undefined }, RangeError, /^"port"/],
  [{ port: '22' }, RangeError, /^"port"/],
  [{ psk: '' }, RangeError, /^"psk" expected at least one byte$/],
  [{ psk: new Uint8Array() }, RangeError, /^"psk"/],
  [{ psk: undefined }, TypeError, /^"psk" expected a text or bytes$/],
  [{ macPort: 65536 }, RangeError, /^"macPort" expected integer 1 to 65535, got 65536$/],
  [{ periodMs: 999 }, RangeError, /^"periodMs" expected integer 1000 to 3600000/],
  [{ periodMs: 1500 }, RangeError, /^"periodMs" expected whole seconds in milliseconds, got 1500$/],
  [{ toleranceMs: 1 }, RangeError, /^"toleranceMs" expected whole seconds/],
  [{ toleranceMs: -1000 }, RangeError, /^"toleranceMs" expected integer 0 to 3600000/],
  [{ family: 5 }, RangeError, /^"family" expected 4 or 6, got 5$/],
  [{ timeoutMs: 0 }, RangeError, /^"timeoutMs" expected integer 1 to 86400000, got 0$/],
  [{ signal: {} }, TypeError, /^"signal" expected an AbortSignal$/],
];

for (const [options, type, message] of wrong) {
  test(`options that are none: ${message}`, () => {
    assert.throws(
      () => connect({ ...good, ...options } as ConnectOptions),
      error => error instanceof type && message.test(error.message),
    );
  });
}

const bare = missing('setpriv');

describe('the library in namespaces', { skip: notIsolated }, () => {
  for (const family of ['ipv4', 'ipv6'] as const) {
    test(`what is written before it is connected arrives: ${family}`, async t => {
      const scene = await Guarded.create(t);
      await scene.admit([0]);
      const host = scene.network.server[family];
      const { events, data, code } = (await scene.library('talk', { host })) as Outcome;
      assert.deepEqual({ data, code }, { data: 'before it stands', code: undefined });
      assert.deepEqual(events, ['lookup', 'connect', 'ready', 'end', 'close']);
    });
  }

  test('a key of bytes, and a port to derive for', async t => {
    const scene = await Guarded.create(t);
    await scene.admit([0], { port: 22 });
    const { data } = (await scene.library('talk', {
      host: scene.network.server.ipv4,
      macPort: 22,
    })) as Outcome;
    assert.equal(data, 'before it stands');
  });

  test('two at once take different numbers', async t => {
    const scene = await Guarded.create(t);
    await scene.admit([0, 1]);
    const both = (await scene.library('two', { host: scene.network.server.ipv4 })) as Outcome[];
    assert.deepEqual(
      both.map(({ data }) => data),
      ['before it stands', 'before it stands'],
    );
  });

  test('used up', async t => {
    const scene = await Guarded.create(t);
    await scene.admit([0]);
    const host = scene.network.server.ipv4;
    const both = (await scene.library('two', { host, toleranceMs: 0 })) as Outcome[];
    assert.deepEqual(both.map(({ code }) => code ?? 'none').sort(), ['none', 'used-up']);
  });

  test('errors come as events', async t => {
    const scene = await Guarded.create(t, 'none');
    const host = scene.network.server.ipv4;
    const codeOf = async (options: object, scenario = 'talk') => {
      const { events, code, error } = (await scene.library(scenario, { host, ...options })) as Outcome;
      return { last: events.at(-1), code, error };
    };
    const last = 'close';
    const ours = (code: string) => ({ last, code, error: 'KnockError' });
    assert.deepEqual(await codeOf({ timeoutMs: 200 }), ours('not-open'));
    assert.deepEqual(await codeOf({ host: 'none.invalid' }), ours('no-address'));
    assert.deepEqual(await codeOf({ family: 6 }), ours('no-address'));
    assert.deepEqual(await codeOf({}, 'abort'), { last, code: 'ABORT_ERR', error: 'AbortError' });
    assert.deepEqual(await codeOf({}, 'aborted'), { last, code: 'ABORT_ERR', error: 'AbortError' });
    await scene.admit([0]);
    assert.deepEqual(await codeOf({}), ours('nothing-listens'));
    await scene.client.namespace.ip('route del default');
    assert.deepEqual(await codeOf({}), ours('unreachable'));
  });

  test('destroyed at once: the descriptor is left to whoever has it then', async t => {
    const scene = await Guarded.create(t);
    const host = scene.network.server.ipv4;
    assert.deepEqual(await scene.library('destroy', { host }), { isSame: true, link: '/dev/null' });
  });

  test('what is set before it is connected holds', async t => {
    const scene = await Guarded.create(t);
    await scene.admit([0]);
    const host = scene.network.server.ipv4;
    assert.deepEqual(await scene.library('set', { host }), { noDelay: 1, keepAlive: 1, idle: 7 });
  });

  test('without the privilege', { skip: bare }, async t => {
    const scene = await Guarded.create(t);
    const host = scene.network.server.ipv4;
    const { code, events } = (await scene.library('talk', { host }, [
      ...['setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin'],
    ])) as Outcome;
    assert.deepEqual({ code, events }, { code: 'not-permitted', events: ['close'] });
  });

  test('a connection of which nothing was read can be handed on', async t => {
    const scene = await Guarded.create(t, 'bye');
    await scene.admit([0]);
    const host = scene.network.server.ipv6;
    assert.deepEqual(await scene.library('paused', { host }), { address: host, bytesRead: 0, data: 'bye\n' });
  });
});
