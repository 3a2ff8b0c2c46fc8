/** A program for the server's side of a test: prints every datagram that comes to a UDP port, one JSON object a line. */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { readDatagram } from './datagramreader.js';

// Tests find all files of this folder; only as a program does this one do anything.
const [, , task, port, keyFile] = process.argv;
if (task === 'listen') {
  const key = readFileSync(keyFile!);
  const socket = createSocket({ type: 'udp6' }).bind(Number(port), '::', () =>
    process.stdout.write('ready\n'),
  );
  socket.on('message', (bytes, { address }) => {
    const source = address.replace(/^::ffff:/, '');
    const { certificate: _, ...heard } = readDatagram(bytes, key, source);
    process.stdout.write(`${JSON.stringify(heard)}\n`);
  });
}
