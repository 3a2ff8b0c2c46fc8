/** The functions of the C library, as a program may have them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

const skip = process.platform !== 'linux' && 'Linux only';

const uses = {
  'libc.js': (module: typeof import('../../src/net/libc.js')) => module.libc(),
  // Of what is no socket.
  'descriptors.js': (module: typeof import('../../src/net/descriptors.js')) =>
    assert.throws(() => module.receiveDescriptor(2 ** 20, Buffer.alloc(1)), { code: 'EBADF' }),
  'services.js': (module: typeof import('../../src/net/services.js')) => module.servicePort('ssh', 'tcp'),
};

for (const [file, use] of Object.entries(uses)) {
  test(`a program may load it twice, such as by two versions of the library: ${file}`, { skip }, async () => {
    for (const copy of ['first', 'second']) {
      use(await import(`${new URL(`../../src/net/${file}`, import.meta.url)}?${copy}`));
    }
  });
}
