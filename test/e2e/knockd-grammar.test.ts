/** The same texts read by the real knockd and by ours: refused in the same words, or taken with the same values. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readKnockdConf, requireSequence } from '../../src/daemon/knockd/grammar.js';
import { OperatorError } from '../../src/system/error.js';
import { legal, malformed } from '../daemon/knockd/configurations.js';
import { temporaryFolder } from './harness/folder.js';
import { missing } from './harness/isolation.js';
import { Namespace } from './harness/namespace.js';
import { readingOf, realKnockd, startKnockd } from './harness/realknockd.js';

/** How ours reads a text: what -D says of it, and the refusal if there is one. */
function ours(text: string): { lines: string[]; refusal: string | undefined } {
  const lines: string[] = [];
  try {
    const conf = readKnockdConf(text, 'knockd.conf', line => lines.push(line), { interfaceIsGiven: true });
    for (const door of conf.doors) requireSequence(door, 'knockd.conf');
    return { lines, refusal: undefined };
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return { lines, refusal: error.message };
  }
}

describe('beside the real knockd', { skip: missing(realKnockd) }, () => {
  test('the same is refused in the same words', async t => {
    const namespace = await Namespace.create(t, 'refused');
    for (const [name, text] of malformed) {
      await t.test(name, async t => {
        const knockd = startKnockd(namespace, temporaryFolder(t, 'knockd'), text);
        assert.deepEqual(await knockd.end(), { status: 1, signal: null });
        const { lines, refusal } = ours(text);
        assert.equal(`${refusal}\n`, knockd.stderr);
        assert.deepEqual(lines, readingOf(knockd));
      });
    }
  });

  test('the same is taken, and becomes the same', async t => {
    const namespace = await Namespace.create(t, 'taken');
    for (const [name, text] of legal) {
      await t.test(name, async t => {
        const knockd = startKnockd(namespace, temporaryFolder(t, 'knockd'), text);
        await knockd.line(/^listening on lo/);
        assert.deepEqual(ours(text), { lines: readingOf(knockd), refusal: undefined });
        assert.deepEqual(await knockd.stop(), { status: 15, signal: null });
        assert.equal(knockd.stderr, '');
      });
    }
  });
});
