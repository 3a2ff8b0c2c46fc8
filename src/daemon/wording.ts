/** What the monitor says in its log, where it takes more than a word. */
import { type Flaw, flawOf } from '../methods/datagram/flaws.js';
import { formatAddress } from '../net/address.js';
import { formatDuration, roughly } from '../system/duration.js';
import { mainCommand } from './command.js';
import { anyone, type Config, type Door } from './config.js';
import type { Trouble } from './frames.js';
import { byHand } from './opening.js';
import { formatService } from './schema.js';

/** One line of what a configuration comes to. */
export function summary({ doors, clients, portSequence, sequenceNumber, datagram, capture }: Config): string {
  const where = capture.from === 'interface' ? `interface ${capture.interface}` : placeOf({ capture });
  const window = portSequence === undefined ? '' : `, window from port ${portSequence.basePort}`;
  const numbers =
    sequenceNumber === undefined
      ? ''
      : `, sequence numbers every ${formatDuration(sequenceNumber.periodMs)}, clocks within ${formatDuration(sequenceNumber.toleranceMs)}`;
  const datagrams =
    datagram === undefined ? '' : `, datagrams with clocks within ${formatDuration(datagram.skewMs)}`;
  return `${count(doors.length, 'door')}, ${count(clients.length, 'client')}, knocks from ${where}${window}${numbers}${datagrams}`;
}

/** Where knocks are heard. */
export function placeOf({ capture }: Pick<Config, 'capture'>): string {
  if (capture.from === 'nflog') return `NFLOG group ${capture.group}`;
  if (capture.from === 'stdin') return 'standard input';
  return capture.from === 'interface' ? capture.interface : capture.path;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** What opening a door does, and for how long. */
export function describeAction(door: Door): string {
  const span = ` for ${formatDuration(door.openForMs)}`;
  if (door.kind === 'services')
    return (door.services.map(formatService).join(', ') || 'its named sets') + span;
  const command = mainCommand(door.run);
  const text = command === undefined ? 'no command' : 'argv' in command ? command.argv[0] : command.shell;
  return `${text}${door.closeRun === undefined ? '' : span}`;
}

/** Which door, and who asked for it. */
export function whoOpens(door: Door, client: string, source: Uint8Array): string {
  const who = client === byHand ? '(by hand)' : client === anyone ? 'a sequence' : client;
  return `${door.name} for ${who} from ${formatAddress(source)}`;
}

/** For so many clients no entry of the ledger is sound. */
export function damagedLedger(clients: number): string {
  return `the ledger is damaged for ${count(clients, 'client')}, whose knocks are refused as replayed; give them new ids, or remove the ledger once no knock is younger than the skew`;
}

/** Before the machine last went down, the clock was so far ahead of what it is now. */
export function highFloor(aheadMs: number): string {
  return `the clock was ahead before this machine came up, or is behind now: for ${roughly(aheadMs)} knocks are refused as replayed; set the clock, or remove the file "floor" if no knock is younger than the skew`;
}

/** What may be behind a refusal, for whoever reads the log. */
export function explain(reason: string, detail: number): string {
  if (reason === 'stale') {
    const span = roughly(Math.abs(detail));
    return `: its clock is ${span} ${detail > 0 ? 'behind' : 'ahead of'} ours, or it is an old knock`;
  }
  // A knock of another method has no detail here.
  if (reason === 'replayed' && detail !== 0)
    return ': its number was used before, or given out before a restart; a second connection within a period needs the next number';
  if (reason === 'bad-tag') return ': a wrong key, or an address that NAT has changed';
  if (reason === 'wrong-address')
    return ': it does not know its address (NAT?); set address = "optional" to allow that';
  if (reason === 'not-recorded') return ': the ledger cannot be written (disk full or read-only?)';
  if (reason === 'timed-out') return `: nothing came in time after stage ${detail}`;
  if (reason === 'wrong-port') return `: a wrong port after stage ${detail}`;
  if (reason === 'scan') return ': it has hit too many other ports (scan_guard)';
  return '';
}

const flawTexts: Readonly<Record<Flaw, string>> = {
  unreadable:
    'it was made for another server certificate than ours, or is damaged, or is noise; give the client the certificate in server_certificate_file',
  'bad-signature':
    'it is not signed by the key of its certificate; give the client the key that belongs to it',
  'malformed-certificate': 'its certificate cannot be read; issue it anew',
  'other-authority':
    'no authority in ca_file has issued its certificate; add that authority, and those that lead to it, or issue it anew',
  'wrong-usage':
    'its certificate is not for clients: its key usage or extended key usage says otherwise, or it is an authority; issue it anew',
  'weak-signature':
    'its authority has signed it with MD5 or SHA-1, for which others can be forged; issue it anew with SHA-256',
  'wrong-key': 'the key of its certificate is not on the curve P-256; issue it anew for such a key',
};

const datagramTexts: Readonly<Record<string, string>> = {
  expired: 'its certificate, or one that leads to it, is not in date by our clock; issue it anew',
  revoked: 'its certificate, or one that leads to it, is in the list of revoked certificates',
  'not-allowed':
    'its certificate has no right to this service, or the door of the service has datagram = false',
  'unknown-command': 'no door has this service; add it to one, or set "policy" of [datagram]',
  'wrong-address':
    'it names another address than the one that it came from (NAT?); set allow_other_address = true to allow that',
  replayed: 'it was heard before, or is from before a restart; each try needs a datagram of its own',
  'crl-out-of-date':
    'there is no list of revoked certificates in date for its authority, and crl_required = true, or the first list is still being got; renew crl_file, or what crl_url serves',
  'not-recorded':
    'the file "datagrams" in the state directory cannot be written (disk full or read-only?), or all of it is needed for datagrams younger than the skew',
};

/** What may be behind the refusal of a datagram. @param detail as in a refusal of that method */
export function explainDatagram(reason: string, detail: number): string {
  if (reason === 'stale') return explain(reason, detail);
  const flaw = flawOf(reason, detail);
  const text = flaw === undefined ? datagramTexts[reason] : flawTexts[flaw];
  return text === undefined ? '' : `: ${text}`;
}

/** What the listener has to report of itself. @param value how many places are damaged */
export function describeTrouble(trouble: Trouble, value: number): string {
  const again = 'it is started again, and the datagrams that it had are lost';
  if (trouble === 'verifier-hung')
    return `the thread that verifies datagrams did not answer in time; ${again}`;
  if (trouble === 'verifier-died') return `the thread that verifies datagrams has ended; ${again}`;
  if (trouble === 'bad-lists')
    return 'the lists of revoked certificates that were fetched cannot be read; those from before stay in force';
  return `the file "datagrams" is damaged in ${count(value, 'place')}: datagrams that were made before now are refused as replayed, and for as long as the skew all are`;
}
