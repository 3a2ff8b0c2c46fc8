/**
 * A program that begins many TCP connections at once and tells which of them came to be, one line each:
 * manyconnect ADDRESS PORT COUNT WAIT-MS
 */
import { connect } from 'node:net';

const [address = '', port = '', count = '', waitMs = ''] = process.argv.slice(2);
for (let begun = 0; begun < Number(count); begun++) {
  const socket = connect(Number(port), address, () => process.stdout.write('connected\n'));
  socket.on('error', () => {});
}
setTimeout(() => process.exit(0), Number(waitMs));
