/**
 * What listens at /dev/log on a real machine: prints each message on a line of its own. Run by itself:
 * `node syslog.js PATH`. Node has no datagram sockets of the Unix kind.
 */
import { libc } from '../../../src/net/libc.js';

const unix = 1;
const datagram = 2;
const longest = 8192;

function listen(path: string): void {
  const fd = libc().socket(unix, datagram, 0);
  const address = Buffer.alloc(110);
  address.writeUInt16LE(unix);
  address.write(path, 2);
  libc().bind(fd, address, address.length);
  console.log('listening');
  const message = Buffer.alloc(longest);
  for (;;) console.log(message.toString('utf8', 0, libc().recv(fd, message, longest, 0)));
}

const [, script = '', path] = process.argv;
if (script.endsWith('syslog.js') && path !== undefined) listen(path);
