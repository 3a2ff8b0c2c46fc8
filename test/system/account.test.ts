/** Users by name. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { findAccount } from '../../src/system/account.js';

const idOf = (option: string, name: string) =>
  Number(execFileSync('id', [option, name], { encoding: 'utf8' }));
const nobody = { uid: idOf('-u', 'nobody'), gid: idOf('-g', 'nobody') };

test('accounts are found by name, and nothing else is a name', () => {
  assert.deepEqual(findAccount('root'), { uid: 0, gid: 0 });
  assert.deepEqual(findAccount('nobody'), nobody);
  for (const name of ['no-such-user', '', '--help', '-u', 'a b'])
    assert.equal(findAccount(name), undefined, name);
});
