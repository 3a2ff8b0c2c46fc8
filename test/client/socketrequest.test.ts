/** What is said to the socket service and by it: read strictly, and whole or not at all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  formatReply,
  formatRequest,
  longestRequest,
  longestWaitMs,
  parseReply,
  parseRequest,
} from '../../src/client/socketrequest.js';

const line = (text: string) => Buffer.from(text);
const unended = (text: string) => line(text.slice(0, -1));

const word = fc.stringMatching(/^[A-Za-z0-9._:%-]{1,255}$/);
const request = fc.record(
  {
    name: word,
    host: word,
    port: fc.integer({ min: 1, max: 65535 }),
    family: fc.constantFrom(4 as const, 6 as const),
    timeoutMs: fc.integer({ min: 1, max: longestWaitMs }),
  },
  { requiredKeys: ['name', 'port', 'timeoutMs'], noNullPrototype: true },
);

test('a request comes back as it was, in one line that is short enough', () => {
  fc.assert(
    fc.property(request, wish => {
      const text = formatRequest(wish);
      assert.ok(text.length <= longestRequest);
      assert.equal(text.indexOf('\n'), text.length - 1);
      assert.deepEqual(parseRequest(unended(text)), wish);
    }),
  );
});

test('what is left out has a value of its own, or none', () => {
  assert.deepEqual(parseRequest(line('{"host":"h","port":22}')), { host: 'h', port: 22, timeoutMs: 10_000 });
});

for (const text of [
  '',
  '{}',
  '{"name":"home"}',
  '{"port":22}',
  '{"name":"","port":22}',
  '{"name":"a b","port":22}',
  '{"name":"a/b","port":22}',
  '{"name":"a\\u202eb","port":22}',
  `{"name":"${'a'.repeat(256)}","port":22}`,
  '{"name":"home","port":22,"family":5}',
  '{"name":"home","port":65536}',
  '{"name":"home","port":1e99}',
  '{"name":"home","port":true}',
  '{"name":"home","port":22,"timeout_ms":0}',
  '{"name":"home","port":22,"timeout_ms":60001}',
  '{"name":"home","port":22,"__proto__":{"port":23}}',
  '[{"name":"home","port":22}]',
  '\ufeff{"name":"home","port":22}',
]) {
  test(`no request: ${text.slice(0, 60)}`, () => assert.equal(parseRequest(line(text)), undefined));
}

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      parseRequest(bytes);
      parseReply(bytes);
    }),
  );
});

test('an answer comes back as it was', () => {
  for (const reply of [
    { ok: true, address: 'fe80::1%eth0' } as const,
    { error: 'not-open', message: 'port 22 of h did not open', hint: 'see' },
    { error: 'failed', message: 'no hint' },
  ]) {
    assert.deepEqual(parseReply(unended(formatReply(reply))), reply);
  }
});

for (const text of [
  '{}',
  '{"ok":false,"address":"::1"}',
  '{"ok":true}',
  '{"ok":true,"address":"::1","error":"x","message":"y"}',
  '{"error":"not-open"}',
  '{"error":"Not open","message":"x"}',
  '{"error":"x","message":"\\u001b[2J"}',
  '{"error":"x","message":"two\\nlines"}',
]) {
  test(`no answer: ${text}`, () => assert.equal(parseReply(line(text)), undefined));
}
