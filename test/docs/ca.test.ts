/** That the recipe of docs/ca.md makes, with openssl alone, what portknock takes as it takes its own. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { readList } from '../../src/client/ca/revocation.js';
import { readPfxFile } from '../../src/system/pfx.js';
import { readChain, readRevokedIn } from '../client/ca/accepted.js';
import { Authority, noOpenssl } from '../client/ca/authority.js';
import { User } from '../client/program.js';
import { temporaryFolder } from '../e2e/harness/folder.js';
import { read } from './protocol.js';

const page = read('docs/ca.md');
const recipe = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text]) => text).join('\n');

describe('with openssl alone', { skip: noOpenssl }, () => {
  const folder = temporaryFolder({ after }, 'recipe');
  const pem = (name: string) => readFileSync(`${folder}/${name}`, 'utf8');
  const openssl = (words: string) =>
    execFileSync('openssl', words.split(' '), { cwd: folder, encoding: 'utf8', stdio: 'pipe' });

  before(() => {
    assert.ok(recipe.length > 1000);
    execFileSync('sh', ['-eu'], { cwd: folder, input: recipe, stdio: ['pipe', 'pipe', 'pipe'] });
  });

  test('clients’ certificates are taken, each with its rights', async () => {
    const root = [pem('root/ca.pem')];
    assert.deepEqual((await readChain(pem('laptop.pem'), root)).rights, ['tcp/2000', 'udp/8000']);
    assert.deepEqual((await readChain(pem('desk.pem'), root)).rights, ['tcp/8000-8100', 'door/ssh']);
    assert.ok(new X509Certificate(pem('laptop.pem')).raw.length >= 600);
  });

  test('one of an intermediate authority needs both authorities', async () => {
    const both = [pem('root/ca.pem'), pem('staff/ca.pem')];
    assert.equal((await readChain(pem('phone.pem'), both)).name, 'phone');
    await assert.rejects(readChain(pem('phone.pem'), [pem('root/ca.pem')]), /other-authority/);
    assert.equal(pem('ca.pem'), both.join(''));
    assert.match(openssl('verify -crl_check_all -CRLfile crl.pem -CAfile ca.pem phone.pem'), /OK/);
  });

  test('the list has what was revoked', async () => {
    const authorities = [pem('root/ca.pem'), pem('staff/ca.pem')];
    const { serial } = await readChain(pem('desk.pem'), authorities);
    assert.deepEqual(await readRevokedIn(pem('crl.pem'), authorities), [serial]);
    assert.match(openssl('verify -crl_check -CRLfile root/crl.pem -CAfile root/ca.pem laptop.pem'), /OK/);
    const revoked = 'verify -crl_check -CRLfile root/crl.pem -CAfile root/ca.pem desk.pem';
    assert.throws(() => openssl(revoked), /certificate revoked/);
    assert.equal(readList(pem('root/crl.pem'))?.number, 2);
  });

  test('the client takes its files', async t => {
    const { authorities } = readPfxFile(`${folder}/laptop.pfx`, 'a good password');
    assert.equal(authorities.length, 1);
    const words = [
      'datagram',
      '127.0.0.1',
      '--port',
      'tcp/2000',
      '--pfx',
      `${folder}/laptop.pfx`,
      '--dry-run',
    ];
    const files = [`--server-certificate=${folder}/server-office.cer`, `--password-file=${folder}/password`];
    const { status, stderr } = await new User(t).run([...words, ...files]);
    assert.equal(status, 0, stderr);
  });

  test('portknock ca goes on where openssl has begun', async t => {
    const ca = new Authority(t);
    await ca.do('init');
    for (const name of ['ca.key', 'ca.pem', 'crl.pem'])
      writeFileSync(`${ca.path}/${name}`, pem(`root/${name}`));
    await ca.do('issue tablet --right tcp/22');
    await ca.do('crl');
    const record = await ca.record('tablet');
    assert.match(ca.openssl(`verify -crl_check -CRLfile crl.pem -CAfile ca.pem ${record}`), /OK/);
    assert.equal((await readChain(readFileSync(record), [pem('root/ca.pem')])).name, 'tablet');
  });
});

test('the files of the page are those that are made', async t => {
  const ca = new Authority(t);
  await ca.do('init');
  await ca.do('server NAME');
  await ca.do('issue OTHER --right tcp/22');
  await ca.do('revoke OTHER');
  const made = ca
    .files()
    .map(file => file.replace(/[0-9a-f]{32}/, 'SERIAL').replace('OTHER', 'NAME'))
    .filter((file, at, all) => all.indexOf(file) === at);
  const said = [...page.matchAll(/^\| `([^`]+)` \|/gm)].map(([, file]) => file);
  assert.deepEqual(said.toSorted(), made.toSorted());
});
