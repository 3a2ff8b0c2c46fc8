/** What has to be known to read the figures. */
import { attemptEveryMs } from './prober.js';
import { areSeparate } from './processors.js';

export const notes: readonly string[] = [
  '(a–b): the quarters around the median. ratio: of portknock to knockd. What is measured, and how, is the same for all.',
  `From the last packet: counted from before it is handed to the kernel, with an attempt to connect every ${attemptEveryMs * 1000} µs.`,
  'Every knock comes from an address that its daemon has not heard before, so nothing needs to be shut in between.',
  'floor: a knock of 16 ports told apart by nftables alone; for programs, Node doing nothing.',
  'fwknop: fwknopd as Debian ships it, with libpcap; fwknop -U: its UDP server. It opens with iptables (nft), the others',
  'with nftables sets. Its packets are made beforehand, by the real fwknop; its log goes nowhere.',
  'One try: a knock is sent once, and has opened if a connection succeeds within 1 s of its last packet.',
  'Lost, reordered, doubled: decided at the sender, by the seeded network of the tests; the same for all.',
  'Flood: SYNs to the ports of the window or of the sequence, evenly, or base64 of 204 bytes to the UDP port of fwknopd,',
  'from random sources. The sequence of knockd is thus spared the worst: all SYNs to its first port.',
  'Sequences: knockd and portknockd in its place, equal but for the program: three SYNs, a timeout of 5 s, a log file, and a',
  'command that the shell itself runs (echo to a pipe), until whose word it is counted; native door: one of',
  'portknockd’s own that opens a port, heard at the interface too. A sequence has opened if that was done within 1 s.',
  'knockd logs every SYN that goes on with a sequence, portknockd the first 1,000 in ten seconds.',
  'Sequence number: a connection is counted from before its socket is made to the SYN-ACK, after one to an open port that',
  'is not counted; the rate is that of one thread, which waits for each.',
  'Datagrams: the garbage is as long as a right one. A valid key is another point of the curve each time; what is verified one',
  'after the other is verified without kernel and threads, by the code that the daemon’s thread runs.',
  'Challenges: hello to open is counted without the signing, which is the user’s key’s; what is judged one after the other is',
  'judged without kernel and threads. Bytes that left count all that the interface sends, the kernel’s own ICMP too.',
  'Lost before the daemon: as portknockd counts, and the kernel for a UDP socket. For libpcap nobody does from outside.',
  areSeparate
    ? 'Processors: knocks and floods are sent on the last one, on which the kernel also does its part for each packet,'
    : 'Processors: there is only one, which all share: these figures are too high.',
  ...(areSeparate
    ? ['as far as to the queue of the daemon; daemons have the others. A flood does not pause for a knock.']
    : []),
];
